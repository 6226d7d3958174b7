import { afterAll, beforeAll, describe } from 'bun:test'
import { type App, startApp } from '../../src/composition/app.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { blobsOf, type Content, type Image, type ImageIndex } from './images.ts'
import { STORE_START_MS } from './object-store.ts'
import { linesInto, RecordedLog } from './recorded-log.ts'
import { expectStatus, RegistryClient } from './registry-client.ts'
import { RegistryInProcesses } from './registry-in-processes.ts'
import { RegistryInReplicas } from './registry-in-replicas.ts'
import { type Settings, writeConfig } from './registry-settings.ts'
import { replicasUnderTest, storeUnderTest } from './registry-under-test.ts'
import type { S3Place } from './s3-client.ts'
import { ObjectStore, type StoreKind } from './store-server.ts'
import { TemporaryFolder } from './temporary-folder.ts'

/** A store and half a minute for Berth, which says then what it has done so far. */
const START_MS = STORE_START_MS + 35_000

export type Driver = 'filesystem' | 'inmemory' | StoreKind

/** With more than one, the registry is a program of its own with that many processes; memory is not shared between them. */
const PROCESSES = Number(process.env.BERTH_TEST_PROCESSES ?? 1)
const DRIVERS: readonly Driver[] = storeUnderTest === undefined ? localDrivers() : [storeUnderTest]

function localDrivers(): readonly Driver[] {
  return PROCESSES > 1 ? ['filesystem'] : ['filesystem', 'inmemory']
}

/** Runs the tests that `define` makes against a registry of their own on each storage driver. */
export function onEachDriver(title: string, define: (registry: TestRegistry) => void, settings: Settings = {}): void {
  describe.each(DRIVERS)(`${title} (%s)`, (driver) => {
    onDriver(driver, define, settings)
  })
}

/** The same on one driver, where the storage makes no difference. */
export function onDriver(driver: Driver, define: (registry: TestRegistry) => void, settings: Settings = {}): void {
  const registry = new TestRegistry(driver, settings)
  beforeAll(() => registry.start(), START_MS)
  afterAll(() => registry.stop())
  define(registry)
}

/** A registry on an empty storage, listening on a port of its own; inside the test's process unless it is to have several. */
export class TestRegistry {
  readonly log = new RecordedLog()
  readonly #driver: Driver
  readonly #settings: Settings
  #folder: TemporaryFolder | undefined
  #store: ObjectStore | undefined
  #app: (Pick<App, 'url'> & { readonly directUrl?: string }) | undefined
  #stop: () => Promise<void> = async () => undefined
  #repositories = 0

  constructor(driver: Driver, settings: Settings = {}) {
    this.#driver = driver
    this.#settings = settings
  }

  async start(): Promise<void> {
    this.#folder = new TemporaryFolder()
    if (PROCESSES > 1 && this.#driver === 'filesystem') {
      const config = await writeConfig(this.#folder, 'filesystem', this.#settings)
      const program = await RegistryInProcesses.start(this.#folder, config, this.log)
      this.#app = program
      this.#stop = () => program.stop()
      return
    }
    const storage = await this.#storage()
    if (replicasUnderTest > 1 && typeof storage === 'object') {
      const replicas = await RegistryInReplicas.start({
        count: replicasUnderTest,
        storage,
        settings: this.#settings,
        log: this.log,
      })
      this.#app = replicas
      this.#stop = () => replicas.stop()
      return
    }
    const path = await writeConfig(this.#folder, storage, this.#settings)
    const { config } = loadConfig({ path, environment: {} })
    const app = await this.log.within('Berth starts', startApp(config, this.log, { accessOutput: linesInto(this.log) }))
    this.#app = app
    this.#stop = () => app.stop({ timeoutMs: 0 })
  }

  async stop(): Promise<void> {
    await this.#stop()
    await this.#store?.[Symbol.asyncDispose]()
    this.#folder?.[Symbol.dispose]()
  }

  async #storage(): Promise<'inmemory' | 'filesystem' | S3Place> {
    if (this.#driver === 'inmemory' || this.#driver === 'filesystem') return this.#driver
    this.#store = await ObjectStore.start(this.#driver)
    return await this.#store.newBucket()
  }

  get url(): string {
    if (this.#app === undefined) throw new Error('the registry has not been started')
    return this.#app.url
  }

  /** Of a registry itself: a client that goes away at once is none that a balancer asks it for. */
  get directUrl(): string {
    return this.#app?.directUrl ?? this.url
  }

  get client(): RegistryClient {
    return new RegistryClient(this.url)
  }

  /** A repository that no other test uses. */
  newRepository(): string {
    this.#repositories += 1
    return `test/repository-${this.#repositories}`
  }

  async request(method: string, path: string, init: Pick<RequestInit, 'headers' | 'body'> = {}): Promise<Response> {
    return await this.client.request(method, path, init)
  }

  async pushBlob(repository: string, blob: Content): Promise<void> {
    await this.client.pushBlob(repository, blob)
  }

  /** Pushes a manifest whose references are there, and gives the answer to it. */
  async pushManifest(repository: string, manifest: Content, reference = manifest.digest): Promise<Response> {
    return await expectStatus(await this.client.putManifest(repository, reference, manifest), 201)
  }

  /** Pushes everything that an image or an image index names, then itself. */
  async pushImage(repository: string, image: Image | ImageIndex, reference = image.manifest.digest): Promise<Response> {
    if ('images' in image) for (const child of image.images) await this.pushImage(repository, child)
    else for (const blob of blobsOf(image)) await this.pushBlob(repository, blob)
    return await this.pushManifest(repository, image.manifest, reference)
  }
}
