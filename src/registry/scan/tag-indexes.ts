import { listTagTargets } from '../../metadata/collecting/survey.ts'
import { findRepository, findTag, listUnlinked } from '../../metadata/content.ts'
import type { Metadata, Query } from '../../metadata/query.ts'
import { ownWork } from '../../observe/actor.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Tag } from '../../oci/reference.ts'
import { type StorageDriver, storagePath } from '../../storage/driver.ts'
import { indexLinkFile, layout } from '../../storage/layout.ts'
import { listTagIndex } from '../records/tag-index.ts'
import { Rest } from '../rest.ts'
import type { Operations } from '../writes/operations.ts'

const TAGS_AT_ONCE = 200
/** One operation removes no more: a push of the tag waits for it. */
const REMOVED_AT_ONCE = 64

export interface TagIndexesOptions {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly operations: Operations
}

/**
 * A tag has an index entry for each manifest that it ever pointed to: three inodes for each push of `latest`. Those of manifests that have gone
 * lead nowhere; registry:2 removes them with the manifest, where it removes untagged ones.
 */
export class TagIndexes {
  readonly #options: TagIndexesOptions
  readonly #rest = new Rest()

  constructor(options: TagIndexesOptions) {
    this.#options = options
  }

  /** Removes the entries without a manifest of one repository, which a scan has just compared. A push of the tag is waited for. */
  async removeFrom(repository: RepositoryName, signal: AbortSignal): Promise<void> {
    const { read } = this.#options.metadata
    const row = await findRepository(read, repository)
    if (row === undefined) return
    for (let last = ''; ; ) {
      const tags = await listTagTargets(read, row.id, last, TAGS_AT_ONCE)
      for (const { name } of tags) {
        signal.throwIfAborted()
        await this.#removeOf(repository, row.id, name)
        await this.#rest.after(0)
      }
      last = tags.at(-1)?.name ?? last
      if (tags.length < TAGS_AT_ONCE) return
    }
  }

  async #removeOf(repository: RepositoryName, repositoryId: number, tag: Tag): Promise<void> {
    const gone = await leadNowhere(
      this.#options.metadata.read,
      repositoryId,
      tag,
      await listTagIndex(this.#options.storage, repository, tag),
    )
    for (let start = 0; start < gone.length; start += REMOVED_AT_ONCE)
      await this.#remove(repository, repositoryId, tag, gone.slice(start, start + REMOVED_AT_ONCE))
  }

  async #remove(repository: RepositoryName, repositoryId: number, tag: Tag, entries: readonly Digest[]): Promise<void> {
    await this.#options.operations.perform({
      name: 'tag index removal',
      actor: ownWork('scan'),
      plan: async (query) => ({
        plan: await leadNowhere(query, repositoryId, tag, entries),
        claims: [{ name: { kind: 'tag', repository, tag }, alone: true }],
      }),
      act: async (gone) =>
        await this.#options.storage.removeOnlyFiles(
          gone.map((digest) => storagePath(layout.tag(repository, tag), indexLinkFile(digest))),
        ),
      confirm: async () => undefined,
    })
  }
}

/** What the tag points to now stays, whether its manifest is there or not. */
async function leadNowhere(query: Query, repositoryId: number, tag: Tag, entries: readonly Digest[]): Promise<readonly Digest[]> {
  const current = (await findTag(query, repositoryId, tag))?.digest
  return (await listUnlinked(query, repositoryId, entries)).filter((digest) => digest !== current)
}
