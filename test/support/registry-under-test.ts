import { startBerth } from './berth-process.ts'
import { BERTH_PROGRAM } from './berth-program.ts'
import { NginxBalancer } from './nginx-balancer.ts'
import { startPeer } from './peer.ts'
import { takePostgres } from './postgres-server.ts'
import { RegistryProcess, type ServeOptions } from './registry-process.ts'
import { Replicas } from './replicas.ts'
import { ObjectStore, STORE_PROGRAMS, type StoreKind } from './store-server.ts'

/** registry:2 knows no referrers, orders no lists, and lists repositories that hold nothing any more. */
export type Dialect = 'Berth' | 'registry:2'

/** `BERTH_TEST_REGISTRY=registry:2` runs the suites with registry:2 in Berth's place, to see whose fault a failure is. */
export const registryUnderTest: Dialect = process.env.BERTH_TEST_REGISTRY === 'registry:2' ? 'registry:2' : 'Berth'

/** `BERTH_TEST_STORAGE=seaweedfs` or `=versitygw` runs the suites on a bucket instead of a folder. */
export const storeUnderTest: StoreKind | undefined = findStoreKind(process.env.BERTH_TEST_STORAGE)

/** `BERTH_TEST_REPLICAS=3` runs them on so many machines beside the bucket, with PostgreSQL and nginx, each request at another one. */
export const replicasUnderTest = Number(process.env.BERTH_TEST_REPLICAS ?? 1)

/** Starts the registry that a suite is about. The caller ends it. */
export async function startRegistry(options: ServeOptions): Promise<RegistryProcess> {
  if (storeUnderTest === undefined) return await start(options)
  const store = await ObjectStore.start(storeUnderTest)
  try {
    if (replicasUnderTest > 1) return await startReplicas(options, store)
    return new RegistryWithStore(await start({ ...options, dataDirectory: await store.newBucket() }), store)
  } catch (error) {
    await store[Symbol.asyncDispose]()
    throw error
  }
}

async function start(options: ServeOptions): Promise<RegistryProcess> {
  return registryUnderTest === 'Berth' ? await startBerth(options) : await startPeer(options)
}

async function startReplicas(options: ServeOptions, store: ObjectStore): Promise<RegistryProcess> {
  await using stack = new AsyncDisposableStack()
  const { server } = stack.use(await takePostgres())
  const balancer = NginxBalancer.start
  const place = { bucket: await store.newBucket(), server, balancer, berth: BERTH_PROGRAM }
  const replicas = stack.use(await Replicas.start(replicasUnderTest, { ...options, ...place }))
  const [first] = replicas.all
  if (first === undefined) throw new Error('there is no replica')
  const registry = new RegistryProcess(first.berth.program, replicas.port)
  return new RegistryWithStore(registry, store, stack.move())
}

/** A registry, and the store of its content, which ends with it. */
class RegistryWithStore extends RegistryProcess {
  readonly #registry: RegistryProcess
  readonly #store: ObjectStore
  readonly #more: AsyncDisposable | undefined

  constructor(registry: RegistryProcess, store: ObjectStore, more?: AsyncDisposable) {
    super(registry.program, registry.port)
    this.#registry = registry
    this.#store = store
    this.#more = more
  }

  override async stop(): Promise<void> {
    try {
      await this.#registry.stop()
    } finally {
      await this.#more?.[Symbol.asyncDispose]()
      await this.#store[Symbol.asyncDispose]()
    }
  }

  override async kill(): Promise<void> {
    await this.#registry.kill()
    await this.#more?.[Symbol.asyncDispose]()
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
