import { BuildingAccount } from './building-account.ts'
import { type Build, buildOf, imageOn, indexOf, isIndex, partsOfBuild } from './built-image.ts'
import { ALL_MANIFEST_TYPES, blobsOf, type Content, type Image, sha256 } from './images.ts'
import { type Answer, PatientRequests, type PatientRequestsOptions } from './patient-requests.ts'
import type { SeededRandom } from './seeded-random.ts'
import { GONE } from './shown.ts'

const TAGS = ['latest', 'stable', 'next']
const IMAGES = 5
const TRIES = 12
const LONGEST_PAUSE_MS = 60

/** How often clients succeeded; `late`: their manifest came when what it names had been collected. */
export const NOTHING_DONE = { pushed: 0, skipped: 0, mounted: 0, pulled: 0, deleted: 0, late: 0 }

export interface BuildingOptions extends Omit<PatientRequestsOptions, 'name'> {
  readonly repository: string
  readonly random: SeededRandom
  /** Layers on which the images of all clients build. */
  readonly bases: readonly Content[]
  /** Repositories from which it may mount. */
  readonly others: readonly string[]
  /** For how long what a client was told of must stay. */
  readonly windowMs: number
  /** After so long it may fall due, and is removed a window later. */
  readonly graceMs: number
}

/**
 * A build server with a repository of its own, beside a collector: it skips what is there already as real clients do, mounts, retags, deletes, gives
 * up in the middle, and pulls what it was told is there.
 */
export class BuildingClient {
  readonly account = new BuildingAccount()
  readonly counts = { ...NOTHING_DONE }
  readonly #options: BuildingOptions
  readonly #requests: PatientRequests
  readonly #images: readonly Image[]
  #fresh = 0

  constructor(options: BuildingOptions) {
    this.#options = options
    this.#requests = new PatientRequests({ ...options, name: options.repository })
    this.#images = Array.from({ length: IMAGES }, (_, number) => this.#makeImage(String(number)))
  }

  get repository(): string {
    return this.#options.repository
  }

  get problems(): readonly string[] {
    return this.#requests.problems
  }

  /** Works until it is told to stop, and ends with the operation under way. */
  async run(isOver: () => boolean): Promise<void> {
    const { random } = this.#options
    while (!isOver()) {
      await this.#doSomething()
      await Bun.sleep(random.below(LONGEST_PAUSE_MS))
    }
  }

  /** Everything that it was told of. */
  async pullAll(): Promise<void> {
    for (const build of this.account.all('there')) await this.#pull(build)
    for (const [tag] of this.account.tags) await this.#pullTag(tag)
  }

  async #doSomething(): Promise<void> {
    const { random } = this.#options
    const tag = random.chance(0.3) ? undefined : random.pick(TAGS)
    const image = random.chance(0.2) ? this.#makeImage(`fresh ${++this.#fresh}`) : random.pick(this.#images)
    await random.pick([
      () => this.#push(buildOf(image), tag),
      () => this.#push(buildOf(image), tag),
      () => this.#push(this.#anyIndex(), tag),
      () => this.#pushSlowly(image, tag),
      () => this.#pushBlobsOnly(image),
      () => this.#comeBack(),
      () => this.#retag(random.pick(TAGS)),
      () => this.#delete(),
      () => this.#delete(),
      () => this.#deleteTag(random.pick(TAGS)),
      () => this.#pullTag(random.pick(TAGS)),
      () => this.#pullAny(),
    ])()
  }

  /** As clients do it: what is there is skipped. */
  async #push(build: Build, tag: string | undefined): Promise<void> {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const beganMs = performance.now()
      if (!(await this.#pushParts(build))) return
      if (await this.#putManifest(build, tag, beganMs)) return
    }
  }

  /** A pipeline that takes its time between the layers and the manifest. */
  async #pushSlowly(image: Image, tag: string | undefined): Promise<void> {
    const beganMs = performance.now()
    if (!(await this.#pushBlobs(image))) return
    await Bun.sleep(this.#options.random.below(2 * this.#options.windowMs))
    if (!(await this.#putManifest(buildOf(image), tag, beganMs))) await this.#push(buildOf(image), tag)
  }

  /** A pipeline that breaks off. */
  async #pushBlobsOnly(image: Image): Promise<void> {
    await this.#pushBlobs(image)
  }

  /** A pipeline that is run again when what it left is about to go, and makes use of all the time that it then has. */
  async #comeBack(): Promise<void> {
    const { random, graceMs, windowMs } = this.#options
    const image = this.#makeImage(`late ${++this.#fresh}`)
    if (!(await this.#pushBlobs(image))) return
    await Bun.sleep(graceMs + random.below(windowMs * 1.5))
    const beganMs = performance.now()
    if (!(await this.#pushBlobs(image))) return
    await Bun.sleep(windowMs * 0.75)
    if (!(await this.#putManifest(buildOf(image), undefined, beganMs))) await this.#push(buildOf(image), undefined)
  }

  async #retag(tag: string): Promise<void> {
    const there = this.account.all('there')
    if (there.length > 0) await this.#putManifest(this.#options.random.pick(there), tag, Number.POSITIVE_INFINITY)
  }

  async #pushParts(build: Build): Promise<boolean> {
    for (const image of build.images) {
      if (!isIndex(build)) return await this.#pushBlobs(image)
      const child = buildOf(image)
      const head = await this.#requests.ask('HEAD', this.#manifestPath(child.manifest.digest))
      if (head === undefined) return false
      if (head.status === 200) this.counts.skipped += 1
      else await this.#push(child, undefined)
    }
    return true
  }

  async #pushBlobs(image: Image): Promise<boolean> {
    for (const blob of blobsOf(image)) if (!(await this.#pushBlob(blob))) return false
    return true
  }

  async #pushBlob(blob: Content): Promise<boolean> {
    const { random, others } = this.#options
    const head = await this.#requests.ask('HEAD', this.#blobPath(blob.digest))
    if (head?.status === 200) this.counts.skipped += 1
    if (head?.status === 200) return true
    const uploads = `/v2/${this.repository}/blobs/uploads/`
    const mount = random.chance(0.5) ? `?mount=${blob.digest}&from=${random.pick(others)}` : ''
    for (let tries = 0; tries < TRIES; tries += 1) {
      const begun = await this.#requests.ask('POST', `${uploads}${mount}`)
      if (begun?.status === 201) this.counts.mounted += 1
      if (begun?.status === 201) return true
      if (begun?.location === undefined) return false
      const url = `${begun.location}${begun.location.includes('?') ? '&' : '?'}digest=${blob.digest}`
      // One that a dead process had is not there any more: then it begins anew.
      const done = await this.#requests.ask('PUT', url, { type: 'application/octet-stream', body: blob.bytes })
      if (done?.status === 201) return true
    }
    return false
  }

  /** False when it is to be pushed again with all its parts. `toldMs`: since when they are known to be there; infinite: always. */
  async #putManifest(build: Build, tag: string | undefined, toldMs: number): Promise<boolean> {
    const { bytes, mediaType, digest } = build.manifest
    this.account.pushBegins(build, tag)
    const answer = await this.#requests.ask('PUT', this.#manifestPath(tag ?? digest), { type: mediaType, body: bytes })
    if (answer === undefined) return false
    if (answer.status === 201) {
      this.account.pushed(build, tag)
      this.counts.pushed += 1
      return true
    }
    const sinceMs = performance.now() - toldMs
    this.counts.late += 1
    if (answer.status !== 400 || sinceMs < this.#options.windowMs)
      this.#problem(`push of ${digest}, ${Math.round(sinceMs)} ms after all was there, answered ${inWords(answer)}`)
    return false
  }

  async #delete(): Promise<void> {
    const { account } = this
    const candidates = account.all('there').filter((build) => !account.mayHaveParent(build))
    if (candidates.length === 0) return
    const build = this.#options.random.pick(candidates)
    account.deleteBegins(build)
    const lost = this.#requests.lost
    const answer = await this.#requests.ask('DELETE', this.#manifestPath(build.manifest.digest))
    if (answer === undefined) return
    const isRepeated = this.#requests.lost > lost
    if (answer.status !== 202 && !(answer.status === 404 && isRepeated))
      return this.#problem(`delete of ${build.manifest.digest} answered ${inWords(answer)}`)
    account.deleted(build, { isNews: answer.status === 202 })
    this.counts.deleted += 1
  }

  async #deleteTag(tag: string): Promise<void> {
    if (this.account.holds(tag).has(GONE)) return
    this.account.tagDeleteBegins(tag)
    const answer = await this.#requests.ask('DELETE', this.#manifestPath(tag))
    if (answer?.status === 202 || answer?.status === 404) this.account.tagDeleted(tag)
    else if (answer !== undefined) this.#problem(`delete of ${tag} answered ${inWords(answer)}`)
  }

  async #pullAny(): Promise<void> {
    const there = this.account.all('there')
    if (there.length > 0) await this.#pull(this.#options.random.pick(there))
  }

  async #pullTag(tag: string): Promise<void> {
    const holds = this.account.holds(tag)
    const answer = await this.#get(this.#manifestPath(tag))
    if (answer === undefined) return
    const found = answer.status === 404 ? GONE : sha256(answer.bytes)
    if (!holds.has(found)) this.#problem(`${tag} is ${found} (${answer.status}), and may be ${[...holds]}`)
    const build = this.account.find(found)
    if (build !== undefined) await this.#pull(build)
  }

  /** All of it must be there. */
  async #pull(build: Build): Promise<void> {
    for (const [kind, { digest }] of partsOfBuild(build)) {
      const answer = await this.#get(kind === 'blob' ? this.#blobPath(digest) : this.#manifestPath(digest))
      if (answer === undefined) return
      if (answer.status !== 200) return this.#problem(`${kind} ${digest} of ${build.manifest.digest} answered ${inWords(answer)}`)
      if (sha256(answer.bytes) !== digest) return this.#problem(`${kind} ${digest} has other bytes`)
    }
    this.counts.pulled += 1
  }

  async #get(path: string): Promise<Answer | undefined> {
    return await this.#requests.ask('GET', path, { accept: ALL_MANIFEST_TYPES })
  }

  #anyIndex(): Build {
    const first = this.#options.random.below(2)
    return indexOf(this.#images.slice(first, first + 2))
  }

  #makeImage(name: string): Image {
    const { bases, random } = this.#options
    return imageOn(random.some(bases, 2), `${this.repository} ${name}`)
  }

  #manifestPath(reference: string): string {
    return `/v2/${this.repository}/manifests/${reference}`
  }

  #blobPath(digest: string): string {
    return `/v2/${this.repository}/blobs/${digest}`
  }

  #problem(what: string): void {
    this.#requests.problem(what)
  }
}

function inWords({ status, bytes }: Answer): string {
  return `${status} ${new TextDecoder().decode(bytes.subarray(0, 300))}`
}
