import type { Log } from '../../observe/log.ts'
import type { UploadState } from '../../storage/driver.ts'
import type { PulledRegistry } from '../../upstream/upstreams.ts'
import type { BlobStore } from '../content/blob-store.ts'
import type { ManifestStore } from '../content/manifest-store.ts'
import { Absences } from './absences.ts'
import { BlobFetches, type BlobFetchesOptions } from './blob-fetches.ts'
import { type MirrorEvents, NO_EVENTS } from './mirror-events.ts'
import { MirroredBlobs } from './mirrored-blobs.ts'
import { MirroredManifests } from './mirrored-manifests.ts'
import { type HeldTags, MirroredTags } from './mirrored-tags.ts'

/** What a registry mirrors. */
export interface MirrorSource {
  readonly upstream: PulledRegistry
  /** As MirroredManifests takes it. */
  readonly tagsFreshMs: number
  readonly events?: MirrorEvents
}

export interface MirrorOptions extends Omit<BlobFetchesOptions, 'upstream' | 'signal' | 'events'> {
  readonly source: MirrorSource
  readonly blobs: BlobStore
  readonly manifests: ManifestStore
  readonly catalog: HeldTags
  readonly log: Log
}

/** Pulls of another registry: what is not here is fetched from there, and stays. */
export class Mirror {
  readonly blobs: MirroredBlobs
  readonly manifests: MirroredManifests
  readonly tags: MirroredTags
  readonly #fetches: BlobFetches
  readonly #ending = new AbortController()

  constructor({ source: { events = NO_EVENTS, ...source }, manifests, catalog, ...options }: MirrorOptions) {
    const parts = { ...options, ...source, events, absences: new Absences(), signal: this.#ending.signal }
    this.#fetches = new BlobFetches(parts)
    this.blobs = new MirroredBlobs({ ...parts, fetches: this.#fetches })
    this.manifests = new MirroredManifests({ ...parts, manifests })
    this.tags = new MirroredTags({ ...parts, held: catalog })
  }

  /** Whether a fetch of this process writes to the file of an upload. */
  isOpen(state: UploadState): boolean {
    return this.#fetches.isOpen(state)
  }

  /** Breaks off what is under way, and resolves when nothing of it runs any more. */
  async stop(): Promise<void> {
    this.#ending.abort(new Error('the registry stops'))
    await this.#fetches.finish()
  }
}
