import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ownWork } from '../../src/observe/actor.ts'
import { parseRepositoryName } from '../../src/oci/name.ts'
import { NoSuchDeletion, Undeletion } from '../../src/registry/deleting/undeletion.ts'
import type { CollectedLab } from '../collect/rows/row.ts'
import { missing, type Place } from './collected-places.ts'
import { type Collecting, TEST_POLICY } from './collecting.ts'
import { RegistryClient } from './registry-client.ts'
import { RestartableRegistry } from './restartable-registry.ts'
import { S3Client, type S3Place } from './s3-client.ts'
import { openS3Storage, s3Settings } from './s3-storage.ts'

const ROOT = 'docker/registry/v2'

/** A registry on a directory or a bucket, whose clock and collector a test moves, and whose storage it can look at. */
export class CollectedRegistry implements CollectedLab, Collecting, AsyncDisposable {
  readonly client: RegistryClient
  readonly #berth: RestartableRegistry
  readonly #bucket: S3Client | undefined
  readonly #cleanUp: () => unknown

  private constructor(berth: RestartableRegistry, bucket: S3Client | undefined, cleanUp: () => unknown) {
    this.client = new ClientInTest(berth)
    this.#berth = berth
    this.#bucket = bucket
    this.#cleanUp = cleanUp
  }

  /** On a bucket, or where there is none on a directory. */
  static async start(bucket: S3Place | undefined): Promise<CollectedRegistry> {
    const options = { collector: TEST_POLICY, inMemory: true }
    const storage = bucket === undefined ? undefined : await openS3Storage(s3Settings(bucket))
    const started = await RestartableRegistry.start({ ...options, storage: storage?.driver ?? 'filesystem' }, KEPT)
    const client = bucket === undefined ? undefined : new S3Client(bucket)
    const registry = new CollectedRegistry(started, client, () => storage?.cleanUp())
    await registry.scan()
    return registry
  }

  get registry() {
    return this.#berth.registry
  }

  get opened() {
    return this.#berth.opened
  }

  async scan(): Promise<void> {
    await this.registry.backgroundScan.run(new AbortController().signal)
  }

  async write(place: Place, text: string): Promise<void> {
    const path = join(this.#berth.dataDirectory, ROOT, place)
    if (this.#bucket !== undefined) await this.#bucket.put(`${ROOT}/${place}`, text)
    else {
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, text)
    }
    await this.#berth.restart(KEPT)
    await this.scan()
  }

  /** Those of the places that hold no file. */
  async missing(places: readonly Place[]): Promise<readonly Place[]> {
    if (this.#bucket === undefined) return missing(this.#berth.dataDirectory, places)
    const held = await this.#bucket.list(`${ROOT}/`)
    return places.filter((place) => !held.includes(`${ROOT}/${place}`))
  }

  /** All that was deleted in a repository. Gives what cannot be brought back, in words. */
  async undelete(repository: string): Promise<readonly string[]> {
    const gone: string[] = []
    const { records, restoration } = this.registry
    const undeletion = new Undeletion({
      ...{ records, restoration, actor: ownWork('test'), signal: new AbortController().signal, onRestored: () => undefined },
      onGone: ({ message }) => gone.push(message),
      onUnreadable: (path) => gone.push(path),
    })
    await undeletion.bringBack({ kind: 'repository', repository: parseRepositoryName(repository) }).catch((error: unknown) => {
      if (!(error instanceof NoSuchDeletion)) throw error
    })
    return gone
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#berth[Symbol.asyncDispose]()
    await this.#cleanUp()
  }
}

const KEPT = { database: 'kept', maintenance: 'off' } as const

class ClientInTest extends RegistryClient {
  readonly #berth: RestartableRegistry

  constructor(berth: RestartableRegistry) {
    super('http://berth.test')
    this.#berth = berth
  }

  override async request(method: string, path: string, init: Pick<RequestInit, 'headers' | 'body'> = {}): Promise<Response> {
    const { pathname, search } = new URL(path, this.url)
    return await this.#berth.request(method, pathname + search, init)
  }
}
