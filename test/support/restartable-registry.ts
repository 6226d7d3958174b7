import { rm } from 'node:fs/promises'
import type { AccessController } from '../../src/access/access.ts'
import type { Handler } from '../../src/http/pipeline.ts'
import { PATIENCE, type Patience } from '../../src/http/server/patience.ts'
import type { HttpServer, Listen } from '../../src/http/server/server.ts'
import { type OpenedMetadata, openMetadata } from '../../src/metadata/sqlite/open.ts'
import type { RequestObserver } from '../../src/observe/exchange.ts'
import type { CollectorPolicy } from '../../src/registry/collect/policy.ts'
import { ensureStoreId } from '../../src/registry/handover/store-id.ts'
import type { NotificationSettings } from '../../src/registry/notifications/settings.ts'
import { createRegistry, type Registry } from '../../src/registry/registry.ts'
import type { RetentionPolicy } from '../../src/registry/retention/retention-policy.ts'
import type { StorageDriver } from '../../src/storage/driver.ts'
import { openDisk } from '../../src/storage/filesystem/disk.ts'
import { FilesystemDriver } from '../../src/storage/filesystem/filesystem.ts'
import { probeRoot } from '../../src/storage/filesystem/probe.ts'
import { MemoryDriver } from '../../src/storage/memory/memory.ts'
import { handlerOf } from './handler-of.ts'
import { RecordedLog } from './recorded-log.ts'
import { TemporaryFolder } from './temporary-folder.ts'

export interface RestartableOptions {
  readonly storage: 'filesystem' | 'inmemory' | StorageDriver
  /** Requests go through this server; left out, to the handler. */
  readonly server?: Listen
  /** Of that server; left out, the usual one. */
  readonly patience?: Patience
  /** They are told of each request. */
  readonly observers?: readonly RequestObserver[]
  /** Which tags neither move nor go; left out, all may. */
  readonly retention?: RetentionPolicy
  /** What the collector goes by; left out, the usual. */
  readonly collector?: CollectorPolicy
  /** How events are kept; left out, there are none. */
  readonly notifications?: NotificationSettings
  /** Its folder is in memory, where nothing is asked of a disk. */
  readonly inMemory?: boolean
  /** Left out, everybody may do everything. */
  readonly access?: AccessController
}

export interface StartOptions {
  /** Gone: it is deleted before the start, and built anew from the storage. */
  readonly database: 'kept' | 'gone'
  /** Off: nothing is scanned but what a request needs, and stays unseen until then. */
  readonly maintenance: 'on' | 'off'
}

interface Running {
  readonly registry: Registry
  readonly opened: OpenedMetadata
  readonly handler: Handler
  readonly server: HttpServer | undefined
}

/** A registry in the test's process that can be stopped and started again on the same storage. */
export class RestartableRegistry implements AsyncDisposable {
  readonly storage: StorageDriver
  readonly log = new RecordedLog()
  readonly #folder: TemporaryFolder
  readonly #options: RestartableOptions
  #running: Running | undefined

  private constructor(options: RestartableOptions, folder: TemporaryFolder, storage: StorageDriver) {
    this.#options = options
    this.#folder = folder
    this.storage = storage
  }

  static async start(options: RestartableOptions, start?: StartOptions): Promise<RestartableRegistry> {
    const folder = new TemporaryFolder({ inMemory: options.inMemory ?? false })
    const registry = new RestartableRegistry(options, folder, await openStorage(options, folder.join('data')))
    await registry.#start(start ?? { database: 'kept', maintenance: 'on' })
    return registry
  }

  get registry(): Registry {
    return this.#get().registry
  }

  get metadata(): OpenedMetadata['metadata'] {
    return this.#get().opened.metadata
  }

  get opened(): OpenedMetadata {
    return this.#get().opened
  }

  /** Where it listens; undefined without a socket. */
  get url(): string | undefined {
    return this.#get().server?.url
  }

  /** Where the filesystem driver keeps its files. */
  get dataDirectory(): string {
    return this.#folder.join('data')
  }

  /** A request by the way of the options. A path begins with a slash. */
  async request(method: string, path: string, init: Pick<RequestInit, 'headers' | 'body'> = {}): Promise<Response> {
    const { handler, server } = this.#get()
    if (server !== undefined) return await fetch(`${server.url}${path}`, { method, redirect: 'manual', ...init })
    return await handler(new Request(`http://registry.test${path}`, { method, ...init }), { client: undefined })
  }

  async restart(options: StartOptions): Promise<void> {
    await this.#stop()
    await this.#start(options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop()
    await this.storage.close()
    this.#folder[Symbol.dispose]()
  }

  #get(): Running {
    if (this.#running === undefined) throw new Error('the registry is not running')
    return this.#running
  }

  async #start({ database, maintenance }: StartOptions): Promise<void> {
    const path = this.#folder.join('metadata.db')
    if (database === 'gone') await Promise.all(['', '-wal', '-shm'].map((suffix) => rm(path + suffix, { force: true })))
    const { storage, log } = this
    const opened = await openMetadata({ path, runDirectory: this.#folder.join('run'), storeId: () => ensureStoreId(storage) })
    const { metadata, locks: liveness, processId, epoch } = opened
    const uploadPurging = { enabled: false, ageMs: 0, intervalMs: 0, dryRun: false }
    const { retention, collector, notifications } = this.#options
    const registry = createRegistry({
      storage,
      metadata,
      liveness,
      processId,
      epoch,
      uploadPurging,
      log,
      ...(retention && { retention }),
      ...(collector && { collector }),
      notifications,
    })
    if (maintenance === 'on') await registry.start({ settleFirst: true })
    else await registry.operations.sweep()
    const { access, observers } = this.#options
    const handler = handlerOf(registry, log, access, observers)
    const address = { kind: 'tcp', hostname: '127.0.0.1', port: 0 } as const
    const { server: listen, patience = PATIENCE } = this.#options
    const listening: Promise<HttpServer> | undefined = listen?.({ address, reusePort: false, handler, log, patience })
    this.#running = { registry, opened, handler, server: await listening }
  }

  async #stop(): Promise<void> {
    if (this.#running === undefined) return
    const { registry, opened, server } = this.#running
    this.#running = undefined
    await server?.stop({ timeoutMs: 0 })
    await registry.stop()
    await opened.metadata.close()
    opened.locks.release(opened.processId)
  }
}

async function openStorage({ storage }: RestartableOptions, root: string): Promise<StorageDriver> {
  if (storage === 'inmemory') return new MemoryDriver()
  if (storage !== 'filesystem') return storage
  await probeRoot(root)
  return await FilesystemDriver.open(await openDisk(root), root)
}
