import type { Descriptor } from '../oci/descriptor.ts'
import { algorithmOf, type Digest, digestOf, findDigest } from '../oci/digest.ts'
import { MAX_MANIFEST_BYTES } from '../oci/manifest.ts'
import { MANIFEST_MEDIA_TYPES, OCI_IMAGE_INDEX } from '../oci/media-types.ts'
import type { RepositoryName } from '../oci/name.ts'
import { isDigest, parseTag, type Reference } from '../oci/reference.ts'
import { attachedName } from '../oci/tags/attached-tag.ts'
import { Circuit } from './circuit.ts'
import { type CredentialSource, NO_CREDENTIALS } from './credentials.ts'
import { type Answer, PATIENCE, type Way } from './exchange.ts'
import { tagsIn, textsIn } from './lists/name-list.ts'
import { MOST_REFERRER_BYTES, MOST_REFERRER_PAGES, MOST_REFERRERS, nextQuery, referrersIn } from './lists/referrer-list.ts'
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
    return { from: this, digest, bytes, contentType: typeOf(answer) }
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

  /**
   * A page of its repositories (registry:2's catalog, which the specification does not have). Undefined where it has no such list. `after`: from the
   * page before.
   */
  async findRepositories(after: string | undefined, signal: AbortSignal): Promise<FoundRepositories | undefined> {
    const path = `_catalog${after ?? `?n=${REPOSITORIES_IN_PAGE}`}`
    const answer = await this.#ask('GET', { repository: undefined, path, headers: {}, signal })
    if (answer.status !== 200) return this.#absent(answer)
    const names = textsIn(await answer.bytes(MOST_LIST_BYTES), 'repositories')
    if (names === undefined) throw wrongAnswer(this.asked, 'sends what is no list of repositories')
    const next = nextQuery(answer.headers)
    return { names, next: names.length === 0 || next === after ? undefined : next }
  }

  /**
   * All that refers to a manifest, by the API of referrers, or by the tag that stands in its place where the registry has no such API
   * (distribution-spec "Referrers Tag Schema"). Undefined where nothing does.
   */
  async findReferrers(repository: RepositoryName, subject: Digest, signal: AbortSignal): Promise<FoundReferrers | undefined> {
    const found = new Map<Digest, Descriptor>()
    let bytes = 0
    for (let pages = 0, query: string | undefined = ''; query !== undefined; pages += 1) {
      const answer = await this.#ask('GET', { repository, path: `referrers/${subject}${query}`, headers: LISTED, signal })
      if (!isReferrerList(answer)) {
        if (pages === 0 && HAS_NO_REFERRERS.has(answer.status))
          return await this.#findTaggedReferrers(repository, subject, answer, signal)
        answer.discard()
        throw refusal(this.asked, answer)
      }
      const page = await answer.bytes(MOST_LIST_BYTES)
      const before = found.size
      bytes += page.length
      for (const descriptor of referrersIn(page, this.asked)) found.set(descriptor.digest, descriptor)
      // One that knows no pages sends its first page for ever.
      query = found.size === before ? undefined : nextQuery(answer.headers)
      if (found.size > MOST_REFERRERS || pages >= MOST_REFERRER_PAGES || bytes > MOST_REFERRER_BYTES)
        throw wrongAnswer(this.asked, `lists more than ${MOST_REFERRERS} referrers of ${subject}, or too many bytes of them`)
    }
    return found.size === 0 ? undefined : { from: this, referrers: [...found.values()] }
  }

  async #findTaggedReferrers(
    repository: RepositoryName,
    subject: Digest,
    answer: Answer,
    signal: AbortSignal,
  ): Promise<FoundReferrers | undefined> {
    answer.discard()
    const tagged = await this.findManifest(repository, parseTag(attachedName(subject)), signal)
    // A tag may have that name by chance.
    if (tagged === undefined || (tagged.contentType ?? OCI_IMAGE_INDEX) !== OCI_IMAGE_INDEX) return undefined
    const referrers = referrersIn(tagged.bytes, this.asked)
    return referrers.length === 0 ? undefined : { from: this, referrers }
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

const LISTED = { accept: OCI_IMAGE_INDEX }
/** What registries answer that do not know the path; one that does never answers 404. Some have a page for browsers at any path. */
const HAS_NO_REFERRERS: ReadonlySet<number> = new Set([200, 400, 404, 405, 406])

function isReferrerList(answer: Answer): boolean {
  return answer.status === 200 && typeOf(answer) === OCI_IMAGE_INDEX
}

/** Without parameters; undefined when it was not said. */
function typeOf({ headers }: Answer): string | undefined {
  return headers.get('content-type')?.split(';', 1)[0]?.trim()
}

export interface FoundReferrers {
  readonly from: NamedUpstream
  /** Each once. */
  readonly referrers: readonly Descriptor[]
}

const REPOSITORIES_IN_PAGE = 100

export interface FoundRepositories {
  /** As it writes them: what is no name here may be one there. */
  readonly names: readonly string[]
  /** Leads to the next page; undefined: this is the last one. */
  readonly next: string | undefined
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
  readonly repository: RepositoryName | undefined
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

/** A hundred thousand long names. registry:2 gives them all at once. */
const MOST_LIST_BYTES = 16 * 1024 * 1024
