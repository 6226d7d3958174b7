import { deleteBlobs, setBlobLive } from '../../metadata/changes.ts'
import { findClaimOn } from '../../metadata/claims.ts'
import { listRepositoriesHolding } from '../../metadata/collecting/damage.ts'
import { findManifestBytes } from '../../metadata/content.ts'
import type { BlobName } from '../../metadata/names.ts'
import type { Metadata, Query } from '../../metadata/query.ts'
import { noteBytesRemoved } from '../../metadata/repeats/removed-bytes.ts'
import { ownWork } from '../../observe/actor.ts'
import { algorithmOf, type Digest, digestOf } from '../../oci/digest.ts'
import type { StorageDriver } from '../../storage/driver.ts'
import { berthLayout, layout } from '../../storage/layout.ts'
import type { Look } from '../heal/storage-look.ts'
import type { Operations } from '../writes/operations.ts'
import { isSame, type SeenFile } from './blob-bytes.ts'

/** Repositories whose rows are set right in one look, when the bytes of a manifest have gone. */
const REPOSITORIES_AT_ONCE = 100

export interface QuarantineOptions {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly operations: Operations
  readonly reconcile: Look
}

/**
 * quarantined: the bytes were moved aside, and nothing is at their place: pulls hear 'unknown', and the next push brings them anew.
 * restored: they are those of a manifest, and the right ones, which the metadata had, are at their place.
 * changed: another file is there by now.
 * taken: a push or the collector is at work on the blob.
 */
export type Quarantined = 'quarantined' | 'restored' | 'changed' | 'taken'

/**
 * Takes wrong bytes from where pulls find them. Links stay, so that a push of the blob is all it takes to heal every repository that has it.
 * A push of the same blob that is under way keeps its claim on it, and is never waited for.
 */
export class Quarantine {
  readonly #options: QuarantineOptions

  constructor(options: QuarantineOptions) {
    this.#options = options
  }

  /** `seen`: the file whose bytes were found to be wrong. */
  async take(digest: Digest, seen: SeenFile, work: string): Promise<Quarantined> {
    const { storage } = this.#options
    const kept = await this.#bytesOfManifest(digest)
    let outcome: Quarantined = 'changed'
    let wasMoved = false
    const isTaken = await this.#alone(digest, work, {
      act: async () => {
        // Once more, when another process has settled this one: what is there now may come from a push.
        outcome = 'changed'
        if (!(await this.#isStill(digest, seen))) return
        await storage.move(layout.blob(digest), berthLayout.quarantined(digest))
        if (storage.capabilities.keepsEmptyDirectories) await storage.removeOnlyFiles([layout.blob(digest)])
        wasMoved = true
        if (kept !== undefined) await this.#place(digest, kept)
        outcome = kept === undefined ? 'quarantined' : 'restored'
      },
      confirm: async (query, stamp) => {
        if (outcome === 'quarantined') {
          await deleteBlobs(query, [digest])
          await noteBytesRemoved(query, [digest], stamp.number)
        }
        if (outcome === 'restored') await setBlobLive(query, digest, kept?.length ?? 0, stamp)
      },
    })
    if (isTaken) return 'taken'
    if (wasMoved) await this.#setManifestsRight(digest)
    return outcome
  }

  /** Puts the bytes of a manifest back into the storage from the metadata. False when the metadata does not have them. */
  async restore(digest: Digest, work: string): Promise<boolean> {
    const kept = await this.#bytesOfManifest(digest)
    if (kept === undefined) return false
    let isThere = false
    const isTaken = await this.#alone(digest, work, {
      act: async () => {
        isThere = (await this.#options.storage.stat(layout.blob(digest))) !== undefined
        if (!isThere) await this.#place(digest, kept)
      },
      confirm: async (query, stamp) => {
        if (!isThere) await setBlobLive(query, digest, kept.length, stamp)
      },
    })
    if (!isTaken) await this.#setManifestsRight(digest)
    return !isTaken
  }

  /** True when another operation has the blob. */
  async #alone(digest: Digest, work: string, { act, confirm }: Steps): Promise<boolean> {
    const name: BlobName = { kind: 'blob', digest }
    try {
      await this.#options.operations.perform({
        name: 'quarantine',
        actor: ownWork(work),
        plan: async (query) => {
          if ((await findClaimOn(query, name)) !== undefined) throw new BlobTaken()
          return { plan: undefined, claims: [{ name, alone: true }] }
        },
        act,
        confirm: async (query, _, stamp) => await confirm(query, stamp),
      })
      return false
    } catch (error) {
      if (error instanceof BlobTaken) return true
      throw error
    }
  }

  async #isStill(digest: Digest, seen: SeenFile): Promise<boolean> {
    const entry = await this.#options.storage.stat(layout.blob(digest))
    if (entry?.kind === 'directory') return seen.size === 0 && seen.changedAtMs === 0
    return isSame(seen, entry)
  }

  async #bytesOfManifest(digest: Digest): Promise<Uint8Array | undefined> {
    const bytes = await findManifestBytes(this.#options.metadata.read, digest)
    return bytes !== undefined && digestOf(algorithmOf(digest), bytes) === digest ? bytes : undefined
  }

  async #place(digest: Digest, bytes: Uint8Array): Promise<void> {
    await this.#options.storage.place([{ directory: layout.blobDirectory(digest), files: [{ name: 'data', bytes }] }])
  }

  /** Its bytes have come or gone: the rows must say so, or a client that asks for the manifest would not push it again. */
  async #setManifestsRight(digest: Digest): Promise<void> {
    const { metadata, reconcile } = this.#options
    const holding = await listRepositoriesHolding(metadata.read, digest, Number.MAX_SAFE_INTEGER)
    for (let start = 0; start < holding.length; start += REPOSITORIES_AT_ONCE) {
      const some = holding.slice(start, start + REPOSITORIES_AT_ONCE)
      await reconcile.look(some.map((repository) => ({ kind: 'manifest', repository, digest }) as const))
    }
  }
}

interface Steps {
  readonly act: () => Promise<void>
  readonly confirm: (query: Query, stamp: { readonly number: number; readonly epoch: number }) => Promise<void>
}

/** Thrown inside the claiming transaction: the other operation goes first. */
class BlobTaken extends Error {}
