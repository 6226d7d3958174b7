import { ensureRepository, setManifestGone, setTag } from '../../metadata/changes.ts'
import type { Claim } from '../../metadata/claims.ts'
import { findManifest, findTag, listTagsOf } from '../../metadata/content.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Actor } from '../../observe/actor.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Tag } from '../../oci/reference.ts'
import { manifestUnknown } from '../../oci/unknown.ts'
import { allEnded } from '../../storage/all-ended.ts'
import type { StorageDriver } from '../../storage/driver.ts'
import { CURRENT_LINK_FILE, LINK_FILE, layout } from '../../storage/layout.ts'
import type { Operations } from '../writes/operations.ts'
import type { DeleteOptions } from './blob-store.ts'
import { releaseDependents } from './dependents.ts'
import { requireUnnamed } from './still-named.ts'

export interface ManifestRemovalOptions {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly operations: Operations
  /** Resolves when every tag of a repository has been seen in this epoch. */
  readonly scanned: (repository: RepositoryName) => Promise<unknown>
}

/** Removes tags, and manifests with every tag on them, for a client that asked for it (end-9). */
export class ManifestRemoval {
  readonly #options: ManifestRemovalOptions

  constructor(options: ManifestRemovalOptions) {
    this.#options = options
  }

  async tag(repository: RepositoryName, tag: Tag, { actor }: { readonly actor: Actor }): Promise<void> {
    await this.#options.operations.perform({
      name: 'tag delete',
      actor,
      plan: async (query, stamp) => {
        const repositoryId = await ensureRepository(query, repository, stamp.epoch)
        if ((await findTag(query, repositoryId, tag))?.digest === null) throw manifestUnknown(tag)
        return { plan: repositoryId, claims: tagClaims(repository, [tag]) }
      },
      act: async () => await this.#options.storage.remove(layout.tag(repository, tag), CURRENT_LINK_FILE),
      confirm: async (query, repositoryId, stamp) => await setTag(query, repositoryId, tag, null, stamp),
    })
  }

  /** Every tag on the manifest goes with it, so all tags of the repository must be known first. */
  async manifest(repository: RepositoryName, digest: Digest, { isForced, actor }: DeleteOptions): Promise<void> {
    await this.#options.scanned(repository)
    await this.#options.operations.perform({
      name: 'manifest delete',
      actor,
      plan: async (query, stamp) => {
        const repositoryId = await ensureRepository(query, repository, stamp.epoch)
        if ((await findManifest(query, repositoryId, digest))?.held !== 1) throw manifestUnknown(digest)
        if (!isForced) await requireUnnamed(query, { repository, repositoryId, digest, kind: 'manifest' })
        const tags = await listTagsOf(query, repositoryId, digest)
        const name = { kind: 'manifest', repository, digest } as const
        return { plan: { repositoryId, tags }, claims: [{ name, alone: true }, ...tagClaims(repository, tags)] }
      },
      act: async ({ repositoryId, tags }) => {
        await releaseDependents(this.#options.metadata, { repositoryId, digest }, { isCollected: false })
        await allEnded(tags.map((tag) => this.#options.storage.remove(layout.tag(repository, tag), CURRENT_LINK_FILE)))
        await this.#options.storage.remove(layout.revision(repository, digest), LINK_FILE)
      },
      confirm: async (query, { repositoryId, tags }, stamp) => {
        for (const tag of tags) await setTag(query, repositoryId, tag, null, stamp)
        await setManifestGone(query, repositoryId, digest, stamp)
      },
    })
  }
}

/** A tag belongs to one operation at a time. */
export function tagClaims(repository: RepositoryName, tags: readonly Tag[]): readonly Claim[] {
  return tags.map((tag) => ({ name: { kind: 'tag', repository, tag }, alone: true }))
}
