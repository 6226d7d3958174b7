import { mkdtemp, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Config } from './config/config.ts'
import { createHandler } from './http/handler.ts'
import { listen } from './http/server.ts'
import { MetadataKeeper } from './metadata/keeper.ts'
import { type OpenedMetadata, openMetadata, StorageInUseError } from './metadata/open.ts'
import type { Log } from './observe/log.ts'
import { createRegistry, type Registry } from './registry/registry.ts'
import { ensureStoreId } from './registry/store-id.ts'
import type { StorageDriver } from './storage/driver.ts'
import { openDisk } from './storage/filesystem/disk.ts'
import { FilesystemDriver } from './storage/filesystem/filesystem.ts'
import { probeRoot, UnusableRootError } from './storage/filesystem/probe.ts'
import { MemoryDriver } from './storage/memory/memory.ts'

/** A running registry. */
export interface App {
  /** Where it listens. */
  readonly url: string
  /** Refuses new requests, lets running ones finish for so long, and lets go of everything. */
  stop(options: { readonly timeoutMs: number }): Promise<void>
  /** Settles, never rejects, when the process must start anew: its metadata database was replaced. */
  readonly failed: Promise<Error>
}

/** The registry cannot start. The message is one sentence for the operator. */
export class StartError extends Error {
  override readonly name = 'StartError'
}

/** Composes the registry that the configuration asks for and serves it. Throws StartError. */
export async function startApp(config: Config, log: Log): Promise<App> {
  const failed = Promise.withResolvers<Error>()
  const closers: (() => Promise<void>)[] = []
  const close = async () => {
    for (const step of closers.reverse()) await step()
  }
  try {
    const storage = await openStorage(config)
    closers.push(() => storage.driver.close(), storage.cleanUp)
    const opened = await openDatabase(storage, log)
    closers.push(async () => closeDatabase(opened))
    const keeper = new MetadataKeeper({
      path: storage.metadataPath,
      opened,
      onReplaced: failed.resolve,
      onFailure: (error) => log.error('metadata checkpoint failed', { error }),
    })
    closers.push(() => keeper.stop())
    const { metadata, locks: liveness, processId, epoch } = opened
    const { uploadPurging } = config.storage
    const registry = createRegistry({ storage: storage.driver, metadata, liveness, processId, epoch, uploadPurging, log })
    closers.push(() => registry.stop())
    await registry.start({ settleFirst: opened.beganEpoch })
    const server = await serve(config, registry, log)
    const stop = async ({ timeoutMs }: { readonly timeoutMs: number }) => {
      await server.stop({ timeoutMs })
      await close()
    }
    return { url: server.url, stop, failed: failed.promise }
  } catch (error) {
    await close()
    throw startErrorOf(error)
  }
}

interface OpenedStorage {
  readonly driver: StorageDriver
  readonly metadataPath: string
  readonly runDirectory: string
  readonly cleanUp: () => Promise<void>
}

async function openStorage(config: Config): Promise<OpenedStorage> {
  const { driver } = config.storage
  switch (driver.kind) {
    case 'filesystem': {
      await probeRoot(driver.rootDirectory)
      return {
        driver: await FilesystemDriver.open(await openDisk(driver.rootDirectory), driver.rootDirectory),
        metadataPath: config.metadata.path ?? (await defaultMetadataPath(driver.rootDirectory)),
        runDirectory: join(driver.rootDirectory, 'berth/run'),
        cleanUp: async () => undefined,
      }
    }
    case 'inmemory': {
      const directory = await mkdtemp(join(tmpdir(), 'berth-'))
      return {
        driver: new MemoryDriver(),
        metadataPath: join(directory, 'metadata.db'),
        runDirectory: join(directory, 'run'),
        cleanUp: () => rm(directory, { recursive: true, force: true }),
      }
    }
  }
}

/** NFS, SMB (two), 9p, FUSE: SQLite's locks and shared memory cannot be relied on there. */
const NETWORK_FILE_SYSTEMS: ReadonlySet<number> = new Set([0x6969, 0xff534d42, 0xfe534d42, 0x01021997, 0x65735546])
const LOCAL_STATE_DIRECTORY = '/var/lib/berth'

async function defaultMetadataPath(root: string): Promise<string> {
  const { type } = await statfs(root)
  if (!NETWORK_FILE_SYSTEMS.has(type)) return join(root, 'berth/metadata.db')
  const state = process.env.STATE_DIRECTORY ?? LOCAL_STATE_DIRECTORY
  return join(state, `metadata-${Bun.hash(root).toString(16)}.db`)
}

async function openDatabase(storage: OpenedStorage, log: Log): Promise<OpenedMetadata> {
  const { driver, metadataPath: path, runDirectory } = storage
  const opened = await openMetadata({ path, runDirectory, storeId: () => ensureStoreId(driver) })
  if (opened.setAside !== undefined)
    log.warn('metadata database set aside, building a new one', { reason: opened.setAside, path })
  log.info('metadata opened', { path, epoch: opened.epoch, beganEpoch: opened.beganEpoch })
  return opened
}

async function closeDatabase({ metadata, locks, processId }: OpenedMetadata): Promise<void> {
  await metadata.close()
  locks.release(processId)
}

async function serve(config: Config, registry: Registry, log: Log) {
  const { http, storage, catalog, tags } = config
  const handler = createHandler({
    blobs: registry.blobs,
    uploads: registry.uploads,
    manifests: registry.manifests,
    catalog: registry.catalog,
    log,
    accessLog: config.log.accessLog,
    deletesEnabled: storage.deletes,
    readOnly: storage.readOnly,
    prefix: http.prefix,
    host: http.host,
    headers: http.headers,
    maxCatalogEntries: catalog.maxEntries,
    maxTags: tags.maxTags,
  })
  return await listen({ address: http.listen, reusePort: false, handler, log })
}

/** What an operator can mend gets a sentence; the rest is ours and keeps its stack. */
function startErrorOf(error: unknown): unknown {
  if (error instanceof StorageInUseError || error instanceof UnusableRootError)
    return new StartError(error.message, { cause: error })
  if (!(error instanceof Error) || !('code' in error)) return error
  if (error.code === 'EADDRINUSE') {
    return new StartError('The address is in use; stop what listens there or set http.addr to another port.', { cause: error })
  }
  if (error.code === 'EACCES') {
    return new StartError(`Permission denied: ${error.message}; run as a user who may, or choose other paths and ports.`, {
      cause: error,
    })
  }
  return error
}
