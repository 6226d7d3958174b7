import { stringify } from 'yaml'
import { RecordedLog } from '../../test/support/recorded-log.ts'
import { RegistryClient } from '../../test/support/registry-client.ts'
import { TemporaryFolder } from '../../test/support/temporary-folder.ts'
import { Coverage } from './coverage.ts'
import { requestsOf, type TracedRequest } from './requests.ts'

/** Enough that what a timer runs beside them is no part of them. */
const TIMES = 25
/** A timer that ends the work of many requests, as the one that writes their moves of tags, runs in one of these. */
const ROUNDS = 3
const SCAN_MS = 90_000

export interface Trace {
  readonly title: string
  /** The files of src that run each time, as in `http/routes.ts`, in the order of their paths. */
  readonly files: readonly string[]
}

/**
 * Which files of src run for a request, found out with a registry on a directory, as its default configuration makes it. Only the layers of what was pushed
 * are not read: that is done when there is time, and may fall into any later request.
 */
export async function traceRequests(): Promise<readonly Trace[]> {
  using folder = new TemporaryFolder()
  using coverage = await Coverage.start()
  // After the coverage has begun: it sees what is loaded from then on.
  const { startApp } = await import('../../src/composition/app.ts')
  const { loadConfig } = await import('../../src/config/load-config.ts')
  const storage = { filesystem: { rootdirectory: folder.path }, maintenance: { layers: { enabled: false } } }
  const sections = { version: '0.1', storage, http: { addr: '127.0.0.1:0' } }
  const { config } = loadConfig({ path: await folder.file('config.yml', stringify(sections)), environment: {} })
  const app = await startApp(config, new RecordedLog(), { accessOutput: { write: () => undefined, end: async () => undefined } })
  try {
    const client = new RegistryClient(app.url)
    await scanned(client)
    const traces: Trace[] = []
    for (const request of await requestsOf(client)) traces.push(await trace(coverage, request))
    return traces
  } finally {
    await app.stop({ timeoutMs: 0 })
  }
}

/** The scan of a start asks many times the same, and is no part of a request. */
async function scanned(client: RegistryClient): Promise<void> {
  const deadline = performance.now() + SCAN_MS
  for (;;) {
    const { scan } = (await (await client.request('GET', '/readyz')).json()) as { readonly scan: { readonly complete: boolean } }
    if (scan.complete) return
    if (performance.now() > deadline) throw new Error(`The scan is not complete after ${SCAN_MS} ms.`)
    await Bun.sleep(20)
  }
}

/** The first request fills what is remembered, and is not counted. */
async function trace(coverage: Coverage, { title, send }: TracedRequest): Promise<Trace> {
  await send()
  await coverage.calls()
  let files: ReadonlySet<string> | undefined
  for (let round = 0; round < ROUNDS; round++) {
    for (let time = 0; time < TIMES; time++) await send()
    const called = new Set([...(await coverage.calls())].flatMap(([path, count]) => (count >= TIMES ? [path] : [])))
    files = files === undefined ? called : called.intersection(files)
  }
  return { title, files: [...(files ?? [])].sort() }
}
