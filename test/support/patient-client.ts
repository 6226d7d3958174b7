import { ALL_MANIFEST_TYPES, blobsOf, type Content, type Image, makeImage, sha256 } from './images.ts'
import type { SeededRandom } from './seeded-random.ts'

/** A tag that is not there. */
export const ABSENT = 'absent'

export interface PatientOptions {
  readonly repository: string
  /** Where the registry is now. */
  readonly url: () => string
  readonly random: SeededRandom
  /** Layers that every client pushes, so that they meet on the same digests. */
  readonly layers: readonly Content[]
  /** True while the registry may have been killed under a request. */
  readonly mayBeGone: () => boolean
}

const ATTEMPTS = 12
const PAUSE_MS = 150
const REQUEST_MS = 90_000
const TAGS = ['one', 'two', 'three']

/**
 * A client as build systems have them: it tries again what did not work, goes on with pulls that break off, and keeps account of
 * what was acknowledged. What no registry may do, whatever its store does, is a problem.
 */
export class PatientClient {
  readonly problems: string[] = []
  /** How often which answer asked for patience. */
  readonly patience = new Map<string, number>()
  /** What each tag may be: one thing when a change was acknowledged, several when it was not. */
  readonly possible = new Map<string, ReadonlySet<string>>()
  readonly images = new Map<string, Image>()
  pushes = 0
  pulls = 0
  readonly #options: PatientOptions
  #elsewhere: string | undefined

  constructor(options: PatientOptions) {
    this.#options = options
    for (const tag of TAGS) this.possible.set(tag, new Set([ABSENT]))
  }

  get repository(): string {
    return this.#options.repository
  }

  async doSomething(): Promise<void> {
    this.#elsewhere = undefined
    const { random } = this.#options
    const tag = random.pick(TAGS)
    const isThere = this.#only(tag) !== undefined && this.#only(tag) !== ABSENT
    if (isThere && random.chance(0.08)) await this.#deleteTag(tag)
    else if (isThere && random.chance(0.5)) await this.pull(tag)
    else await this.#push(tag)
  }

  /** Pulls a tag whole and compares every byte; from another registry on the same storage, if told so. */
  async pull(tag: string, url?: string): Promise<void> {
    this.#elsewhere = url
    const expected = this.#only(tag)
    const manifest = await this.#pullManifest(tag)
    if (manifest === undefined) return
    if (manifest === ABSENT || (expected !== undefined && manifest !== expected)) {
      if (!this.possible.get(tag)?.has(manifest))
        this.#problem(`${tag} is ${manifest}, not ${[...(this.possible.get(tag) ?? [])].join(' or ')}`)
      return
    }
    const image = this.images.get(manifest)
    if (image === undefined) return this.#problem(`${tag} is ${manifest}, which nobody pushed`)
    for (const blob of blobsOf(image)) await this.#pullBlob(blob)
    this.pulls += 1
  }

  async #push(tag: string): Promise<void> {
    const image = this.#makeImage()
    const { digest } = image.manifest
    this.images.set(digest, image)
    for (const blob of blobsOf(image)) if (!(await this.#pushBlob(blob))) return
    this.possible.set(tag, new Set([...(this.possible.get(tag) ?? []), digest]))
    const isDone = await this.#patiently('manifest push', async () => {
      const body = image.manifest.bytes.slice()
      const headers = { 'content-type': image.manifest.mediaType }
      return await this.#send('PUT', `/v2/${this.repository}/manifests/${tag}`, { headers, body })
    })
    if (!isDone) return
    this.possible.set(tag, new Set([digest]))
    this.pushes += 1
  }

  async #deleteTag(tag: string): Promise<void> {
    this.possible.set(tag, new Set([...(this.possible.get(tag) ?? []), ABSENT]))
    const isDone = await this.#patiently(
      'tag delete',
      () => this.#send('DELETE', `/v2/${this.repository}/manifests/${tag}`),
      [404],
    )
    if (isDone) this.possible.set(tag, new Set([ABSENT]))
  }

  /** Each attempt from the start, by any of the ways that clients have. */
  async #pushBlob(blob: Content): Promise<boolean> {
    const ways = [() => this.#pushByPut(blob), () => this.#pushInChunks(blob, 1), () => this.#pushInChunks(blob, 3)]
    return await this.#patiently('blob push', async () => {
      if ((await this.#send('HEAD', `/v2/${this.repository}/blobs/${blob.digest}`)).status === 200)
        return new Response(null, { status: 201 })
      return await this.#options.random.pick(ways)()
    })
  }

  async #pushByPut({ digest, bytes }: Content): Promise<Response> {
    const opened = await this.#send('POST', `/v2/${this.repository}/blobs/uploads/`)
    const location = opened.headers.get('location')
    return location === null ? opened : await this.#send('PUT', withDigest(location, digest), binary(bytes))
  }

  async #pushInChunks({ digest, bytes }: Content, chunks: number): Promise<Response> {
    let answer = await this.#send('POST', `/v2/${this.repository}/blobs/uploads/`)
    const size = Math.ceil(bytes.length / chunks)
    for (let start = 0; start < bytes.length; start += size) {
      const location = answer.headers.get('location')
      if (answer.status !== 202 || location === null) return answer
      answer = await this.#send('PATCH', location, binary(bytes.subarray(start, start + size)))
    }
    const location = answer.headers.get('location')
    return answer.status !== 202 || location === null
      ? answer
      : await this.#send('PUT', withDigest(location, digest), binary(new Uint8Array()))
  }

  /** The digest of the manifest, ABSENT, or undefined when patience was not enough. */
  async #pullManifest(tag: string): Promise<string | undefined> {
    let found: string | undefined
    const path = `/v2/${this.repository}/manifests/${tag}`
    await this.#patiently('manifest pull', async () => {
      const response = await this.#send('GET', path, { headers: { accept: ALL_MANIFEST_TYPES } })
      if (response.status === 404) found = ABSENT
      if (response.status !== 200) return response
      found = sha256(await response.bytes())
      if (response.headers.get('docker-content-digest') !== found) this.#problem(`${tag}: the bytes of the manifest are ${found}`)
      return response
    }, [404])
    return found
  }

  /** Goes on where a pull has broken off, as containerd and Docker do. */
  async #pullBlob({ digest, bytes }: Content): Promise<void> {
    let received = 0
    await this.#patiently('blob pull', async () => {
      const headers: Record<string, string> = received === 0 ? {} : { range: `bytes=${received}-` }
      const response = await this.#send('GET', `/v2/${this.repository}/blobs/${digest}`, { headers })
      if (response.status !== (received === 0 ? 200 : 206)) return response
      for await (const chunk of response.body ?? []) {
        if (!Buffer.from(chunk).equals(bytes.subarray(received, received + chunk.length))) {
          this.#problem(`${digest}: other bytes from ${received} on`)
          return response
        }
        received += chunk.length
      }
      if (received !== bytes.length)
        this.#problem(`${digest}: ended after ${received} of ${bytes.length} bytes as if it were whole`)
      return response
    })
  }

  /** True when it succeeded in the end. `also`: further answers that are as good as a success. */
  async #patiently(what: string, attempt: () => Promise<Response>, also: readonly number[] = []): Promise<boolean> {
    for (let tries = 0; tries < ATTEMPTS; tries += 1) {
      const wasGone = this.#options.mayBeGone()
      const outcome = await attempt().catch((error: unknown) => error)
      if (outcome instanceof Response) {
        if (outcome.ok || also.includes(outcome.status)) return true
        await this.#expectExcuse(what, outcome)
      } else {
        this.#count(`${what}: ${nameOf(outcome)}`)
        // It may have been back already when this came to its turn.
        const isExcused = what === 'blob pull' || wasGone || this.#options.mayBeGone()
        if (!isExcused) this.#problem(`${what} broke off: ${nameOf(outcome)}`)
      }
      await Bun.sleep(PAUSE_MS * (1 + this.#options.random.next()))
    }
    this.#count(`${what}: given up`)
    return false
  }

  /** 503 says when to come again; an upload may have lost its bytes, and begins anew. Anything else is not the store's fault. */
  async #expectExcuse(what: string, response: Response): Promise<void> {
    const { status } = response
    const body = await response.text()
    const code = /"code":"([A-Z_]+)"/.exec(body)?.[1] ?? ''
    this.#count(`${what}: ${status} ${code}`)
    if (status === 503 && code === 'UNAVAILABLE' && response.headers.has('retry-after')) return
    if (what === 'blob push' && (code === 'BLOB_UPLOAD_UNKNOWN' || status === 416)) return
    this.#problem(`${what} answered ${status}: ${body.slice(0, 300)}`)
  }

  async #send(method: string, path: string, init: { headers?: Record<string, string>; body?: Uint8Array<ArrayBuffer> } = {}) {
    const url = new URL(path, this.#elsewhere ?? this.#options.url())
    return await fetch(url, { method, redirect: 'manual', signal: AbortSignal.timeout(REQUEST_MS), ...init })
  }

  #makeImage(): Image {
    const { random, layers } = this.#options
    const image = makeImage(`${this.repository} ${random.below(1e9)}`, { layers: 1 })
    const shared = layers.filter(() => random.chance(0.5))
    return { ...image, ...withLayers(image, [...image.layers, ...shared]) }
  }

  #only(tag: string): string | undefined {
    const [first, ...others] = this.possible.get(tag) ?? []
    return others.length === 0 ? first : undefined
  }

  #count(what: string): void {
    this.patience.set(what, (this.patience.get(what) ?? 0) + 1)
  }

  #problem(what: string): void {
    this.problems.push(`${this.repository}: ${what}`)
  }
}

function withLayers({ manifest }: Image, layers: readonly Content[]): Pick<Image, 'manifest' | 'layers'> {
  const described = layers.map(({ mediaType, digest, bytes }) => ({ mediaType, digest, size: bytes.length }))
  const body = { ...JSON.parse(new TextDecoder().decode(manifest.bytes)), layers: described }
  const bytes = new TextEncoder().encode(JSON.stringify(body))
  return { manifest: { mediaType: manifest.mediaType, digest: sha256(bytes), bytes }, layers }
}

function withDigest(location: string, digest: string): string {
  return `${location}${location.includes('?') ? '&' : '?'}digest=${digest}`
}

function binary(bytes: Uint8Array) {
  return { headers: { 'content-type': 'application/octet-stream' }, body: bytes.slice() }
}

function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'code' in error && typeof error.code === 'string' ? error.code : `${error.name} ${error.message}`
}
