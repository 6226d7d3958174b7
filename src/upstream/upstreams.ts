import type { Digest } from '../oci/digest.ts'
import type { RepositoryName } from '../oci/name.ts'
import type { Reference } from '../oci/reference.ts'
import type {
  FoundBlob,
  FoundReferrers,
  FoundRepositories,
  FoundTag,
  FoundTags,
  Upstream,
  UpstreamBlob,
  UpstreamManifest,
} from './upstream.ts'
import { UpstreamFailure } from './upstream-failure.ts'

/** What a mirror asks for content, by the names of its own registry. It answers as Upstream does. */
export type PulledRegistry = Pick<
  Upstream,
  'origin' | 'asked' | 'findRepositories' | 'findTag' | 'findManifest' | 'findTags' | 'findReferrers' | 'findBlob' | 'openBlob'
>

export interface UpstreamsOptions {
  /** One at least. */
  readonly upstreams: readonly Upstream[]
  /** What they call a repository. */
  readonly nameThere: (repository: RepositoryName) => RepositoryName
}

/** Registries that are to have the same content. Each question goes to the first, and on to the next where that does not give it. */
export class Upstreams implements PulledRegistry {
  readonly origin: string
  readonly asked: string
  readonly #upstreams: readonly Upstream[]
  readonly #nameThere: (repository: RepositoryName) => RepositoryName

  constructor({ upstreams, nameThere }: UpstreamsOptions) {
    const origins = upstreams.map(({ origin }) => origin)
    this.origin = origins.join(' ')
    this.asked = `The upstream ${origins.join(' or ')}`
    this.#upstreams = upstreams
    this.#nameThere = nameThere
  }

  async findTag(repository: RepositoryName, tag: Reference, known: Digest, signal: AbortSignal): Promise<FoundTag | undefined> {
    return await this.#first(repository, (upstream, name) => upstream.findTag(name, tag, known, signal))
  }

  async findManifest(
    repository: RepositoryName,
    reference: Reference,
    signal: AbortSignal,
  ): Promise<UpstreamManifest | undefined> {
    return await this.#first(repository, (upstream, name) => upstream.findManifest(name, reference, signal))
  }

  async findTags(
    repository: RepositoryName,
    page: { readonly last: string | undefined; readonly limit: number },
    signal: AbortSignal,
  ): Promise<FoundTags | undefined> {
    return await this.#first(repository, (upstream, name) => upstream.findTags(name, page, signal))
  }

  /** By the names there, of the first one that lists any: the pages after it are those of the same one. */
  async findRepositories(after: string | undefined, signal: AbortSignal): Promise<FoundRepositories | undefined> {
    const [, place = '', token] = /^(\d+) (.*)$/s.exec(after ?? '') ?? []
    let failure: UpstreamFailure | undefined
    for (const [index, upstream] of this.#upstreams.entries()) {
      if (after !== undefined && String(index) !== place) continue
      try {
        const found = await upstream.findRepositories(token, signal)
        if (found !== undefined) return { ...found, next: found.next === undefined ? undefined : `${index} ${found.next}` }
      } catch (error) {
        if (!(error instanceof UpstreamFailure)) throw error
        failure ??= error
      }
    }
    if (failure !== undefined) throw failure
    return undefined
  }

  async findReferrers(repository: RepositoryName, subject: Digest, signal: AbortSignal): Promise<FoundReferrers | undefined> {
    return await this.#first(repository, (upstream, name) => upstream.findReferrers(name, subject, signal))
  }

  async findBlob(repository: RepositoryName, digest: Digest, signal: AbortSignal): Promise<FoundBlob | undefined> {
    return await this.#first(repository, (upstream, name) => upstream.findBlob(name, digest, signal))
  }

  async openBlob(
    repository: RepositoryName,
    digest: Digest,
    start: number,
    signal: AbortSignal,
  ): Promise<UpstreamBlob | undefined> {
    return await this.#first(repository, (upstream, name) => upstream.openBlob(name, digest, start, signal))
  }

  /** Undefined where all of them say that they do not have it: one that fails may have it. */
  async #first<Found>(
    repository: RepositoryName,
    ask: (upstream: Upstream, name: RepositoryName) => Promise<Found | undefined>,
  ): Promise<Found | undefined> {
    const name = this.#nameThere(repository)
    let failure: UpstreamFailure | undefined
    for (const upstream of this.#upstreams) {
      try {
        const found = await ask(upstream, name)
        if (found !== undefined) return found
      } catch (error) {
        if (!(error instanceof UpstreamFailure)) throw error
        failure ??= error
      }
    }
    if (failure !== undefined) throw failure
    return undefined
  }
}
