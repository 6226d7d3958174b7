import { join } from 'node:path'
import type { HeadLoad, HeadReport } from './head-clients.ts'

export interface HeadResult extends HeadReport {
  readonly requestsPerSecond: number
}

/** HEADs as fast as the server answers. Throws when an answer is not 200. */
export async function runHeads(load: HeadLoad): Promise<HeadResult> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, 'head-clients.ts'), JSON.stringify(load)], {
    stdout: 'pipe',
    stderr: 'inherit',
    stdin: 'ignore',
  })
  const output = await child.stdout.text()
  if ((await child.exited) !== 0) throw new Error('the clients failed')
  const report = JSON.parse(output) as HeadReport
  return { ...report, requestsPerSecond: report.requests / load.seconds }
}
