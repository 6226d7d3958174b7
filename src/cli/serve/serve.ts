import { availableParallelism } from 'node:os'
import { startApp, type Waits } from '../../composition/app.ts'
import { type LoadedConfig, loadConfig } from '../../config/load-config.ts'
import { createLog } from '../../observe/create-log.ts'
import { processCount } from '../../processes/count.ts'
import { asWorker } from '../../processes/worker.ts'
import { withOrigins } from '../failure-sentence.ts'
import { openLog } from '../open-log.ts'
import { announce } from './announce.ts'
import { describeEnd, endOf, exitCodeOf } from './end-reason.ts'
import { ensureRuntimeSettings, reExecute } from './re-execute.ts'
import { type Logging, refusalOf, startUnlessEnded, supervise, work } from './serve-in-processes.ts'

export interface ServeOptions {
  readonly tls?: 'self-signed'
  /** Keys that there are not keep it from serving. */
  readonly strict?: boolean
  /** For tests; in earnest each has its default. */
  readonly waits?: Waits
}

/** Serves until it is asked to stop, then ends the process. Throws ConfigError or StartError when it cannot begin. */
export async function serve(configPath: string | undefined, options: ServeOptions = {}): Promise<void> {
  ensureRuntimeSettings()
  const environment = { ...process.env, ...settingsOf(options) }
  const loaded = loadConfig({ path: configPath, environment, strict: options.strict === true })
  try {
    await serveWith(loaded, options.waits ?? {})
  } catch (error) {
    throw withOrigins(error, loaded.settings)
  }
}

async function serveWith(loaded: LoadedConfig, waits: Waits): Promise<void> {
  const output = openLog(loaded.config.log.file)
  const worker = asWorker(process.env)
  const log = createLog(loaded.config.log, output)
  try {
    if (worker !== undefined) return await work(loaded, worker, { log: log.child({ worker: worker.number }), output, waits })
    for (const notice of loaded.notices) log.warn('configuration notice', { notice })
    const count = processCount(loaded.config, availableParallelism(), process.platform)
    if (count > 1) await supervise(loaded, count, { log, output })
    else await serveAlone(loaded, { log, output, waits })
  } finally {
    await output.end()
  }
}

/** As the variables that they stand for: one way to be told, one way to be reported. */
function settingsOf({ tls }: ServeOptions) {
  return tls === undefined ? {} : { REGISTRY_HTTP_TLS_SELFSIGNED_ENABLED: 'true' }
}

/** One process for everything. */
async function serveAlone(loaded: LoadedConfig, { log, output, waits }: Logging & { readonly waits: Waits }): Promise<void> {
  const { config } = loaded
  const end = endOf(log, output)
  const app = await startUnlessEnded(end, { log, output }, (signal) =>
    startApp(config, log, { ...waits, signal, withOrigins: (error) => withOrigins(error, loaded.settings) }),
  )
  announce(loaded, { url: app.url, processes: 1 }, log)
  const reason = await Promise.race([end.reason(app.failed), refusalOf(app)])
  describeEnd(reason, log)
  await app.stop({ timeoutMs: config.http.drainTimeoutMs })
  log.info('stopped')
  await output.end()
  if (reason.kind === 'restart') reExecute()
  if (reason.kind === 'refused') throw reason.error
  process.exit(exitCodeOf(reason))
}
