import { type App, startApp, type Waits } from '../../composition/app.ts'
import { orderCertificates } from '../../composition/certificate-orders.ts'
import { serveDebug } from '../../composition/debug-server.ts'
import { listenErrorOf } from '../../composition/listen-error.ts'
import { startErrorOf } from '../../composition/start-error.ts'
import type { Config } from '../../config/config.ts'
import type { LoadedConfig } from '../../config/load-config.ts'
import type { Log, LogOutput } from '../../observe/log.ts'
import type { ProcessReport } from '../../observe/report.ts'
import { requireFreePort } from '../../processes/free-port.ts'
import { REFUSED_EXIT_CODE, RESTART_EXIT_CODE } from '../../processes/messages.ts'
import { Supervisor } from '../../processes/supervisor.ts'
import type { Worker } from '../../processes/worker.ts'
import { failureSentence, withOrigins } from '../failure-sentence.ts'
import { announce } from './announce.ts'
import { describeEnd, type End, type EndReason, endOf, exitCodeOf } from './end-reason.ts'
import { ownCommand } from './re-execute.ts'

export interface Logging {
  readonly log: Log
  readonly output: LogOutput
}

/** What the supervisor asks its workers. */
const REPORT = 'report'

/** Keeps `count` workers that serve, until it is asked to stop. Throws StartError. */
export async function supervise(loaded: LoadedConfig, count: number, { log, output }: Logging): Promise<void> {
  const { http } = loaded.config
  const end = endOf(log, output)
  await requirePort(loaded.config)
  const supervisor = new Supervisor({
    count,
    command: ownCommand(),
    environment: process.env,
    drainTimeoutMs: http.drainTimeoutMs,
    log,
  })
  const orders = await certificateOrders(loaded.config, log)
  const debug = await debugServer(supervisor, loaded.config, log)
  const asked = end.reason(new Promise<never>(() => undefined)).then(() => undefined)
  const url = await Promise.race([supervisor.start(), asked])
  // The first worker has said why, unless it was asked to end.
  if (url === undefined) {
    await supervisor.stop()
    await output.end()
    process.exit(exitCodeOf(end.begun()))
  }
  announce(loaded, { url, processes: count }, log)
  const refusal = supervisor.refused.then((): EndReason => ({ kind: 'refused', error: undefined }))
  const reason = await Promise.race([end.reason(new Promise<never>(() => undefined)), refusal])
  describeEnd(reason, log)
  await Promise.all([supervisor.stop(), debug?.stop({ timeoutMs: 0 }), orders?.stop()])
  log.info('stopped')
  await output.end()
  process.exit(exitCodeOf(reason))
}

/** Serves as one of several processes, until the supervisor asks it to stop or is gone. Throws StartError. */
export async function work(
  { config, settings }: LoadedConfig,
  worker: Worker,
  { log, output, waits }: Logging & { readonly waits: Waits },
): Promise<void> {
  const end = endOf(log, output)
  const shared = { port: worker.port, store: worker.store }
  const app = await startUnlessEnded(withAbandonment(end, worker), { log, output }, (signal) =>
    startApp(config, log, { ...waits, shared, signal, withOrigins: (error) => withOrigins(error, settings) }),
  )
  worker.serves(app, { [REPORT]: () => app.report() })
  const abandoned = worker.abandoned.then((): EndReason => ({ kind: 'abandoned' }))
  const reason = await Promise.race([end.reason(app.failed), refusalOf(app), abandoned])
  if (reason.kind !== 'signal') describeEnd(reason, log)
  await app.stop({ timeoutMs: config.http.drainTimeoutMs })
  if (reason.kind === 'refused') process.stderr.write(`berth: ${failureSentence(reason.error)}\n`)
  await output.end()
  process.exit(workerExitCode(reason))
}

/** A supervisor that is gone is a reason to end, too. */
function withAbandonment(end: End, worker: Worker): Pick<End, 'signal' | 'begun'> {
  const gone = new AbortController()
  void worker.abandoned.then(() => gone.abort())
  return {
    signal: AbortSignal.any([end.signal, gone.signal]),
    begun: () => end.begun() ?? (gone.signal.aborted ? { kind: 'abandoned' } : undefined),
  }
}

/** A start that waits for its storage ends with the process, when that is asked to end. Throws what the start throws otherwise. */
export async function startUnlessEnded(
  end: Pick<End, 'signal' | 'begun'>,
  { log, output }: Logging,
  start: (signal: AbortSignal) => Promise<App>,
): Promise<App> {
  try {
    return await start(end.signal)
  } catch (error) {
    const reason = end.begun()
    if (reason === undefined) throw error
    describeEnd(reason, log)
    await output.end()
    process.exit(exitCodeOf(reason))
  }
}

/** The start that another database has put off did not come about. */
export async function refusalOf({ refused }: Pick<App, 'refused'>): Promise<EndReason> {
  const error = startErrorOf(await refused)
  return { kind: 'refused', error: error instanceof Error ? error : new Error(String(error)) }
}

function workerExitCode(reason: EndReason): number {
  if (reason.kind === 'restart') return RESTART_EXIT_CODE
  return reason.kind === 'refused' ? REFUSED_EXIT_CODE : exitCodeOf(reason)
}

async function requirePort({ http }: Config): Promise<void> {
  if (http.listen.kind !== 'tcp') return
  try {
    await requireFreePort(http.listen)
  } catch (error) {
    throw startErrorOf(listenErrorOf(error, { setting: 'http.addr', address: http.listen }))
  }
}

async function certificateOrders(config: Config, log: Log) {
  try {
    return await orderCertificates(config, log)
  } catch (error) {
    throw startErrorOf(error)
  }
}

/** Answers before there are workers, so that probes and metrics tell how the start goes, also while a storage is waited for. */
async function debugServer(supervisor: Supervisor, config: Config, log: Log) {
  try {
    return await serveDebug(config.http.debug, async () => (await supervisor.ask(REPORT)) as ProcessReport[], log)
  } catch (error) {
    throw startErrorOf(error)
  }
}
