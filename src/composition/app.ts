import { watchedAccounts } from '../access/accounts/watched-accounts.ts'
import type { OnShown } from '../certificates/certificates.ts'
import type { Config } from '../config/config.ts'
import { Door } from '../http/door.ts'
import type { Handler } from '../http/pipeline.ts'
import type { Listen } from '../http/server/server.ts'
import type { Log, LogOutput } from '../observe/log.ts'
import { ManifestDelay } from '../observe/manifest-delay.ts'
import type { RegistryMetrics } from '../observe/metrics/registry-metrics.ts'
import type { ProcessReport } from '../observe/report.ts'
import { requestOutput } from '../observe/standard-stream.ts'
import type { CollectorPolicy } from '../registry/collect/policy.ts'
import type { Patience } from '../upstream/exchange.ts'
import { orderCertificates } from './certificate-orders.ts'
import { serveDebug } from './debug-server.ts'
import { beginLife } from './life.ts'
import { type BeginLife, Lives, onlyLife } from './lives.ts'
import { createMetrics } from './monitoring.ts'
import { type Closer, closeAll } from './only-database.ts'
import { type PublicServer, type PublicServerOptions, servePublic } from './public-server.ts'
import { explainedStartError, StartError } from './start-error.ts'

/** So long before connections are cut at a stop, requests that wait for another registry are answered. */
const LAST_WORDS_MS = 500

/** A running registry. */
export interface App {
  /** Where it listens. */
  readonly url: string
  /** The id of the storage, where another one could come in its place. */
  readonly store: string | undefined
  /** Refuses new requests, lets running ones finish for so long, and lets go of everything. */
  stop(options: { readonly timeoutMs: number }): Promise<void>
  /** Settles, never rejects, when the process must start anew: its metadata database was replaced. */
  readonly failed: Promise<Error>
  /** Settles, never rejects, when the process must end: another database stays at work on the storage. */
  readonly refused: Promise<Error>
  /** How it is: plain data, for a supervisor that adds up its processes. */
  report(): Promise<ProcessReport>
}

/** Times of the system, which no key of the configuration sets so short: tests that wait for their end do. */
export interface Waits {
  /** For so long an object store takes a request that must not come late; 15 when left out. */
  readonly expiresSeconds?: number | undefined
  /** The times of signs of life, multiplied by this; 1 when left out. */
  readonly presencePace?: number | undefined
  /** In place of what the configuration says of the collector, which keeps to minutes. */
  readonly collector?: Partial<CollectorPolicy> | undefined
  /** For the answers of an upstream; as in `exchange.ts` when left out. */
  readonly upstreamPatience?: Partial<Patience> | undefined
}

export interface StartOptions extends Waits {
  /** Where lines about requests go; standard output when left out. */
  readonly accessOutput?: LogOutput
  /**
   * One of several processes that a supervisor keeps: they share the port, which is another one than the configuration's where that
   * says 0, and the supervisor serves `http.debug.addr` for all. `store`: the id of the storage that the others serve.
   */
  readonly shared?: { readonly port: number | undefined; readonly store?: string | undefined }
  /** The server that clients talk to; left out, the one that suits the storage. */
  readonly server?: Listen
  /** Adds to a failure that names settings where each was set, for a start that waits and does not fail. */
  readonly withOrigins?: (error: unknown) => unknown
  /** Aborts when the process is asked to end: the start then rejects where it would wait for a storage. */
  readonly signal?: AbortSignal
}

/** Composes the registry that the configuration asks for and serves it. Throws StartError. */
export async function startApp(config: Config, log: Log, options: StartOptions = {}): Promise<App> {
  const failed = Promise.withResolvers<Error>()
  const refused = Promise.withResolvers<Error>()
  const closers: Closer[] = []
  let early: PublicServer | undefined
  try {
    const metrics = createMetrics(config)
    const manifestDelay = new ManifestDelay()
    const server = { config, metrics, log, shared: options.shared, server: options.server }
    // A store may come later than this process: until then there is an answer.
    const door = config.storage.driver.kind === 's3' ? new Door({ log, headers: config.http.headers }) : undefined
    early = door && (await serve(door.handler, server))
    const accessOutput = options.accessOutput ?? openAccessLog(config.log.accessFile)
    closers.push(() => accessOutput.end())
    const signal = options.signal ?? new AbortController().signal
    const parts = {
      ...{ config, log, metrics, manifestDelay, accessOutput, isShared: options.shared !== undefined, signal },
      environment: process.env,
      onRefused: refused.resolve,
      expectedStore: options.shared?.store,
      expiresSeconds: options.expiresSeconds,
      presencePace: options.presencePace,
      collector: options.collector,
      upstreamPatience: options.upstreamPatience,
      watchAccounts: watchedAccounts,
      withOrigins: options.withOrigins ?? ((error: unknown) => error),
    }
    const begin: BeginLife = (life) => beginLife({ ...parts, ...life })
    const lives =
      config.metadata.postgres === undefined || door === undefined
        ? await onlyLife(begin, failed.resolve)
        : await Lives.begin({ begin, door, signal, log })
    closers.push(() => lives.end())
    const debug =
      options.shared === undefined
        ? await serveDebug(config.http.debug, async () => [await lives.current.monitoring.report()], log)
        : undefined
    if (debug !== undefined) closers.push(() => debug.stop({ timeoutMs: 0 }))
    const orders = options.shared === undefined ? await orderCertificates(config, log) : undefined
    if (orders !== undefined) closers.push(() => orders.stop())
    const { handler, gate } = lives.current
    door?.open(handler)
    const listening = early ?? (await serve(handler, server))
    const stop = async ({ timeoutMs }: { readonly timeoutMs: number }) => {
      const { monitoring, registry } = lives.current
      monitoring.drain()
      const lastWords = setTimeout(() => registry.mirrors?.end(), Math.max(timeoutMs / 2, timeoutMs - LAST_WORDS_MS))
      await Promise.all([registry.handOverDuties(), listening.stop({ timeoutMs })])
      clearTimeout(lastWords)
      await closeAll(closers)
    }
    const report = () => lives.current.monitoring.report()
    return { url: listening.url, store: gate?.store, stop, failed: failed.promise, refused: refused.promise, report }
  } catch (error) {
    await early?.stop({ timeoutMs: 0 })
    await closeAll(closers)
    throw await explainedStartError(error, config)
  }
}

function openAccessLog(path: string | undefined): LogOutput {
  try {
    return requestOutput(path)
  } catch (cause) {
    throw new StartError(`The access log ${path} cannot be opened; make its folder, or choose another log.accesslog.file.`, {
      cause,
    })
  }
}

interface ServerParts extends Pick<PublicServerOptions, 'config' | 'shared' | 'server' | 'log'> {
  readonly metrics: RegistryMetrics | undefined
}

async function serve(handler: Handler, { metrics, ...parts }: ServerParts): Promise<PublicServer> {
  const onCertificates: OnShown = (shown) => {
    metrics?.certificates.show(
      shown.map(({ host, facts: { names, expiresAt } }) => ({ host: host ?? names[0] ?? '', expiresAt })),
    )
  }
  const onSurplus = metrics && ((reason: 'total' | 'address') => metrics.connections.closed(reason))
  return await servePublic({ ...parts, handler, onCertificates, onSurplus })
}
