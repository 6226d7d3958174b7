import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { tracePage } from '../scripts/trace/page.ts'
import type { Trace } from '../scripts/trace/trace.ts'
import { environmentIn, run } from './support/processes.ts'
import { TemporaryFolder } from './support/temporary-folder.ts'

const ROOT = join(import.meta.dir, '..')
const TRACE_MS = 300_000

test(
  'the page of the files that run for a request is true (npm run trace -- --write-docs)',
  async () => {
    using home = new TemporaryFolder()

    const { exitCode, stdout, stderr } = await run([process.execPath, join(ROOT, 'scripts/trace.ts'), '--json'], {
      environment: environmentIn(home.path),
      timeoutMs: TRACE_MS,
    })

    expect([exitCode, stderr]).toEqual([0, ''])
    const traces = JSON.parse(stdout) as readonly Trace[]
    expect(tracePage(traces)).toBe(readFileSync(join(ROOT, 'docs/trace.md'), 'utf8'))
    expect(traces.filter(({ files }) => !files.includes('http/server/server.ts'))).toEqual([])
  },
  TRACE_MS + 10_000,
)
