import { ownWork } from '../../observe/actor.ts'
import type { Log } from '../../observe/log.ts'
import type { Digest } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import { requireBounds } from '../../oci/manifest-bounds.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { isDigest, type Reference, type Tag } from '../../oci/reference.ts'
import type { NamedUpstream, UpstreamManifest } from '../../upstream/upstream.ts'
import { wrongAnswer } from '../../upstream/upstream-failure.ts'
import type { PulledRegistry } from '../../upstream/upstreams.ts'
import type { ManifestStore, WholeManifest } from '../content/manifest-store.ts'
import type { StoredManifest } from '../content/remembered-manifests.ts'
import type { Absences } from './absences.ts'
import type { MirrorEvents } from './mirror-events.ts'

export interface MirroredManifestsOptions {
  readonly upstream: PulledRegistry
  readonly manifests: Pick<ManifestStore, 'get' | 'read' | 'put'>
  /** For so long a tag that was looked up is not looked up again; 0: each pull asks; infinite: what is here is what counts. */
  readonly tagsFreshMs: number
  readonly absences: Absences
  readonly events: MirrorEvents
  readonly signal: AbortSignal
  readonly log: Log
}

/** The names of tags come from clients. */
const MOST_FRESH_TAGS = 10_000
const MOST_TRIES = 3

/**
 * Manifests as pulls see them. One that is here is never fetched again, for its digest says what it is. A tag is looked up at the upstream
 * by one HEAD, whatever number of requests ask; where that fails, what is here is served and says so.
 */
export class MirroredManifests {
  readonly #options: MirroredManifestsOptions
  /** What is being asked of the upstream, by repository and reference. */
  readonly #asking = new Map<string, Promise<void>>()
  /** When tags were looked up last; the oldest first. */
  readonly #lookedUpAtMs = new Map<string, number>()

  constructor(options: MirroredManifestsOptions) {
    this.#options = options
  }

  /** Throws MANIFEST_UNKNOWN where the upstream answers 404, and UpstreamFailure. */
  async get(repository: RepositoryName, reference: Reference): Promise<StoredManifest> {
    const { manifests } = this.#options
    if (this.#isSettled(repository, reference)) {
      try {
        return await manifests.get(repository, reference)
      } catch (error) {
        requireUnknown(error)
      }
    }
    const { held, unconfirmedBy } = await this.#brought(repository, reference, () => manifests.get(repository, reference))
    return { ...held, unconfirmedBy }
  }

  /** As `get`. */
  async read(repository: RepositoryName, reference: Reference): Promise<WholeManifest> {
    const { manifests } = this.#options
    if (this.#isSettled(repository, reference)) {
      try {
        return await manifests.read(repository, reference)
      } catch (error) {
        requireUnknown(error)
      }
    }
    const { held, unconfirmedBy } = await this.#brought(repository, reference, () => this.#readWhole(repository, reference))
    return { manifest: { ...held.manifest, unconfirmedBy }, content: held.content }
  }

  /** The upstream need not be asked for it if it is here: such a pull looks it up once, as one of what was pushed here. */
  #isSettled(repository: RepositoryName, reference: Reference): boolean {
    return isDigest(reference) || this.#isFresh(repository, reference)
  }

  /** As `read`, where the upstream has said now to what a tag points. Throws as well where it does not say. */
  async readConfirmed(repository: RepositoryName, reference: Reference): Promise<WholeManifest> {
    const held = await this.#find(repository, reference)
    if (held === undefined || !isDigest(reference))
      await this.#once(repository, reference, () => this.#fetchOrConfirm(repository, reference, held?.digest))
    return await this.#readWhole(repository, reference)
  }

  /** A manifest whose bytes the storage has lost is fetched again. */
  async #readWhole(repository: RepositoryName, reference: Reference): Promise<WholeManifest> {
    const { manifests } = this.#options
    try {
      return await manifests.read(repository, reference)
    } catch (error) {
      const digest = isUnknown(error) ? (await this.#find(repository, reference))?.digest : undefined
      if (digest === undefined) throw error
      await this.#once(repository, digest, () => this.#fetch(repository, digest))
      return await manifests.read(repository, reference)
    }
  }

  /** What is here now. Between the two steps the mirror may have needed its room for another one: then it is brought again. */
  async #brought<Held>(repository: RepositoryName, reference: Reference, take: () => Promise<Held>) {
    for (let tries = 1; ; tries += 1) {
      const unconfirmedBy = await this.#bring(repository, reference)
      try {
        return { held: await take(), unconfirmedBy }
      } catch (error) {
        if (!isUnknown(error) || tries === MOST_TRIES) throw error
      }
    }
  }

  /** Gives the upstream where it did not confirm a tag that is here. */
  async #bring(repository: RepositoryName, reference: Reference): Promise<string | undefined> {
    const { upstream, events, log } = this.#options
    const held = await this.#find(repository, reference)
    if (held !== undefined && this.#isSettled(repository, reference)) return undefined
    try {
      await this.#once(repository, reference, () => this.#fetchOrConfirm(repository, reference, held?.digest))
      return undefined
    } catch (error) {
      // Also where the upstream has another one and the storage cannot take it.
      if (held === undefined || !(error instanceof RegistryError)) throw error
      events.servedStale()
      log.warn('a tag is not confirmed, what is here is served', { upstream: upstream.origin, repository, tag: reference, error })
      return upstream.origin
    }
  }

  /** Undefined where it is not here. */
  async #find(repository: RepositoryName, reference: Reference): Promise<StoredManifest | undefined> {
    try {
      return await this.#options.manifests.get(repository, reference)
    } catch (error) {
      requireUnknown(error)
      return undefined
    }
  }

  /** Requests that want the same at once share one answer. */
  async #once(repository: RepositoryName, reference: Reference, ask: () => Promise<void>): Promise<void> {
    const name = nameOf(repository, reference)
    const asking = this.#asking.get(name) ?? ask().finally(() => this.#asking.delete(name))
    this.#asking.set(name, asking)
    await asking
  }

  async #fetchOrConfirm(repository: RepositoryName, reference: Reference, held: Digest | undefined): Promise<void> {
    const { upstream, signal, absences } = this.#options
    if (absences.has(manifestName(repository, reference))) throw unknownUpstream(upstream, reference)
    if (isDigest(reference)) return await this.#fetch(repository, reference)
    const tag = held === undefined ? undefined : await upstream.findTag(repository, reference, held, signal)
    if (held !== undefined && tag === undefined) throw this.#absent(repository, reference)
    if (tag === undefined || tag.digest !== held) await this.#fetch(repository, reference)
    this.#lookedUp(repository, reference)
  }

  async #fetch(repository: RepositoryName, reference: Reference): Promise<void> {
    const { upstream, manifests, signal, log } = this.#options
    const found = await upstream.findManifest(repository, reference, signal)
    if (found === undefined) throw this.#absent(repository, reference)
    try {
      await keep(manifests, repository, reference, found)
    } catch (cause) {
      if (!(cause instanceof RegistryError) || cause.code !== 'MANIFEST_INVALID') throw cause
      throw wrongAnswer(
        found.from.asked,
        `sends what is no manifest for ${reference}: ${cause.message.replace(/\.$/, '')}`,
        cause,
      )
    }
    log.info('a manifest was fetched', { upstream: found.from.origin, repository, reference, digest: found.digest })
  }

  #absent(repository: RepositoryName, reference: Reference): RegistryError {
    const { upstream, absences } = this.#options
    absences.add(manifestName(repository, reference))
    return unknownUpstream(upstream, reference)
  }

  #isFresh(repository: RepositoryName, tag: Tag): boolean {
    const { tagsFreshMs } = this.#options
    if (tagsFreshMs === Number.POSITIVE_INFINITY) return true
    const lookedUpAtMs = this.#lookedUpAtMs.get(nameOf(repository, tag))
    return lookedUpAtMs !== undefined && performance.now() - lookedUpAtMs < tagsFreshMs
  }

  #lookedUp(repository: RepositoryName, tag: Tag): void {
    const name = nameOf(repository, tag)
    this.#lookedUpAtMs.delete(name)
    this.#lookedUpAtMs.set(name, performance.now())
    const [oldest] = this.#lookedUpAtMs.keys()
    if (this.#lookedUpAtMs.size > MOST_FRESH_TAGS && oldest !== undefined) this.#lookedUpAtMs.delete(oldest)
  }
}

/** Throws MANIFEST_INVALID for what is none. */
async function keep(
  manifests: Pick<ManifestStore, 'put'>,
  repository: RepositoryName,
  reference: Reference,
  { bytes, contentType }: UpstreamManifest,
): Promise<void> {
  requireBounds(bytes)
  await manifests.put(repository, { reference, tags: [], contentType, bytes, isMirrored: true, actor: ownWork('mirror') })
}

function unknownUpstream({ asked }: Pick<NamedUpstream, 'asked'>, reference: Reference): RegistryError {
  return new RegistryError('MANIFEST_UNKNOWN', { message: `${asked} has no such manifest (404).`, detail: { reference } })
}

/** Throws every error but that of a manifest that is not here. */
function requireUnknown(error: unknown): void {
  if (!isUnknown(error)) throw error
}

function isUnknown(error: unknown): boolean {
  return error instanceof RegistryError && error.code === 'MANIFEST_UNKNOWN'
}

function manifestName(repository: RepositoryName, reference: Reference): string {
  return `manifest ${nameOf(repository, reference)}`
}

/** No name contains a space. */
function nameOf(repository: RepositoryName, reference: Reference): string {
  return `${repository} ${reference}`
}
