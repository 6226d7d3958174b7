import { blobsOf, type Content, contentOf, type Image, makeImage } from './images.ts'
import { becomes, type Effect, type PossibleRegistry } from './possible-registry.ts'
import type { RegistryClient } from './registry-client.ts'
import type { SeededRandom } from './seeded-random.ts'
import { blobKey, GONE, manifestKey, notAllowedIn, show, THERE, tagKey } from './shown.ts'

/** The repository from which blobs are mounted. */
export const LIBRARY = 'library'

const TAGS = ['one', 'two', 'three']
const IMAGES = 4
const BLOB_SIZES = [1, 500, 60_000, 700_000]
const CHECK_CHANCE = 0.3

export interface ChurningOptions {
  readonly name: string
  readonly possible: PossibleRegistry
  readonly random: SeededRandom
  /** Blobs that the library has. */
  readonly library: readonly Content[]
  /** Any of the processes that serve the directory; called for each request. */
  readonly anyClient: () => RegistryClient
  /** True when a request may have failed because the process that got it was killed. */
  readonly mayFail: () => boolean
}

/** A client that does one thing after the other in repositories of its own, and keeps account of what was acknowledged. */
export class ChurningClient {
  /** Names that were changed since this was emptied. */
  readonly touched = new Set<string>()
  readonly problems: string[] = []
  acknowledged = 0
  readonly #options: ChurningOptions
  readonly #repository: string
  readonly #images: readonly Image[]
  readonly #blobs: readonly Content[]

  constructor(options: ChurningOptions) {
    const { name } = options
    this.#options = options
    this.#repository = name
    this.#images = Array.from({ length: IMAGES }, (_, number) => makeImage(`${name} ${number}`, { layers: 1 }))
    this.#blobs = BLOB_SIZES.map((size) => contentOf('', bytesFor(name, size)))
  }

  /** Works until it is told to stop, and ends with the operation under way. */
  async run(isOver: () => boolean): Promise<void> {
    while (!isOver()) await this.#doSomething()
  }

  async #doSomething(): Promise<void> {
    const { random } = this.#options
    const action = random.pick([
      () => this.#pushImage([random.pick(TAGS)]),
      () => this.#pushImage([random.pick(TAGS)]),
      () => this.#pushImage(TAGS.filter(() => random.chance(0.6))),
      () => this.#pushBlob(this.#repository, random.pick(this.#blobs)),
      () => this.#mount(random.pick(this.#options.library)),
      () => this.#deleteTag(random.pick(TAGS)),
      () => this.#deleteManifest(random.pick(this.#images).manifest),
      () => this.#deleteBlob(random.pick([...this.#blobs, ...this.#options.library])),
    ])
    await action()
  }

  /** Under these tags; without one, by its digest. */
  async #pushImage(tags: readonly string[]): Promise<void> {
    const image = this.#options.random.pick(this.#images)
    for (const blob of blobsOf(image)) {
      if (this.#options.possible.certain(blobKey(this.#repository, blob.digest)) === THERE) continue
      if (!(await this.#pushBlob(this.#repository, blob))) return
    }
    const { manifest } = image
    const reference = tags.length === 1 ? tags[0] : `${manifest.digest}?${tags.map((tag) => `tag=${tag}`).join('&')}`
    const effects = [
      becomes(manifestKey(this.#repository, manifest.digest), THERE),
      ...tags.map((tag) => becomes(tagKey(this.#repository, tag), manifest.digest)),
    ]
    await this.#attempt('manifest push', effects, async (client) => {
      const response = await client.putManifest(this.#repository, reference ?? manifest.digest, manifest)
      return await statusOf(response)
    })
  }

  async #pushBlob(repository: string, blob: Content): Promise<boolean> {
    const { random } = this.#options
    const effects = [becomes(blobKey(repository, blob.digest), THERE)]
    const push = random.pick([pushInOne, pushByPut, pushInChunks])
    return await this.#attempt('blob push', effects, async () => {
      return await push(this.#options.anyClient, repository, blob)
    })
  }

  async #mount(blob: Content): Promise<void> {
    const effects = [becomes(blobKey(this.#repository, blob.digest), THERE)]
    await this.#attempt('mount', effects, async (client) => await client.mountBlob(this.#repository, blob.digest, LIBRARY))
  }

  async #deleteTag(tag: string): Promise<void> {
    const key = tagKey(this.#repository, tag)
    if (this.#options.possible.certain(key) === GONE) return
    await this.#attempt('tag delete', [becomes(key, GONE)], async (client) => {
      return await statusOf(await client.deleteManifest(this.#repository, tag))
    })
  }

  async #deleteManifest({ digest }: Content): Promise<void> {
    const key = manifestKey(this.#repository, digest)
    if (this.#options.possible.certain(key) === GONE) return
    const onTag = (shown: string) => (shown === digest ? GONE : shown)
    const effects = [becomes(key, GONE), ...TAGS.map((tag) => ({ key: tagKey(this.#repository, tag), on: onTag }))]
    await this.#attempt('manifest delete', effects, async (client) => {
      return await statusOf(await client.deleteManifest(this.#repository, digest))
    })
  }

  async #deleteBlob({ digest }: Content): Promise<void> {
    const key = blobKey(this.#repository, digest)
    if (this.#options.possible.certain(key) === GONE) return
    await this.#attempt('blob delete', [becomes(key, GONE)], async (client) => {
      return await statusOf(await client.deleteBlob(this.#repository, digest, { force: true }))
    })
  }

  /** True when it was acknowledged. What is deleted twice, because nobody knows about the first time, may be gone. */
  async #attempt(what: string, effects: readonly Effect[], send: (client: RegistryClient) => Promise<number>): Promise<boolean> {
    const { possible, anyClient } = this.#options
    const before = possible.snapshot(effects)
    possible.begin(effects)
    for (const { key } of effects) this.touched.add(key)
    const status = await soon(() => send(anyClient())).catch((error: unknown) => String(error))
    const isDone = status === 201 || status === 202 || (status === 404 && what.endsWith('delete'))
    if (isDone && !(what === 'mount' && status === 202)) {
      possible.acknowledge(effects, before)
      this.acknowledged += 1
      await this.#checkSometimes(what, effects)
      return true
    }
    if (!this.#isExcusable(status)) this.problems.push(`${what} of ${effects[0]?.key} answered ${status}`)
    return false
  }

  /** A process that was killed takes its connections and the names that it had claimed with it. */
  #isExcusable(status: number | string): boolean {
    if (!this.#options.mayFail()) return false
    return typeof status === 'string' ? !/answered 5(?!03)/.test(status) : status < 500 || status === 503
  }

  /** What is acknowledged is seen at once, whoever is asked. */
  async #checkSometimes(what: string, effects: readonly Effect[]): Promise<void> {
    const { random, possible, anyClient, mayFail } = this.#options
    if (!random.chance(CHECK_CHANCE)) return
    const keys = effects.map(({ key }) => key)
    const shown = await soon(() => show(anyClient(), keys)).catch((error: unknown) => String(error))
    if (typeof shown !== 'string')
      this.problems.push(...notAllowedIn(shown, possible.allowed).map((wrong) => `after a ${what}: ${wrong}`))
    else if (!mayFail()) this.problems.push(`after a ${what}: ${shown}`)
  }
}

/** Turns what is thrown at once into what is thrown later. */
async function soon<Result>(task: () => Promise<Result>): Promise<Result> {
  return await task()
}

type AnyClient = () => RegistryClient

async function pushInOne(anyClient: AnyClient, repository: string, { digest, bytes }: Content): Promise<number> {
  const path = `/v2/${repository}/blobs/uploads/?digest=${digest}`
  const headers = { 'content-type': 'application/octet-stream' }
  return await statusOf(await anyClient().request('POST', path, { headers, body: bytes.slice() }))
}

async function pushByPut(anyClient: AnyClient, repository: string, { digest, bytes }: Content): Promise<number> {
  const location = await anyClient().startUpload(repository)
  return await statusOf(await anyClient().closeUpload(location, digest, bytes))
}

/** Each request to any of the processes. */
async function pushInChunks(anyClient: AnyClient, repository: string, { digest, bytes }: Content): Promise<number> {
  const middle = Math.floor(bytes.length / 2)
  let location = await anyClient().startUpload(repository)
  location = await anyClient().appendUpload(location, bytes.subarray(0, middle))
  location = await anyClient().appendUpload(location, bytes.subarray(middle))
  return await statusOf(await anyClient().closeUpload(location, digest))
}

async function statusOf(response: Response): Promise<number> {
  await response.bytes()
  return response.status
}

function bytesFor(name: string, size: number): Uint8Array {
  const text = `${name} ${size} `
  return new TextEncoder().encode(text.repeat(Math.ceil(size / text.length)).slice(0, Math.max(size, text.length)))
}
