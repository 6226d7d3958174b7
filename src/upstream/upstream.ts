import { algorithmOf, type Digest, digestOf, findDigest } from '../oci/digest.ts'
import { MAX_MANIFEST_BYTES } from '../oci/manifest.ts'
import { MANIFEST_MEDIA_TYPES } from '../oci/media-types.ts'
import type { RepositoryName } from '../oci/name.ts'
import { findTag, isDigest, type Reference } from '../oci/reference.ts'
import { Circuit } from './circuit.ts'
import { type CredentialSource, NO_CREDENTIALS } from './credentials.ts'
import { type Answer, PATIENCE, type Way } from './exchange.ts'
import { RegistrySession } from './registry-session.ts'
import { refusal, type UpstreamFailure, wrongAnswer } from './upstream-failure.ts'

export interface UpstreamOptions {
  /** Scheme, host and port; its API begins at /v2/. */
  readonly url: URL
  readonly credentials?: CredentialSource | undefined
  /** What is left out: the usual. */
  readonly way?: Partial<Way>
  /** Is told that the upstream is left alone after its last failure, and that it answers again: undefined. */
  readonly onCircuit?: (failure: UpstreamFailure | undefined) => void
}

/** A registry, as errors, logs and metrics name it. */
export interface NamedUpstream {
  readonly origin: string
  /** As sentences begin that say what it did. */
  readonly asked: string
}

export interface UpstreamManifest {
  readonly from: NamedUpstream
  /** Of these bytes. */
  readonly digest: Digest
  readonly bytes: Uint8Array
  /** Without parameters; undefined when it was not said. */
  readonly contentType: string | undefined
}

/** A blob on its way. */
export interface UpstreamBlob {
  readonly from: NamedUpstream
  /** Where in the blob the first of the bytes belongs: not where asked for, when the upstream does not know Range. */
  readonly start: number
  /** Of the whole blob; undefined when it was not said. */
  readonly size: number | undefined
  /** Throws UpstreamFailure when they break off. */
  readonly chunks: AsyncIterable<Uint8Array>
  /** To be called at the end, whatever happened: closes the connection where the bytes have not come to theirs. */
  readonly discard: () => void
}

/**
 * A client of another registry, for pulls. Whatever it answers is checked here, once: 'find' is undefined for a 404 and for nothing else,
 * every other answer that does not give what was asked for is an UpstreamFailure that names it.
 */
export class Upstream implements NamedUpstream {
  readonly origin: string
  readonly #session: RegistrySession
  readonly #circuit: Circuit
  readonly asked: string

  constructor({ url, credentials = NO_CREDENTIALS, way, onCircuit }: UpstreamOptions) {
    this.origin = url.origin
    this.asked = `The upstream ${url.origin}${throughProxy(way?.proxy)}`
    this.#session = new RegistrySession({ url, credentials, asked: this.asked, way: { ...PATIENCE, ...way } })
    this.#circuit = new Circuit({ onChange: onCircuit })
  }

  /** What a tag points to, or that a digest is there, by a HEAD: `known` where that has not changed. `digest` is undefined when the upstream does not say. */
  async findTag(repository: RepositoryName, tag: Reference, known: Digest, signal: AbortSignal): Promise<FoundTag | undefined> {
    const headers = { accept: MANIFEST_MEDIA_TYPES.join(', '), 'if-none-match': `"${known}"` }
    const answer = await this.#ask('HEAD', { repository, path: `manifests/${tag}`, headers, signal })
    answer.discard()
    if (answer.status === 304) return { digest: known }
    if (answer.status === 404) return undefined
    if (answer.status !== 200) throw refusal(this.asked, answer)
    return { digest: findDigest(answer.headers.get('docker-content-digest') ?? '') }
  }

  /** Its exact bytes, which have the digest that was asked for, or that the upstream says. */
  async findManifest(
    repository: RepositoryName,
    reference: Reference,
    signal: AbortSignal,
  ): Promise<UpstreamManifest | undefined> {
    const headers = { accept: MANIFEST_MEDIA_TYPES.join(', ') }
    const answer = await this.#ask('GET', { repository, path: `manifests/${reference}`, headers, signal })
    if (answer.status !== 200) return this.#absent(answer)
    const bytes = await answer.bytes(MAX_MANIFEST_BYTES)
    const said = isDigest(reference) ? reference : findDigest(answer.headers.get('docker-content-digest') ?? '')
    const digest = digestOf(said === undefined ? 'sha256' : algorithmOf(said), bytes)
    if (said !== undefined && digest !== said)
      throw wrongAnswer(this.asked, `sent other bytes than those of the manifest ${said}`)
    const contentType = answer.headers.get('content-type')?.split(';', 1)[0]?.trim()
    return { from: this, digest, bytes, contentType }
  }

  /**
   * Its tags after `last`, in the order of bytes: at most so many. An upstream may know neither bound, and may have a smaller one of its own.
   */
  async findTags(
    repository: RepositoryName,
    { last = '', limit }: { readonly last: string | undefined; readonly limit: number },
    signal: AbortSignal,
  ): Promise<FoundTags | undefined> {
    const query = new URLSearchParams({ n: String(limit), ...(last === '' ? {} : { last }) })
    const answer = await this.#ask('GET', { repository, path: `tags/list?${query}`, headers: {}, signal })
    if (answer.status !== 200) return this.#absent(answer)
    const listed = tagsIn(await answer.bytes(MOST_LIST_BYTES))
    if (listed === undefined) throw wrongAnswer(this.asked, `sends what is no list of tags for ${repository}`)
    const tags = listed.filter((tag) => tag > last).sort()
    // One that knows no `last` sends its first page for ever.
    return { tags: tags.slice(0, limit), more: tags.length > limit || (tags.length > 0 && answer.headers.has('link')) }
  }

  /** Its size, by a HEAD. */
  async findBlob(repository: RepositoryName, digest: Digest, signal: AbortSignal): Promise<FoundBlob | undefined> {
    const answer = await this.#ask('HEAD', { repository, path: `blobs/${digest}`, headers: {}, signal })
    if (answer.status !== 200) return this.#absent(answer)
    answer.discard()
    return { size: answer.length }
  }

  /** Its bytes, from `start` on where the upstream can do that. They are checked by nothing here. */
  async openBlob(
    repository: RepositoryName,
    digest: Digest,
    start: number,
    signal: AbortSignal,
  ): Promise<UpstreamBlob | undefined> {
    const headers: Record<string, string> = start === 0 ? {} : { range: `bytes=${start}-` }
    const answer = await this.#ask('GET', { repository, path: `blobs/${digest}`, headers, signal })
    const body = { from: this, chunks: answer.chunks(), discard: () => answer.discard() }
    if (answer.status === 200) return { start: 0, size: answer.length, ...body }
    if (answer.status !== 206 || start === 0) return this.#absent(answer)
    const [, first, size] = /^bytes (\d+)-\d+\/(\d+)$/.exec(answer.headers.get('content-range') ?? '') ?? []
    if (Number(first) === start) return { start, size: Number(size), ...body }
    answer.discard()
    throw wrongAnswer(this.asked, `sent another part of the blob ${digest} than was asked for`)
  }

  /** A server that only fails is left alone for a while: its last failure is thrown then. */
  async #ask(method: 'GET' | 'HEAD', asked: Asked): Promise<Answer> {
    const failureIn = (answer: Answer) => (answer.status >= 500 ? refusal(this.asked, answer) : undefined)
    return await this.#circuit.ask(() => this.#session.ask({ method, ...asked }), failureIn)
  }

  /** Undefined for a 404. Throws for everything else. */
  #absent(answer: Answer): undefined {
    answer.discard()
    if (answer.status !== 404) throw refusal(this.asked, answer)
  }
}

/** The proxy is named where it was chosen for this upstream: the answer may be its own. */
function throughProxy(proxy: Way['proxy']): string {
  return proxy === undefined || proxy === false ? '' : ` (through the proxy ${new URL(proxy).origin})`
}

export interface FoundTags {
  readonly tags: readonly string[]
  readonly more: boolean
}

export interface FoundTag {
  readonly digest: Digest | undefined
}

export interface FoundBlob {
  /** Bytes; undefined when the upstream does not say. */
  readonly size: number | undefined
}

interface Asked {
  readonly repository: RepositoryName
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

/** A hundred thousand long names. registry:2 gives them all at once. */
const MOST_LIST_BYTES = 16 * 1024 * 1024

/** Undefined for what is no list of tags; registry:2 has null for an empty one. */
function tagsIn(bytes: Uint8Array): string[] | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes))
    const tags: unknown = typeof value === 'object' && value !== null && 'tags' in value ? (value.tags ?? []) : undefined
    return Array.isArray(tags) && tags.every((tag) => typeof tag === 'string' && findTag(tag) !== undefined) ? tags : undefined
  } catch {
    return undefined
  }
}
