import type { Log } from '../../observe/log.ts'
import type { Annotations, Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { PulledRegistry } from '../../upstream/upstreams.ts'
import type { Page, PageRequest, Referrer } from '../content/catalog.ts'
import type { MirrorEvents } from './mirror-events.ts'

/** What the upstream lists, by digest. */
export interface ReferrerList {
  list(filter: { readonly artifactType: string | undefined }, page: PageRequest): Page<Referrer>
  /** As Catalog has it, of a referrer on the list. */
  annotationsOf(referrer: Referrer): AsyncIterable<string>
}

/** The upstream gave no list; what is here has to do. */
export interface NoReferrerList {
  readonly unconfirmedBy: string
}

export interface MirroredReferrersOptions {
  readonly upstream: PulledRegistry
  /** For so long a list is not asked for again; 0: each request asks. */
  readonly tagsFreshMs: number
  readonly events: MirrorEvents
  readonly signal: AbortSignal
  readonly log: Log
}

/** The names of subjects come from clients. */
const MOST_REMEMBERED = 10_000
const MOST_REMEMBERED_BYTES = 32 * 1024 * 1024
/** Of a descriptor without annotations, and of a list that is empty. */
const ABOUT_BYTES = 400

/** Referrers as clients see them: those that the upstream lists. One that a client pulls then is fetched as every manifest. */
export class MirroredReferrers {
  readonly #options: MirroredReferrersOptions
  /** What is being asked of the upstream, by repository and subject. */
  readonly #asking = new Map<string, Promise<FetchedList>>()
  /** The oldest first. */
  readonly #remembered = new Map<string, FetchedList>()
  #rememberedBytes = 0

  constructor(options: MirroredReferrersOptions) {
    this.#options = options
  }

  /** Whatever number of requests ask, the upstream is asked once, and not again within `tagsFreshMs`. */
  async of(repository: RepositoryName, subject: Digest): Promise<ReferrerList | NoReferrerList> {
    const { upstream, tagsFreshMs, events, log } = this.#options
    const remembered = this.#remembered.get(`${repository} ${subject}`)
    if (remembered !== undefined && performance.now() - remembered.fetchedAtMs < tagsFreshMs) return remembered
    try {
      return await this.confirmed(repository, subject)
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error
      events.servedStale()
      log.warn('the upstream lists no referrers, those that are here are listed', {
        ...{ upstream: upstream.origin, repository, subject, error },
      })
      return { unconfirmedBy: upstream.origin }
    }
  }

  /** What the upstream lists now. Throws UpstreamFailure. */
  async confirmed(repository: RepositoryName, subject: Digest): Promise<ReferrerList> {
    const name = `${repository} ${subject}`
    const asking = this.#asking.get(name) ?? this.#ask(name, repository, subject).finally(() => this.#asking.delete(name))
    this.#asking.set(name, asking)
    return await asking
  }

  async #ask(name: string, repository: RepositoryName, subject: Digest): Promise<FetchedList> {
    const { upstream, signal, tagsFreshMs } = this.#options
    const found = await upstream.findReferrers(repository, subject, signal)
    const list = new FetchedList(found?.referrers ?? [])
    this.#forget(name)
    if (tagsFreshMs === 0) return list
    this.#remembered.set(name, list)
    this.#rememberedBytes += list.bytes
    for (const oldest of this.#remembered.keys()) {
      if (this.#remembered.size <= MOST_REMEMBERED && this.#rememberedBytes <= MOST_REMEMBERED_BYTES) break
      this.#forget(oldest)
    }
    return list
  }

  #forget(name: string): void {
    this.#rememberedBytes -= this.#remembered.get(name)?.bytes ?? 0
    this.#remembered.delete(name)
  }
}

/** A list as an upstream gave it. */
class FetchedList implements ReferrerList {
  readonly fetchedAtMs = performance.now()
  /** About so many are in memory. */
  readonly bytes: number
  readonly #referrers: readonly Referrer[]
  /** As texts. */
  readonly #annotations: ReadonlyMap<Digest, string>

  constructor(referrers: readonly Descriptor[]) {
    const annotated = referrers.map(({ digest, annotations }) => [digest, textOf(annotations)] as const)
    this.#annotations = new Map(annotated)
    this.#referrers = referrers.map((each) => listed(each, this.#textOf(each.digest))).toSorted(byDigest)
    this.bytes = this.#referrers.reduce((sum, { annotationBytes }) => sum + ABOUT_BYTES + annotationBytes, ABOUT_BYTES)
  }

  list({ artifactType }: { readonly artifactType: string | undefined }, { last = '', limit }: PageRequest): Page<Referrer> {
    const after = this.#referrers.filter(
      (referrer) => referrer.digest > last && (artifactType === undefined || referrer.artifactType === artifactType),
    )
    const entries = after.slice(0, limit)
    return { entries, more: entries.length < after.length }
  }

  async *annotationsOf({ digest }: Referrer): AsyncGenerator<string> {
    yield this.#textOf(digest)
  }

  #textOf(digest: Digest): string {
    return this.#annotations.get(digest) ?? ''
  }
}

function textOf(annotations: Annotations | undefined): string {
  return annotations === undefined ? '' : JSON.stringify(annotations)
}

/** The fields that an answer shows; what an upstream adds is left out. */
function listed({ digest, mediaType, size, artifactType }: Descriptor, annotations: string): Referrer {
  return { digest, mediaType, size, artifactType, annotationBytes: Buffer.byteLength(annotations), isInPieces: false }
}

function byDigest(one: Referrer, other: Referrer): number {
  return one.digest < other.digest ? -1 : 1
}
