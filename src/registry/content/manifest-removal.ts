import { setManifestGone } from '../../metadata/changes.ts'
import { tagClaims } from '../../metadata/claims.ts'
import { findManifest, findTag, listTagsOf } from '../../metadata/content.ts'
import { moveTag } from '../../metadata/history/tag-changes.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Actor } from '../../observe/actor.ts'
import { type Digest, findDigest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Tag } from '../../oci/reference.ts'
import { manifestUnknown } from '../../oci/unknown.ts'
import { allEnded } from '../../storage/all-ended.ts'
import { type StorageDriver, storagePath } from '../../storage/driver.ts'
import { CURRENT_LINK_FILE, LINK_FILE, layout, MAX_LINK_BYTES } from '../../storage/layout.ts'
import { removalEvents, tagRemoval } from '../events/content-event.ts'
import type { EventLog } from '../events/event-log.ts'
import type { TagGuard } from '../keeping/tag-guard.ts'
import type { DeletedRecords } from '../records/deleted-records.ts'
import type { Operations } from '../writes/operations.ts'
import { ensureRepositoryStays } from '../writes/repository-row.ts'
import { releaseDependents } from './dependents.ts'
import { requireUnnamed } from './still-named.ts'

export interface ManifestRemovalOptions {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly operations: Operations
  readonly records: Pick<DeletedRecords, 'write'>
  /** Resolves when every tag of a repository has been seen in this epoch. */
  readonly scanned: (repository: RepositoryName) => Promise<unknown>
  readonly guard: TagGuard
  /** Undefined: nothing listens to what changes. */
  readonly events: EventLog | undefined
}

export interface ManifestDelete {
  readonly actor: Actor
  /** Also what a held image index of the repository names. */
  readonly isForced: boolean
  /** The number after which its caller looked: what has changed since then stays, by a ChangedMeanwhile. */
  readonly asOf?: number | undefined
}

/** What its caller wanted to delete is not what it looked at: a client has pushed it, or has put a tag on it. */
export class ChangedMeanwhile extends Error {}

/** Removes tags, and manifests with every tag on them, for a client that asked for it (end-9). */
export class ManifestRemoval {
  readonly #options: ManifestRemovalOptions

  constructor(options: ManifestRemovalOptions) {
    this.#options = options
  }

  /** Throws MANIFEST_UNKNOWN, ChangedMeanwhile, KeptContent. */
  async tag(repository: RepositoryName, tag: Tag, { actor, asOf }: ManifestDelete): Promise<void> {
    this.#options.guard.requireUnlisted(repository, [tag])
    await this.#options.operations.perform({
      name: 'tag delete',
      actor,
      plan: async (query, stamp) => {
        const { repositoryId } = await ensureRepositoryStays(query, repository, stamp.epoch)
        const row = await findTag(query, repositoryId, tag)
        if (row?.digest === null) throw manifestUnknown(tag)
        requireUnchanged(row, asOf)
        return { plan: { repositoryId, digest: row?.digest }, claims: tagClaims(repository, [tag]) }
      },
      act: async ({ digest: known }) => {
        await this.#options.guard.requireUnheld(repository, [tag])
        const digest = known ?? (await this.#digestOf(repository, tag))
        const deleting = { how: 'tag delete', actor, repository, kind: 'tag', tags: [tag] } as const
        if (digest !== undefined) await this.#options.records.write([{ ...deleting, digest }])
        await this.#options.storage.remove(layout.tag(repository, tag), CURRENT_LINK_FILE)
      },
      confirm: async (query, { repositoryId }, stamp) => {
        await moveTag(query, { repositoryId, tag, digest: null }, { how: 'tag delete', actor, atMs: Date.now() }, stamp)
        await this.#options.events?.record(query, [tagRemoval(repository, tag)], { actor, stamp })
      },
    })
  }

  /**
   * Every tag on the manifest goes with it, so all tags of the repository must be known first. Gives them. Throws MANIFEST_UNKNOWN, StillNamed,
   * ChangedMeanwhile, KeptContent.
   */
  async manifest(repository: RepositoryName, digest: Digest, options: ManifestDelete): Promise<readonly Tag[]> {
    const { isForced, actor, asOf } = options
    await this.#options.scanned(repository)
    return await this.#options.operations.perform({
      name: 'manifest delete',
      actor,
      plan: async (query, stamp) => {
        const { repositoryId } = await ensureRepositoryStays(query, repository, stamp.epoch)
        const row = await findManifest(query, repositoryId, digest)
        if (row?.held !== 1) throw manifestUnknown(digest)
        requireUnchanged(row, asOf)
        if (!isForced) await requireUnnamed(query, { repository, repositoryId, digest, kind: 'manifest' })
        const tags = await listTagsOf(query, repositoryId, digest)
        this.#options.guard.requireUnlisted(repository, tags)
        // A manifest that was of no use comes into use when the image is pushed that it is about.
        if (asOf !== undefined && row.subject !== null)
          requireUnchanged(await findManifest(query, repositoryId, row.subject), asOf)
        if (asOf !== undefined) for (const tag of tags) requireUnchanged(await findTag(query, repositoryId, tag), asOf)
        const name = { kind: 'manifest', repository, digest } as const
        return { plan: { repositoryId, tags }, claims: [{ name, alone: true }, ...tagClaims(repository, tags)] }
      },
      act: async ({ repositoryId, tags }) => {
        await this.#options.guard.requireUnheld(repository, [digest, ...tags])
        await this.#options.records.write([{ how: 'manifest delete', actor, repository, kind: 'manifest', digest, tags }])
        await releaseDependents(this.#options.metadata, { repositoryId, digest }, { isCollected: false })
        await allEnded(tags.map((tag) => this.#options.storage.remove(layout.tag(repository, tag), CURRENT_LINK_FILE)))
        await this.#options.storage.remove(layout.revision(repository, digest), LINK_FILE)
      },
      confirm: async (query, { repositoryId, tags }, stamp) => {
        for (const tag of tags)
          await moveTag(query, { repositoryId, tag, digest: null }, { how: 'manifest delete', actor, atMs: Date.now() }, stamp)
        await setManifestGone(query, repositoryId, digest, stamp)
        await this.#options.events?.record(query, removalEvents(repository, digest, tags), { actor, stamp })
        return tags
      },
    })
  }

  /** What the tag points to, of which no row says so yet. The caller has claimed it. */
  async #digestOf(repository: RepositoryName, tag: Tag): Promise<Digest | undefined> {
    const path = storagePath(layout.tag(repository, tag), CURRENT_LINK_FILE)
    const bytes = await this.#options.storage.readSmall(path, MAX_LINK_BYTES)
    return bytes && findDigest(new TextDecoder().decode(bytes))
  }
}

function requireUnchanged(row: { readonly number: number } | undefined, asOf: number | undefined): void {
  if (row !== undefined && asOf !== undefined && row.number > asOf) throw new ChangedMeanwhile()
}
