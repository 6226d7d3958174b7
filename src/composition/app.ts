import type { AccessController } from '../access/access.ts'
import { watchedAccounts } from '../access/accounts/watched-accounts.ts'
import type { Administration } from '../access/administration/administration.ts'
import type { TokenIssuer } from '../access/own-tokens/token-issuer.ts'
import type { SignIn } from '../access/sessions.ts'
import type { OnShown } from '../certificates/certificates.ts'
import type { Config } from '../config/config.ts'
import { Door } from '../http/door.ts'
import { createHandler } from '../http/handler.ts'
import type { Handler } from '../http/pipeline.ts'
import type { Listen } from '../http/server/server.ts'
import { exclusivelyIn, lastChangeIn } from '../metadata/sqlite/exclusive-lock.ts'
import type { Log, LogOutput } from '../observe/log.ts'
import { ManifestDelay } from '../observe/manifest-delay.ts'
import type { RegistryMetrics } from '../observe/metrics/registry-metrics.ts'
import type { ProcessReport } from '../observe/report.ts'
import { requestOutput } from '../observe/standard-stream.ts'
import type { OpenedStorage } from '../opening/opened-storage.ts'
import type { CollectorPolicy } from '../registry/collect/policy.ts'
import type { Registry } from '../registry/registry.ts'
import type { Patience } from '../upstream/exchange.ts'
import { createAccess } from './access-control.ts'
import { orderCertificates } from './certificate-orders.ts'
import { serveDebug } from './debug-server.ts'
import { createMetrics, type Monitoring, startMonitoring } from './monitoring.ts'
import { type Closer, closeAll } from './only-database.ts'
import { type PublicServer, type PublicServerOptions, servePublic } from './public-server.ts'
import { explainedStartError, StartError } from './start-error.ts'
import { type StartedRegistry, startRegistry } from './start-registry.ts'

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
    const isShared = options.shared !== undefined
    const ends = { onReplaced: failed.resolve, onRefused: refused.resolve }
    const metrics = createMetrics(config)
    const manifestDelay = new ManifestDelay()
    const server = { config, metrics, log, shared: options.shared, server: options.server }
    // A store may come later than this process: until then there is an answer.
    const door = config.storage.driver.kind === 's3' ? new Door({ log, headers: config.http.headers }) : undefined
    early = door && (await serve(door.handler, server))
    const { registry, opened, storage, gate } = await startRegistry({
      ...{ config, log, metrics, manifestDelay, closers, ...ends },
      expectedStore: options.shared?.store,
      expiresSeconds: options.expiresSeconds,
      presencePace: options.presencePace,
      collector: options.collector,
      upstreamPatience: options.upstreamPatience,
      watchAccounts: watchedAccounts,
      withOrigins: options.withOrigins ?? ((error) => error),
      signal: options.signal ?? new AbortController().signal,
    })
    const access = await openAccess(config, opened, { isShared, log, mirrors: registry.mirrors })
    const accessOutput = options.accessOutput ?? openAccessLog(config.log.accessFile)
    closers.push(() => accessOutput.end())
    const environment = process.env
    const { status, handover } = registry
    const monitoring = await startMonitoring({
      ...{ config, storage, status, handover, gate, metrics, manifestDelay, environment, log, accessOutput },
    })
    closers.push(() => monitoring.stop())
    const { report } = monitoring
    const debug =
      options.shared === undefined ? await serveDebug(config.http.debug, async () => [await report()], log) : undefined
    if (debug !== undefined) closers.push(() => debug.stop({ timeoutMs: 0 }))
    const orders = options.shared === undefined ? await orderCertificates(config, log) : undefined
    if (orders !== undefined) closers.push(() => orders.stop())
    const handler = handlerOf(config, { registry, gate, ...access, monitoring, log })
    door?.open(handler)
    const listening = early ?? (await serve(handler, server))
    const stop = async ({ timeoutMs }: { readonly timeoutMs: number }) => {
      monitoring.drain()
      const lastWords = setTimeout(() => registry.mirrors?.end(), Math.max(timeoutMs / 2, timeoutMs - LAST_WORDS_MS))
      await Promise.all([registry.handOverDuties(), listening.stop({ timeoutMs })])
      clearTimeout(lastWords)
      await closeAll(closers)
    }
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

interface AccessParts extends Pick<Registry, 'mirrors'> {
  readonly isShared: boolean
  readonly log: Log
}

/** The access control, the token issuer, and how people sign in. Undefined: every caller may do everything, and there are no tokens. */
async function openAccess(config: Config, storage: OpenedStorage, { mirrors, ...options }: AccessParts) {
  const exclusively = exclusivelyIn(storage.runDirectory)
  if (config.access === undefined) {
    const sessionTokens = async () => {
      const { createSessionTokens } = await import('../access/own-tokens/session-tokens.ts')
      return createSessionTokens({ storage: storage.objects, exclusively })
    }
    return { ...(await createAccess(config, { ...options, sessionTokens })), issuer: undefined, administration: undefined }
  }
  // With it comes a library that others do not need.
  const { createAccountsAccess } = await import('./accounts-control.ts')
  return await createAccountsAccess(config, config.access, {
    ...options,
    storage: storage.objects,
    exclusively,
    standInOf: mirrors && ((repository) => mirrors.names.inDefault(repository)),
    lastChange: lastChangeIn(storage.runDirectory),
  })
}

interface Served extends Pick<StartedRegistry, 'registry' | 'gate'> {
  readonly access: AccessController | undefined
  readonly issuer: TokenIssuer | undefined
  readonly signIn: SignIn
  readonly administration: Administration | undefined
  readonly monitoring: Monitoring
  readonly log: Log
}

function handlerOf(config: Config, { registry, gate, access, issuer, signIn, administration, monitoring, log }: Served): Handler {
  const { http, storage, catalog, tags, ui } = config
  return createHandler({
    blobs: registry.blobs,
    uploads: registry.uploads,
    manifests: registry.manifests,
    frees: registry.frees,
    changes: registry.changes,
    quotas: registry.quotas,
    retention: registry.retention,
    catalog: registry.catalog,
    search: registry.search,
    images: registry.images,
    shown: registry.shown,
    remarks: registry.remarks,
    deployments: registry.deployments,
    official: config.search.official,
    pulls: registry.retention.pulls,
    pullEvents: registry.notifications?.pulls,
    listeners: registry.notifications?.listeners,
    mirrors: registry.mirrors,
    upstream: config.proxy?.url,
    handover: registry.handover,
    gate,
    access,
    issuer,
    administration,
    accountEvents: registry.notifications?.accounts,
    webhooks: registry.notifications?.webhooks,
    progress: registry.status,
    page: ui.enabled ? { signIn } : undefined,
    log,
    observers: monitoring.observers,
    probes: monitoring.probes,
    deletesEnabled: storage.deletes,
    readOnly: storage.readOnly,
    prefix: http.prefix,
    host: http.host,
    headers: http.headers,
    trustedProxies: http.trustedProxies,
    maxCatalogEntries: catalog.maxEntries,
    maxTags: tags.maxTags,
  })
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
