import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { RegistryClient } from '../../test/support/registry-client.ts'
import { atEnd } from '../leftovers.ts'
import { type Contestant, RegistryUnderLoad } from '../registry.ts'
import { FILE_CALLS, type FileCounts, readTrace, type TimeSpan, tracer } from './trace.ts'
import { WORK, type Work } from './work.ts'

/** The first time makes what later ones find; what happens besides, in one of the others, does not count. */
const TIMES = 5
/** What a registry still does when it has answered belongs to the request. */
const SETTLE_MS = 20

export interface CountedWork {
  /** Left out, all of it. */
  readonly works?: readonly Work[]
  readonly environment?: Readonly<Record<string, string>>
}

/** Runs a registry under strace, and gives what each kind of work has cost it, by name. */
export async function countFileCalls(
  contestant: Contestant,
  directory: string,
  { works = WORK, environment }: CountedWork = {},
): Promise<ReadonlyMap<string, FileCounts>> {
  const folder = await mkdtemp(join(directory, 'berth-counts-'))
  const isGone = atEnd(() => rm(folder, { recursive: true, force: true }))
  const log = join(folder, 'trace')
  const data = join(folder, contestant, 'data')
  const registry = new RegistryUnderLoad({ contestant, folder, storage: storageIn(data), under: tracer(log), environment })
  try {
    await registry.start()
    await registry.scanned()
    const client = new RegistryClient(registry.url)
    const spans: TimeSpan[] = []
    for (const work of works) spans.push(...(await timesOf(work, client)))
    await registry.stop()
    const counts = readTrace(log, registry.data, spans)
    return new Map(works.map(({ name }, index) => [name, leastOf(counts.slice(index * TIMES, (index + 1) * TIMES))]))
  } finally {
    await registry.stop()
    await rm(folder, { recursive: true, force: true })
    isGone()
  }
}

async function timesOf(work: Work, client: RegistryClient): Promise<TimeSpan[]> {
  await work.prepare?.(client)
  await work.run(client, 0)
  await Bun.sleep(SETTLE_MS)
  const spans: TimeSpan[] = []
  for (let time = 1; time <= TIMES; time += 1) {
    const from = Date.now()
    await work.run(client, time)
    await Bun.sleep(SETTLE_MS)
    spans.push({ from, to: Date.now() })
  }
  return spans
}

function leastOf(all: readonly FileCounts[]): FileCounts {
  return Object.fromEntries(FILE_CALLS.map((name) => [name, Math.min(...all.map((counts) => counts[name]))])) as Record<
    (typeof FILE_CALLS)[number],
    number
  >
}

/** Layers are read when there is time, which may fall into any later request. */
function storageIn(data: string): string {
  return `  filesystem:\n    rootdirectory: ${data}\n  maintenance: {layers: {enabled: false}}\n`
}
