import type { AccessController } from '../access/access.ts'
import type { TokenIssuer } from '../access/issuer/token-issuer.ts'
import type { OnShown } from '../certificates/certificates.ts'
import type { Config } from '../config/config.ts'
import { createHandler } from '../http/handler.ts'
import type { Listen } from '../http/server.ts'
import { exclusivelyIn, lastChangeIn } from '../metadata/exclusive-lock.ts'
import { MetadataKeeper } from '../metadata/keeper.ts'
import { type OpenedMetadata, openMetadata } from '../metadata/open.ts'
import type { Metadata } from '../metadata/query.ts'
import { timedMetadata } from '../metadata/timed-metadata.ts'
import type { Log, LogOutput } from '../observe/log.ts'
import type { RegistryMetrics } from '../observe/metrics/registry-metrics.ts'
import type { ProcessReport } from '../observe/report.ts'
import { requestOutput } from '../observe/standard-stream.ts'
import { openStorage } from '../opening/open-storage.ts'
import type { OpenedStorage } from '../opening/opened-storage.ts'
import type { DatabasePresence } from '../registry/database-presence.ts'
import { createRegistry, type Registry } from '../registry/registry.ts'
import { ensureStoreId } from '../registry/store-id.ts'
import type { StorageDriver } from '../storage/driver.ts'
import { timedStorage } from '../storage/timed-storage.ts'
import { createAccess } from './access-control.ts'
import { orderCertificates } from './certificate-orders.ts'
import { serveDebug } from './debug-server.ts'
import { createMetrics, type Observation, startObservation } from './observation.ts'
import { beginAsOnlyDatabase, type Closer, endPresence, presenceOf } from './only-database.ts'
import { type PublicServer, servePublic } from './public-server.ts'
import { explainedStartError, StartError } from './start-error.ts'

/** A running registry. */
export interface App {
  /** Where it listens. */
  readonly url: string
  /** Refuses new requests, lets running ones finish for so long, and lets go of everything. */
  stop(options: { readonly timeoutMs: number }): Promise<void>
  /** Settles, never rejects, when the process must start anew: its metadata database was replaced. */
  readonly failed: Promise<Error>
  /** Settles, never rejects, when the process must end: another database stays at work on the storage. */
  readonly refused: Promise<Error>
  /** How it is: plain data, for a supervisor that adds up its processes. */
  report(): Promise<ProcessReport>
}

export interface StartOptions {
  /** Where lines about requests go; standard output when left out. */
  readonly accessOutput?: LogOutput
  /**
   * One of several processes that a supervisor keeps: they share the port, which is another one than the configuration's where that
   * says 0, and the supervisor serves `http.debug.addr` for all.
   */
  readonly shared?: { readonly port: number | undefined }
  /** The server that clients talk to; left out, the one that suits the storage. */
  readonly server?: Listen
}

/** Composes the registry that the configuration asks for and serves it. Throws StartError. */
export async function startApp(config: Config, log: Log, options: StartOptions = {}): Promise<App> {
  const failed = Promise.withResolvers<Error>()
  const refused = Promise.withResolvers<Error>()
  const closers: Closer[] = []
  const close = async () => {
    for (const step of closers.reverse()) await step()
  }
  try {
    const isShared = options.shared !== undefined
    const ends = { onReplaced: failed.resolve, onRefused: refused.resolve }
    const { registry, opened, storage, metrics } = await startRegistry({ config, log, closers, ...ends })
    const access = await openAccess(config, opened, { isShared, log })
    const accessOutput = options.accessOutput ?? openAccessLog(config.log.accessFile)
    closers.push(() => accessOutput.end())
    const environment = process.env
    const { status, takeover } = registry
    const observation = await startObservation({ config, storage, status, takeover, metrics, environment, log, accessOutput })
    closers.push(() => observation.stop())
    const { report } = observation
    const debug =
      options.shared === undefined ? await serveDebug(config.http.debug, async () => [await report()], log) : undefined
    if (debug !== undefined) closers.push(() => debug.stop({ timeoutMs: 0 }))
    const orders = options.shared === undefined ? await orderCertificates(config, log) : undefined
    if (orders !== undefined) closers.push(() => orders.stop())
    const server = await serve(config, { registry, ...access, observation, metrics, log, options })
    const stop = async ({ timeoutMs }: { readonly timeoutMs: number }) => {
      observation.drain()
      await Promise.all([registry.handOverDuties(), server.stop({ timeoutMs })])
      await close()
    }
    return { url: server.url, stop, failed: failed.promise, refused: refused.promise, report }
  } catch (error) {
    await close()
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

interface RegistryParts {
  readonly config: Config
  readonly log: Log
  readonly closers: Closer[]
  readonly onReplaced: (error: Error) => void
  readonly onRefused: (error: Error) => void
}

async function startRegistry({ config, log, closers, onReplaced, onRefused }: RegistryParts) {
  const opened = await openStorage(config, log)
  closers.push(opened.cleanUp)
  const database = await openDatabase(opened, log)
  let presence: DatabasePresence | undefined
  closers.push(async () => await endPresence(presence, database.locks))
  closers.push(async () => closeDatabase(database))
  const onFailure = (error: unknown) => log.error('metadata checkpoint failed', { error })
  const keeper = new MetadataKeeper({ path: opened.metadataPath, opened: database, onReplaced, onFailure })
  closers.push(() => keeper.stop())
  const { locks: liveness, processId, epoch } = database
  const driver = await opened.driver(database)
  closers.push(() => driver.close())
  if (driver.capabilities.isReachedByOtherMachines) presence = await presenceOf({ opened, database, log, onReplaced })
  const metrics = createMetrics(config)
  const { storage, metadata } = timed(metrics, driver, database.metadata)
  const rules = { uploadPurging: config.storage.uploadPurging, manifestRules: config.manifests }
  const registry = createRegistry({ storage, metadata, liveness, processId, epoch, ...rules, log })
  closers.push(() => registry.stop())
  await beginAsOnlyDatabase({ registry, presence, settleFirst: database.beganEpoch, log, closers, onRefused })
  closers.push(async () => opened.hurry())
  return { registry, opened, storage, metrics }
}

/** The access control and the token issuer. Undefined: every caller may do everything, and there are no tokens. */
async function openAccess(config: Config, storage: OpenedStorage, options: { readonly isShared: boolean; readonly log: Log }) {
  if (config.access === undefined) return { access: await createAccess(config, options), issuer: undefined }
  // With it comes a library that others do not need.
  const { createAccountsAccess } = await import('./accounts-control.ts')
  const exclusively = exclusivelyIn(storage.runDirectory)
  const { controller, issuer } = await createAccountsAccess(config, config.access, {
    ...options,
    storage: storage.objects,
    exclusively,
    lastChange: lastChangeIn(storage.runDirectory),
  })
  return { access: controller, issuer }
}

/** What is not counted is not wrapped. */
function timed(metrics: RegistryMetrics | undefined, storage: StorageDriver, metadata: Metadata) {
  if (metrics === undefined) return { storage, metadata }
  return {
    storage: timedStorage(storage, (action, run) => metrics.storage.time(action, run)),
    metadata: timedMetadata(metadata, (run) => metrics.metadataWrites.time(run)),
  }
}

async function openDatabase(storage: OpenedStorage, log: Log): Promise<OpenedMetadata> {
  const { metadataPath: path, runDirectory, objects } = storage
  const opened = await openMetadata({ path, runDirectory, storeId: () => ensureStoreId(objects) })
  if (opened.setAside !== undefined)
    log.warn('metadata database set aside, building a new one', { reason: opened.setAside, path })
  if (opened.migratedFrom !== undefined) log.info('metadata database migrated', { from: opened.migratedFrom, path })
  log.info('metadata opened', { path, epoch: opened.epoch, beganEpoch: opened.beganEpoch })
  return opened
}

async function closeDatabase({ metadata, locks, processId }: OpenedMetadata): Promise<void> {
  await metadata.close()
  locks.release(processId)
}

interface Served {
  readonly registry: Registry
  readonly access: AccessController | undefined
  readonly issuer: TokenIssuer | undefined
  readonly observation: Observation
  readonly metrics: RegistryMetrics | undefined
  readonly log: Log
  readonly options: Pick<StartOptions, 'shared' | 'server'>
}

async function serve(
  config: Config,
  { registry, access, issuer, observation, metrics, log, options }: Served,
): Promise<PublicServer> {
  const { http, storage, catalog, tags } = config
  const handler = createHandler({
    blobs: registry.blobs,
    uploads: registry.uploads,
    manifests: registry.manifests,
    catalog: registry.catalog,
    takeover: registry.takeover,
    access,
    issuer,
    log,
    observers: observation.observers,
    probes: observation.probes,
    deletesEnabled: storage.deletes,
    readOnly: storage.readOnly,
    prefix: http.prefix,
    host: http.host,
    headers: http.headers,
    trustedProxies: http.trustedProxies,
    maxCatalogEntries: catalog.maxEntries,
    maxTags: tags.maxTags,
  })
  const onCertificates: OnShown = (shown) => {
    metrics?.certificates.show(
      shown.map(({ host, facts: { names, expiresAt } }) => ({ host: host ?? names[0] ?? '', expiresAt })),
    )
  }
  return await servePublic({ config, shared: options.shared, server: options.server, handler, onCertificates, log })
}
