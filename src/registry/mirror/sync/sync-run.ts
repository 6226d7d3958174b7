import { deleteSyncedBefore, keepSynced, putSynced } from '../../../metadata/mirroring/synced.ts'
import type { Metadata } from '../../../metadata/query.ts'
import type { Log } from '../../../observe/log.ts'
import type { Digest } from '../../../oci/digest.ts'
import { RegistryError } from '../../../oci/errors.ts'
import { findRepositoryName, type RepositoryName } from '../../../oci/name.ts'
import { attachedIn } from '../../../oci/tags/attached-tag.ts'
import { eachOf } from '../../../runtime/each-of.ts'
import { Semaphore } from '../../../runtime/semaphore.ts'
import { untilAborted } from '../../../runtime/until-aborted.ts'
import { ImageCarrying } from '../../../upstream/carrying/image-carrying.ts'
import { RateLimit } from '../../../upstream/carrying/rate-limit.ts'
import { allTags, listedNames, meantNames, type NamesOptions } from '../../../upstream/carrying/registry-names.ts'
import { Retries, type RetriesOptions } from '../../../upstream/carrying/retries.ts'
import { UpstreamFailure } from '../../../upstream/upstream-failure.ts'
import type { PulledRegistry } from '../../../upstream/upstreams.ts'
import { SyncCarrier, type SyncCarrierOptions } from './sync-carrier.ts'
import type { SyncNote } from './sync-note.ts'
import type { SyncRule } from './sync-rule.ts'

/** What a rule brings into, by the prefix of the mirror. */
export interface SyncedMirror extends Pick<SyncCarrierOptions, 'mirror'> {
  readonly prefix: string
  readonly upstream: PulledRegistry
  readonly rule: SyncRule
  /** Whether a repository, by its name there, is mirrored at all. */
  readonly isMirrored: (there: string) => boolean
}

export interface SyncRunOptions extends SyncedMirror {
  readonly metadata: Metadata
  /** As the run begins. */
  readonly note: SyncNote
  /** Is told how far it is, by its parts. */
  readonly onNote: (note: SyncNote) => void
  readonly retries?: Pick<RetriesOptions, 'tries' | 'wait'>
  readonly log: Log
  readonly signal: AbortSignal
}

const TAGS_AT_ONCE = 2
const BLOBS_AT_ONCE = 4
const MOST_NAMED = 20
/** So many tags fail in a row because the other registry is away before the run ends. */
const MOST_OUTAGES = 3

/** One run of a rule: what it names is here afterwards, and stays; what it has named before and names no more may go. */
export class SyncRun {
  readonly #options: SyncRunOptions
  readonly #retries: Retries
  readonly #permits = new Semaphore(BLOBS_AT_ONCE)
  readonly #pace: (bytes: number) => Promise<void>
  #note: SyncNote
  #outages = 0

  constructor(options: SyncRunOptions) {
    const { rule, retries, note, signal, prefix, log } = options
    this.#options = options
    this.#note = note
    const rate = rule.bytesPerSecond === undefined ? undefined : new RateLimit({ bytesPerSecond: rule.bytesPerSecond })
    // A fetch that clients share with a run that was cut goes on without it.
    this.#pace = async (bytes) => await untilAborted(signal, async () => await rate?.pass(bytes, signal))
    const onWait = (error: UpstreamFailure, ms: number) =>
      log.info('a scheduled mirror waits for its upstream', { mirror: prefix, seconds: Math.ceil(ms / 1000), error })
    this.#retries = new Retries({ ...retries, onWait })
  }

  /** Gives how it was. Throws the reason of the signal, and what is no failure of the upstream. */
  async run(): Promise<SyncNote> {
    const { prefix, rule, isMirrored, metadata, signal } = this.#options
    let endedEarly: string | undefined
    try {
      for await (const there of meantNames(rule.repositories, () => listedNames(this.#names))) {
        signal.throwIfAborted()
        if (isMirrored(there)) await this.#syncRepository(there)
      }
      await metadata.write((query) => deleteSyncedBefore(query, prefix, this.#note.run))
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof RegistryError)) throw error
      endedEarly = error.message
    }
    const endedAtMs = Date.now()
    const hasListed = endedEarly === undefined
    return {
      ...this.#note,
      ...{ endedEarly, endedAtMs },
      wholeAtMs: hasListed && this.#note.failed === 0 ? endedAtMs : this.#note.wholeAtMs,
      listedAtMs: hasListed ? endedAtMs : this.#note.listedAtMs,
    }
  }

  get #names(): NamesOptions {
    return { source: this.#options.upstream, retries: this.#retries, signal: this.#options.signal }
  }

  async #syncRepository(there: string): Promise<void> {
    const { prefix, metadata } = this.#options
    const repository = findRepositoryName(`${prefix}/${there}`)
    if (repository === undefined) return this.#fail(there, 'its name cannot be one of a repository here')
    const failedBefore = this.#note.failed
    try {
      await this.#syncTags(repository)
      this.#tell({ repositories: this.#note.repositories + 1 })
    } catch (error) {
      if (this.#isAway) throw error
      this.#failed(repository, error)
    }
    // What could not be looked at stays named.
    if (this.#note.failed > failedBefore)
      await metadata.write((query) => keepSynced(query, { mirror: prefix, repository }, this.#note.run))
  }

  async #syncTags(repository: RepositoryName): Promise<void> {
    const { prefix, metadata, rule, mirror, signal } = this.#options
    const tags = (await allTags(repository, this.#names)) ?? []
    const carrier = new SyncCarrier({
      ...{ mirror, repository, retries: this.#retries, permits: this.#permits, pace: this.#pace },
      onBlob: (size) => this.#tell({ blobs: this.#note.blobs + 1, bytes: this.#note.bytes + size }),
    })
    const onManifest = async (digest: Digest) =>
      await metadata.write((query) => putSynced(query, { mirror: prefix, repository, digest }, this.#note.run))
    const carrying = new ImageCarrying({ carrier, attached: attachedIn(tags), platforms: rule.platforms, onManifest })
    await eachOf(rule.tags.choose(tags), TAGS_AT_ONCE, async (tag) => {
      try {
        const found = await carrier.findManifest(tag, signal)
        // One that was deleted there meanwhile is named no more.
        if (found === undefined) return
        await carrying.bringTag(tag, signal, found)
        this.#outages = 0
        this.#tell({ tags: this.#note.tags + 1 })
      } catch (error) {
        this.#failed(`${repository}:${tag}`, error)
      }
    })
  }

  get #isAway(): boolean {
    return this.#outages >= MOST_OUTAGES
  }

  /** Throws where the run ends. */
  #failed(name: string, error: unknown): void {
    const { signal, prefix, log } = this.#options
    signal.throwIfAborted()
    if (!(error instanceof RegistryError)) throw error
    this.#fail(name, error.message)
    log.warn('a scheduled mirror did not bring something', { mirror: prefix, name, error })
    this.#outages += error instanceof UpstreamFailure && error.mayPass ? 1 : 0
    if (this.#isAway) throw error
  }

  #fail(name: string, reason: string): void {
    const { failed, failures } = this.#note
    this.#tell({ failed: failed + 1, failures: [...failures, { name, reason }].slice(0, MOST_NAMED) })
  }

  #tell(news: Partial<SyncNote>): void {
    this.#note = { ...this.#note, ...news }
    this.#options.onNote(this.#note)
  }
}
