import { deleteBlobs, setManifestGone } from '../../metadata/changes.ts'
import type { Claim } from '../../metadata/claims.ts'
import { endGraceOfUnlinked, type RemovableBlob, takeBlobsOfLinks, takeUnneededBlobs } from '../../metadata/collecting/bytes.ts'
import { type CondemnedLink, setLinksGone, spareNeededLinks, takeCondemnedLinks } from '../../metadata/collecting/links.ts'
import {
  type CondemnedManifest,
  claimsToRemove,
  rescueManifest,
  spareNeededManifests,
  takeCondemnedManifests,
} from '../../metadata/collecting/manifests.ts'
import {
  deleteEmptyRepositories,
  type EmptyRepositoryRow,
  endLeaving,
  takeEmptyRepositories,
} from '../../metadata/collecting/repositories.ts'
import { moveTag } from '../../metadata/history/tag-changes.ts'
import type { Metadata, Query, Stamp } from '../../metadata/query.ts'
import { noteBytesRemoved } from '../../metadata/repeats/removed-bytes.ts'
import { ownWork } from '../../observe/actor.ts'
import type { Digest } from '../../oci/digest.ts'
import type { Reference } from '../../oci/reference.ts'
import { allEnded } from '../../storage/all-ended.ts'
import { type StorageDriver, type StoragePath, storagePath } from '../../storage/driver.ts'
import { CURRENT_LINK_FILE, LINK_FILE, layout } from '../../storage/layout.ts'
import { releaseDependents } from '../content/dependents.ts'
import { blobCollectionEvents, collectionEvents } from '../events/content-event.ts'
import type { EventLog } from '../events/event-log.ts'
import { Holds } from '../keeping/holds.ts'
import type { Portion } from '../portion.ts'
import type { DeletedRecords } from '../records/deleted-records.ts'
import type { Operations } from '../writes/operations.ts'
import { blobsOf, claimOfBytes, claimsOfLink, type LinkToRemove, targetsOf, withBlobs } from './links/link-to-remove.ts'

const COLLECTOR = ownWork('collector')
const BY_COLLECTOR = { how: 'collecting manifests', actor: COLLECTOR }

export interface RemovalOptions {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly operations: Operations
  readonly records: Pick<DeletedRecords, 'write'>
  readonly events: EventLog | undefined
  /** Asked in each claiming transaction: throws when nothing may be removed any more. */
  readonly requireAllowed?: ((query: Query) => Promise<void>) | undefined
  /** Is told how long its transactions take; undefined where their callers do not ask. */
  readonly transactions?: Portion | undefined
  /** Is told of bytes from before their links go until they take no room; undefined where nothing waits for room. */
  readonly leaving?: Leaving | undefined
}

export interface Leaving {
  during<Result>(links: readonly CondemnedLink[], removal: () => Promise<Result>): Promise<Result>
}

export interface RemovedLinks {
  readonly links: readonly CondemnedLink[]
  readonly blobs: readonly RemovableBlob[]
}

/**
 * What the collector removes, as operations like any other: each claims its names alone, asks in the claiming transaction whether they are still
 * not needed, and takes what is free. A name that another operation has is left for the next time, and never waited for.
 */
export class Removal {
  readonly #options: RemovalOptions
  readonly #holds: Holds

  constructor(options: RemovalOptions) {
    this.#options = options
    this.#holds = new Holds(options.storage)
  }

  /** Removes links, and with each the bytes of which it was the last one, unless all bytes are to stay. */
  async linksAndBytes(candidates: readonly CondemnedLink[], { bytesStay = false } = {}): Promise<RemovedLinks> {
    const remove = async (): Promise<RemovedLinks> => {
      const links = await this.#links(candidates, bytesStay)
      return { links, blobs: blobsOf(links) }
    }
    const { leaving } = this.#options
    return leaving === undefined ? await remove() : await leaving.during(candidates, remove)
  }

  /** Gives the blobs whose bytes were removed. `touchedBefore`: nothing may have needed them since. */
  async bytes(digests: readonly Digest[], touchedBefore: number): Promise<readonly RemovableBlob[]> {
    const { storage } = this.#options
    return await this.#perform({
      name: 'collecting bytes',
      take: (query) => takeUnneededBlobs(query, digests, touchedBefore),
      claims: (blob) => [claimOfBytes(blob)],
      remove: async (taken) => await storage.removeOnlyFiles(bytesOf(taken)),
      confirm: setBytesGone,
    })
  }

  /** Gives the manifests that were removed, with the tags by which they were attached; what they named has its grace from then on. */
  async manifests(condemned: readonly CondemnedManifest[]): Promise<readonly CondemnedManifest[]> {
    const { metadata, storage, records } = this.#options
    const candidates = await this.#spareHeld(condemned)
    return await this.#performOrSpare(candidates, (query) => spareNeededManifests(query, candidates), {
      name: BY_COLLECTOR.how,
      take: (query) => takeCondemnedManifests(query, candidates),
      claims: claimsToRemove,
      remove: async (taken) => {
        await records.write(taken.map((each) => ({ ...each, ...BY_COLLECTOR, kind: 'manifest' })))
        for (const manifest of taken) await releaseDependents(metadata, manifest, { isCollected: true })
        const tags = taken.flatMap(({ repository, tags }) => tags.map((tag) => layout.tag(repository, tag)))
        await allEnded(tags.map((tag) => storage.remove(tag, CURRENT_LINK_FILE)))
        const revisions = taken.map(({ repository, digest }) => layout.revision(repository, digest))
        await storage.removeOnlyFiles(revisions.map((revision) => storagePath(revision, LINK_FILE)))
      },
      confirm: async (query, taken, stamp) => {
        for (const { repositoryId, digest, tags } of taken) {
          for (const tag of tags)
            await moveTag(query, { repositoryId, tag, digest: null }, { ...BY_COLLECTOR, atMs: Date.now() }, stamp)
          await setManifestGone(query, repositoryId, digest, stamp)
        }
        await this.#options.events?.record(query, collectionEvents(taken), { actor: COLLECTOR, stamp })
      },
    })
  }

  /** How many of these repositories have gone. `removeDirectories` is true when nothing is left of one in the storage. */
  async repositories<Candidate extends EmptyRepositoryRow>(
    candidates: readonly Candidate[],
    epoch: number,
    removeDirectories: (candidate: Candidate) => Promise<boolean>,
  ): Promise<number> {
    const gone: Candidate[] = []
    const take = async (query: Query) => {
      gone.length = 0
      const taken = new Set(await takeEmptyRepositories(query, candidates, epoch))
      return candidates.filter(({ id }) => taken.has(id))
    }
    if (!this.#options.storage.capabilities.keepsEmptyDirectories) return await this.#forgetRepositories(take)
    await this.#perform({
      name: 'collecting repositories',
      take,
      claims: ({ name }) => [{ name: { kind: 'repository', repository: name }, alone: true }],
      remove: async (taken) => {
        for (const candidate of taken) if (await removeDirectories(candidate)) gone.push(candidate)
      },
      confirm: async (query, taken) => {
        const names = taken.map(({ name }) => name)
        await endLeaving(query, names)
        await deleteEmptyRepositories(query, gone)
      },
    })
    return gone.length
  }

  /** Gives the links that were removed. */
  async #links(candidates: readonly CondemnedLink[], bytesStay: boolean): Promise<readonly LinkToRemove[]> {
    const { storage, events } = this.#options
    return await this.#performOrSpare(candidates, (query) => spareNeededLinks(query, candidates), {
      name: 'collecting links',
      take: async (query) => {
        const links = await takeCondemnedLinks(query, candidates)
        const blobs = bytesStay ? [] : await takeBlobsOfLinks(query, targetsOf(links))
        return withBlobs(links, blobs)
      },
      claims: claimsOfLink,
      remove: async (taken) => {
        await storage.removeOnlyFiles(taken.map(({ repository, digest }) => layout.layerLink(repository, digest)))
        await storage.removeOnlyFiles(bytesOf(blobsOf(taken)))
      },
      confirm: async (query, taken, stamp) => {
        await setLinksGone(query, taken, stamp)
        await setBytesGone(query, blobsOf(taken), stamp)
        await endGraceOfUnlinked(query, targetsOf(taken.filter(({ blob }) => blob === undefined)))
        await events?.record(query, blobCollectionEvents(taken), { actor: COLLECTOR, stamp })
      },
    })
  }

  /** They have no directories: nothing is claimed, for nothing is waited for. */
  async #forgetRepositories(take: (query: Query) => Promise<readonly EmptyRepositoryRow[]>): Promise<number> {
    return await this.#options.metadata.write(async (query) => {
      await this.#options.requireAllowed?.(query)
      const taken = await take(query)
      await deleteEmptyRepositories(query, taken)
      return taken.length
    })
  }

  /** An operator holds them: they have their full grace again. Gives the others. */
  async #spareHeld(condemned: readonly CondemnedManifest[]): Promise<readonly CondemnedManifest[]> {
    const free: CondemnedManifest[] = []
    for (const [repository, manifests] of Map.groupBy(condemned, ({ repository }) => repository)) {
      const digests = manifests.map(({ digest }) => digest)
      const held = new Set<Reference>(await this.#holds.among(repository, digests))
      for (const manifest of manifests) {
        const { repositoryId, digest } = manifest
        if (held.has(digest)) await this.#options.metadata.write((query) => rescueManifest(query, repositoryId, digest))
        else free.push(manifest)
      }
    }
    return free
  }

  /** What is needed again is condemned no more, also where the removal of others has failed. */
  async #performOrSpare<Name>(
    candidates: readonly unknown[],
    spareNeeded: (query: Query) => Promise<void>,
    steps: RemovalSteps<Name>,
  ): Promise<readonly Name[]> {
    let removed: readonly Name[] = []
    try {
      removed = await this.#perform(steps)
      return removed
    } finally {
      if (removed.length < candidates.length) await this.#options.metadata.write(spareNeeded)
    }
  }

  async #perform<Name>({ name, take, claims, remove, confirm }: RemovalSteps<Name>): Promise<readonly Name[]> {
    const { operations, transactions } = this.#options
    // Of the transaction under way.
    let beganMs = 0
    const committed = (names: readonly Name[]) => transactions?.took(performance.now() - beganMs, names.length)
    try {
      const removed = await operations.perform<readonly Name[], readonly Name[]>({
        name,
        actor: COLLECTOR,
        plan: async (query) => {
          beganMs = performance.now()
          await this.#options.requireAllowed?.(query)
          const taken = await take(query)
          if (taken.length === 0) throw new NothingTaken()
          return { plan: taken, claims: taken.flatMap(claims) }
        },
        act: async (taken) => {
          committed(taken)
          await remove(taken)
        },
        confirm: async (query, taken, stamp) => {
          beganMs = performance.now()
          await confirm(query, taken, stamp)
          return taken
        },
      })
      committed(removed)
      return removed
    } catch (error) {
      if (error instanceof NothingTaken) return []
      throw error
    }
  }
}

function bytesOf(blobs: readonly RemovableBlob[]): readonly StoragePath[] {
  return blobs.map(({ digest }) => layout.blob(digest))
}

async function setBytesGone(query: Query, blobs: readonly RemovableBlob[], stamp: Stamp): Promise<void> {
  if (blobs.length === 0) return
  const digests = blobs.map(({ digest }) => digest)
  await deleteBlobs(query, digests)
  await noteBytesRemoved(query, digests, stamp.number)
}

interface RemovalSteps<Name> {
  readonly name: string
  readonly take: (query: Query) => Promise<readonly Name[]>
  readonly claims: (name: Name) => readonly Claim[]
  readonly remove: (taken: readonly Name[]) => Promise<void>
  readonly confirm: (query: Query, taken: readonly Name[], stamp: Stamp) => Promise<void>
}

/** Thrown inside the claiming transaction: there is no operation to perform. */
class NothingTaken extends Error {}
