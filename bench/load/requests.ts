import { join } from 'node:path'
import type { RequestLoad, RequestReport } from './request-clients.ts'

export interface RequestsOptions extends Omit<RequestLoad, 'port'> {
  readonly url: string
}

export interface RequestsResult extends RequestReport {
  readonly requestsPerSecond: number
}

/** GETs or HEADs as fast as the server answers. Throws when an answer is not 200, or not the bytes that it should be. */
export async function runRequests({ url, ...options }: RequestsOptions): Promise<RequestsResult> {
  const load: RequestLoad = { ...options, port: Number(new URL(url).port) }
  const child = Bun.spawn([process.execPath, join(import.meta.dir, 'request-clients.ts')], {
    stdout: 'pipe',
    stderr: 'inherit',
    stdin: new Blob([JSON.stringify(load)]),
  })
  const output = await child.stdout.text()
  if ((await child.exited) !== 0) throw new Error('the clients failed')
  const report = JSON.parse(output) as RequestReport
  return { ...report, requestsPerSecond: report.requests / report.seconds }
}
