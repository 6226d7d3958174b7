import { startBerth } from './berth-process.ts'
import { startPeer } from './peer.ts'
import { RegistryProcess, type ServeOptions } from './registry-process.ts'
import { ObjectStore, STORE_PROGRAMS, type StoreKind } from './store-server.ts'

/** registry:2 knows no referrers, orders no lists, and lists repositories that hold nothing any more. */
export type Dialect = 'Berth' | 'registry:2'

/** `BERTH_TEST_REGISTRY=registry:2` runs the suites with registry:2 in Berth's place, to see whose fault a failure is. */
export const registryUnderTest: Dialect = process.env.BERTH_TEST_REGISTRY === 'registry:2' ? 'registry:2' : 'Berth'

/** `BERTH_TEST_STORAGE=seaweedfs` or `=versitygw` runs the suites on a bucket instead of a folder. */
export const storeUnderTest: StoreKind | undefined = findStoreKind(process.env.BERTH_TEST_STORAGE)

/** Starts the registry that a suite is about. The caller ends it. */
export async function startRegistry(options: ServeOptions): Promise<RegistryProcess> {
  if (storeUnderTest === undefined) return await start(options)
  const store = await ObjectStore.start(storeUnderTest)
  try {
    return new RegistryWithStore(await start({ ...options, dataDirectory: await store.newBucket() }), store)
  } catch (error) {
    await store[Symbol.asyncDispose]()
    throw error
  }
}

async function start(options: ServeOptions): Promise<RegistryProcess> {
  return registryUnderTest === 'Berth' ? await startBerth(options) : await startPeer(options)
}

/** A registry, and the store of its content, which ends with it. */
class RegistryWithStore extends RegistryProcess {
  readonly #registry: RegistryProcess
  readonly #store: ObjectStore

  constructor(registry: RegistryProcess, store: ObjectStore) {
    super(registry.program, registry.port)
    this.#registry = registry
    this.#store = store
  }

  override async stop(): Promise<void> {
    try {
      await this.#registry.stop()
    } finally {
      await this.#store[Symbol.asyncDispose]()
    }
  }

  override async kill(): Promise<void> {
    await this.#registry.kill()
    await this.#store[Symbol.asyncDispose]()
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    if (this.program.running) await this.stop()
  }
}

function findStoreKind(text: string | undefined): StoreKind | undefined {
  if (text === undefined) return undefined
  if (Object.hasOwn(STORE_PROGRAMS, text)) return text as StoreKind
  throw new Error(`BERTH_TEST_STORAGE is ${text}; it can be ${Object.keys(STORE_PROGRAMS).join(' or ')}`)
}
