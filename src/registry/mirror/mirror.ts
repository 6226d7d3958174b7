import type { Log } from '../../observe/log.ts'
import { unavailable } from '../../oci/errors.ts'
import type { UploadState } from '../../storage/driver.ts'
import type { PulledRegistry } from '../../upstream/upstreams.ts'
import type { BlobStore } from '../content/blob-store.ts'
import type { ManifestStore } from '../content/manifest-store.ts'
import { Absences } from './absences.ts'
import { BlobFetches, type BlobFetchesOptions } from './blob-fetches.ts'
import { FetchRows, type FetchRowsOptions } from './fetch-rows.ts'
import { type MirrorEvents, NO_EVENTS } from './mirror-events.ts'
import { MirroredBlobs } from './mirrored-blobs.ts'
import { MirroredManifests } from './mirrored-manifests.ts'
import { MirroredReferrers } from './mirrored-referrers.ts'
import { type HeldTags, MirroredTags } from './mirrored-tags.ts'
import { type MirrorLimits, NO_LIMITS } from './space/mirror-limits.ts'
import type { MirrorSpace } from './space/mirror-space.ts'
import type { SyncRule } from './sync/sync-rule.ts'

/** What a registry mirrors. */
export interface MirrorSource {
  readonly upstream: PulledRegistry
  /** As MirroredManifests takes it. */
  readonly tagsFreshMs: number
  /** Left out, everything stays. */
  readonly limits?: MirrorLimits
  readonly events?: MirrorEvents
  /** What is brought unasked; left out: nothing. */
  readonly sync?: SyncRule | undefined
}

/** One mirror among those of a registry. */
export interface MirrorPlace {
  /** What is below it is its own; '' where it is the whole registry. */
  readonly prefix: string
  readonly events: MirrorEvents
  readonly limits: MirrorLimits
  readonly sync: SyncRule | undefined
  readonly upstream: Pick<PulledRegistry, 'findTag'>
  /** Ends what it does. */
  readonly signal: AbortSignal
}

type OwnParts = 'upstream' | 'signal' | 'events' | 'rows' | 'space'

export interface MirrorOptions extends Omit<BlobFetchesOptions, OwnParts>, Pick<FetchRowsOptions, 'metadata'> {
  /** The prefix of the mirror, or ''. */
  readonly prefix: string
  readonly source: MirrorSource
  readonly blobs: BlobStore
  readonly manifests: ManifestStore
  readonly catalog: HeldTags
  /** What keeps it within its limits; undefined where it has none. */
  readonly createSpace: (place: MirrorPlace) => MirrorSpace | undefined
  readonly log: Log
}

/** Pulls of another registry: what is not here is fetched from there, and stays. */
export class Mirror {
  readonly blobs: MirroredBlobs
  readonly manifests: MirroredManifests
  readonly tags: MirroredTags
  readonly referrers: MirroredReferrers
  /** Undefined: it has no limits. */
  readonly space: MirrorSpace | undefined
  readonly #fetches: BlobFetches
  readonly #ending = new AbortController()

  constructor({ source: { events = NO_EVENTS, limits = NO_LIMITS, ...source }, manifests, catalog, ...options }: MirrorOptions) {
    const { signal } = this.#ending
    const { upstream, sync } = source
    this.space = options.createSpace({ prefix: options.prefix, events, limits, sync, upstream, signal })
    const rows = new FetchRows({ ...options, mirror: options.prefix })
    const parts = { ...options, ...source, events, absences: new Absences(), signal, rows, space: this.space }
    this.#fetches = new BlobFetches(parts)
    this.blobs = new MirroredBlobs({ ...parts, fetches: this.#fetches })
    this.manifests = new MirroredManifests({ ...parts, manifests })
    this.tags = new MirroredTags({ ...parts, held: catalog })
    this.referrers = new MirroredReferrers(parts)
  }

  /** Whether a fetch of this process writes to the file of an upload. */
  isOpen(state: UploadState): boolean {
    return this.#fetches.isOpen(state)
  }

  /** Breaks off what is under way. Requests that wait for it hear why. */
  end(): void {
    this.#ending.abort(unavailable('The registry stops; send the request again.'))
  }

  /** The same, and resolves when nothing of it runs any more. */
  async stop(): Promise<void> {
    this.end()
    await this.#fetches.finish()
  }
}
