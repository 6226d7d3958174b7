import { setManifestGone } from '../../../metadata/changes.ts'
import { tagClaims } from '../../../metadata/claims.ts'
import { findManifest, listTagsOf } from '../../../metadata/content.ts'
import { moveTag } from '../../../metadata/history/tag-changes.ts'
import { ownWork } from '../../../observe/actor.ts'
import type { Digest } from '../../../oci/digest.ts'
import { RegistryError } from '../../../oci/errors.ts'
import type { RepositoryName } from '../../../oci/name.ts'
import { isDigest, type Reference, type Tag } from '../../../oci/reference.ts'
import { manifestUnknown } from '../../../oci/unknown.ts'
import { allEnded } from '../../../storage/all-ended.ts'
import type { StorageDriver } from '../../../storage/driver.ts'
import { CURRENT_LINK_FILE, LINK_FILE, layout } from '../../../storage/layout.ts'
import type { Look } from '../../heal/storage-look.ts'
import type { StorageView } from '../../heal/storage-view.ts'
import type { TagGuard } from '../../keeping/tag-guard.ts'
import type { Operations } from '../../writes/operations.ts'
import { ensureRepositoryStays } from '../../writes/repository-row.ts'

const ACTOR = ownWork('berth check')
const MANIFEST_REMOVAL = 'unservable manifest removal'
const TAG_REMOVAL = 'unservable tag removal'

export interface UnservableRemovalOptions {
  readonly storage: StorageDriver
  readonly view: StorageView
  readonly operations: Operations
  readonly reconcile: Look
  readonly guard: TagGuard
  /** Resolves when every tag of a repository has been seen in this epoch. */
  readonly scanned: (repository: RepositoryName) => Promise<unknown>
}

/** Removes manifests and tags that no client can pull, and therefore no client can delete. Refuses those that can be pulled. */
export class UnservableRemoval {
  readonly #options: UnservableRemovalOptions

  constructor(options: UnservableRemovalOptions) {
    this.#options = options
  }

  /** Gives the tags that went. Throws MANIFEST_UNKNOWN when nothing is there, DENIED when it can be pulled, and KeptContent. */
  async remove(repository: RepositoryName, reference: Reference): Promise<readonly Tag[]> {
    await this.#options.operations.settleIn(repository)
    await this.#options.scanned(repository)
    return isDigest(reference) ? await this.#manifest(repository, reference) : await this.#tag(repository, reference)
  }

  async #manifest(repository: RepositoryName, digest: Digest): Promise<readonly Tag[]> {
    const { operations, storage, view, guard } = this.#options
    const name = { kind: 'manifest', repository, digest } as const
    return await operations.perform({
      name: MANIFEST_REMOVAL,
      actor: ACTOR,
      plan: async (query, stamp) => {
        const { repositoryId } = await ensureRepositoryStays(query, repository, stamp.epoch)
        const row = await findManifest(query, repositoryId, digest)
        if (row === undefined || row.linked === 0) throw manifestUnknown(digest)
        const tags = await listTagsOf(query, repositoryId, digest)
        guard.requireUnlisted(repository, tags)
        return { plan: { repositoryId, tags }, claims: [{ name, alone: true }, ...tagClaims(repository, tags)] }
      },
      act: async ({ tags }) => {
        await guard.requireUnheld(repository, [digest, ...tags])
        if ((await view.observeManifest(name)).found !== undefined) throw canBePulled(repository, digest)
        await allEnded(tags.map((tag) => storage.remove(layout.tag(repository, tag), CURRENT_LINK_FILE)))
        await storage.remove(layout.revision(repository, digest), LINK_FILE)
      },
      confirm: async (query, { repositoryId, tags }, stamp) => {
        const by = { how: MANIFEST_REMOVAL, actor: ACTOR, atMs: Date.now() }
        for (const tag of tags) await moveTag(query, { repositoryId, tag, digest: null }, by, stamp)
        await setManifestGone(query, repositoryId, digest, stamp)
        return tags
      },
    })
  }

  async #tag(repository: RepositoryName, tag: Tag): Promise<readonly Tag[]> {
    const { operations, storage, view, reconcile, guard } = this.#options
    guard.requireUnlisted(repository, [tag])
    let digest: Digest | undefined
    await operations.perform({
      name: TAG_REMOVAL,
      actor: ACTOR,
      plan: async (query, stamp) => ({
        plan: (await ensureRepositoryStays(query, repository, stamp.epoch)).repositoryId,
        claims: tagClaims(repository, [tag]),
      }),
      act: async () => {
        await guard.requireUnheld(repository, [tag])
        const path = layout.tag(repository, tag)
        if ((await storage.stat(path)) === undefined) throw manifestUnknown(tag)
        digest = (await view.observeTag({ kind: 'tag', repository, tag })).digest
        const manifest = digest && (await view.observeManifest({ kind: 'manifest', repository, digest }))
        if (manifest?.found !== undefined) throw canBePulled(repository, tag)
        await storage.remove(path, CURRENT_LINK_FILE)
      },
      confirm: async (query, repositoryId, stamp) => {
        const by = { how: TAG_REMOVAL, actor: ACTOR, atMs: Date.now() }
        await moveTag(query, { repositoryId, tag, digest: null }, by, stamp)
      },
    })
    // The tag may have been the only name of the manifest.
    if (digest !== undefined) await reconcile.look([{ kind: 'manifest', repository, digest }])
    return [tag]
  }
}

function canBePulled(repository: RepositoryName, reference: Reference): RegistryError {
  const name = `${repository}${isDigest(reference) ? '@' : ':'}${reference}`
  return new RegistryError('DENIED', {
    message: `${name} can be pulled; delete it with berth delete, which shows first what goes.`,
  })
}
