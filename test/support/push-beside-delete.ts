import { blobsOf, type Image, type ImageIndex, makeImage, makeImageIndex } from './images.ts'
import { expectStatus, type RegistryClient } from './registry-client.ts'
import type { SeededRandom } from './seeded-random.ts'

const PUSHES = ['index', 'manifest', 'retag', 'mount'] as const
const DELETES = ['manifest', 'tag', 'blob'] as const
const LIBRARY = 'library'
const LATEST_START_MS = 6

export interface PushBesideDeleteOptions {
  readonly random: SeededRandom
  /** A client of any of the processes. */
  readonly anyClient: () => RegistryClient
}

/**
 * Races of one push with one delete of what it names, each in a repository of its own. Afterwards what was acknowledged must be there whole: no
 * delete is forced, so the two answers tell which came first.
 */
export class PushBesideDelete {
  readonly #options: PushBesideDeleteOptions
  readonly #image: Image = makeImage('raced', { layers: 1 })
  readonly #index: ImageIndex = makeImageIndex([this.#image])
  readonly #layer = this.#image.layers[0]?.digest ?? ''
  readonly problems: string[] = []
  /** Which push was raced with which delete. */
  readonly kinds = new Set<string>()
  /** How often each pair of answers came. */
  readonly outcomes = new Map<string, number>()

  constructor(options: PushBesideDeleteOptions) {
    this.#options = options
  }

  async fillLibrary(): Promise<void> {
    for (const blob of blobsOf(this.#image)) await this.#options.anyClient().pushBlob(LIBRARY, blob)
  }

  async race(number: number): Promise<void> {
    const { random, anyClient } = this.#options
    // Each pair comes by in twelve races.
    const push = PUSHES[number % PUSHES.length] ?? 'index'
    const remove = DELETES[Math.floor(number / PUSHES.length) % DELETES.length] ?? 'manifest'
    this.kinds.add(`${push} ${remove}`)
    const repository = `race/${number}`
    const isHeld = push === 'index' || push === 'retag' || random.chance(0.5)
    const delays = [random.next() * LATEST_START_MS, random.next() * LATEST_START_MS]
    for (const { digest } of blobsOf(this.#image)) await anyClient().mountBlob(repository, digest, LIBRARY)
    if (isHeld) await expectStatus(await anyClient().putManifest(repository, 'latest', this.#image.manifest), 201)
    const [pushing, deleting] = [anyClient(), anyClient()]

    const [pushed, deleted] = await Promise.all([
      Bun.sleep(delays[0] ?? 0).then(() => this.#push(pushing, repository, push)),
      Bun.sleep(delays[1] ?? 0).then(() => this.#delete(deleting, repository, remove)),
    ])

    const what = `${push} push ${pushed}, ${remove} delete ${deleted}`
    this.outcomes.set(what, (this.outcomes.get(what) ?? 0) + 1)
    for (const wrong of await this.#wrongIn(repository, { push, remove, pushed, deleted })) {
      this.problems.push(`race ${number}: ${what}: ${wrong}`)
    }
  }

  async #push(client: RegistryClient, repository: string, push: Raced['push']): Promise<number> {
    switch (push) {
      case 'index':
        return await this.#statusOf(client.putManifest(repository, 'multi', this.#index.manifest))
      case 'manifest':
        return await this.#statusOf(client.putManifest(repository, 'latest', this.#image.manifest))
      case 'retag':
        return await this.#statusOf(client.putManifest(repository, 'new', this.#image.manifest))
      case 'mount':
        return await client.mountBlob(`${repository}/to`, this.#layer, repository)
    }
  }

  async #delete(client: RegistryClient, repository: string, remove: Raced['remove']): Promise<number> {
    switch (remove) {
      case 'manifest':
        return await this.#statusOf(client.deleteManifest(repository, this.#image.manifest.digest))
      case 'tag':
        return await this.#statusOf(client.deleteManifest(repository, 'latest'))
      case 'blob':
        return await this.#statusOf(client.deleteBlob(repository, this.#layer))
    }
  }

  async #statusOf(sent: Promise<Response>): Promise<number> {
    const response = await sent
    const text = await response.text()
    if (response.status >= 500) this.problems.push(`${response.url} answered ${response.status}: ${text}`)
    return response.status
  }

  async #wrongIn(repository: string, raced: Raced): Promise<readonly string[]> {
    const client = this.#options.anyClient()
    const there = async (reference: string) => (await client.headManifest(repository, reference)).status === 200
    const blobIn = async (name: string, digest: string) => (await client.headBlob(name, digest)).status === 200
    const hasImage = await there(this.#image.manifest.digest)
    const wrong: string[] = []
    const must = (isSo: boolean, otherwise: string) => void (isSo || wrong.push(otherwise))
    if (hasImage) for (const { digest } of blobsOf(this.#image)) must(await blobIn(repository, digest), `${digest} is missing`)
    if (await there('multi')) must(hasImage, 'the child of the image index is missing')
    for (const tag of ['latest', 'new']) if (await there(tag)) must(hasImage, `${tag} is there, its manifest is not`)
    const { push, remove, pushed, deleted } = raced
    must([201, 202, 400].includes(pushed) && [202, 404, 405].includes(deleted), 'an answer that no client expects')
    if (pushed === 201 && push === 'index') must(await there('multi'), 'the image index is missing')
    if (pushed === 201 && push === 'mount') must(await blobIn(`${repository}/to`, this.#layer), 'the mounted blob is missing')
    const mayGo = deleted === 202 && (remove === 'manifest' || (remove === 'tag' && push === 'manifest'))
    if (pushed === 201 && push === 'manifest' && !mayGo) must(await there('latest'), 'the tag is missing')
    if (pushed === 201 && push === 'retag' && !mayGo) must(await there('new'), 'the new tag is missing')
    if (deleted === 202 && remove === 'blob') must(!(await blobIn(repository, this.#layer)), 'the deleted blob is there')
    if (deleted === 202 && remove === 'manifest' && pushed !== 201) must(!hasImage, 'the deleted manifest is there')
    return wrong
  }
}

interface Raced {
  readonly push: (typeof PUSHES)[number]
  readonly remove: (typeof DELETES)[number]
  readonly pushed: number
  readonly deleted: number
}
