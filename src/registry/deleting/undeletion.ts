import type { Actor } from '../../observe/actor.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Tag } from '../../oci/reference.ts'
import type { StoragePath } from '../../storage/driver.ts'
import { type ManifestRestoration, type RestoredManifest, TagsMoved } from '../content/manifest-restoration.ts'
import { ReferencesMissing } from '../content/reference-check.ts'
import type { DeletedRecord, RecordId } from '../records/deleted-record.ts'
import type { DeletedRecords } from '../records/deleted-records.ts'

/** What is to be brought back: one deletion, the last one of a tag or of a manifest, or all of a repository. */
export type Undeletable =
  | { readonly kind: 'record'; readonly id: RecordId }
  | { readonly kind: 'tag'; readonly repository: RepositoryName; readonly tag: Tag }
  | { readonly kind: 'manifest'; readonly repository: RepositoryName; readonly digest: Digest }
  | { readonly kind: 'repository'; readonly repository: RepositoryName }

export interface UndeletionOptions {
  readonly records: Pick<DeletedRecords, 'find' | 'newestFirst' | 'remove'>
  readonly restoration: Pick<ManifestRestoration, 'restore'>
  readonly actor: Actor
  /** Ends it between two manifests. What is back by then stays. */
  readonly signal: AbortSignal
  readonly onRestored: (restored: Restored) => void
  /** Is told of a manifest of a repository that cannot be brought back; the others are brought back. */
  readonly onGone: (gone: ContentGone) => void
  /** Is told of a file among the records that is not a record. */
  readonly onUnreadable: (path: StoragePath) => void
}

export interface Restored extends RestoredManifest {
  readonly repository: RepositoryName
  readonly digest: Digest
}

/** There is no record of such a deletion: it was longer ago than the grace, or never. */
export class NoSuchDeletion extends Error {}

/** It cannot be brought back: this content of it is not there any more. */
export class ContentGone extends Error {
  readonly repository: RepositoryName
  readonly digest: Digest
  readonly missing: readonly Digest[]

  constructor(of: Pick<ContentGone, 'repository' | 'digest' | 'missing'>, options: { readonly cause: unknown }) {
    super('content of the manifest has gone', options)
    this.repository = of.repository
    this.digest = of.digest
    this.missing = of.missing
  }
}

/** A manifest that was deleted, or that lost tags, and what is to be brought back of it. */
interface Deleted {
  readonly repository: RepositoryName
  readonly digest: Digest
  readonly tags: readonly Tag[]
  /** Only tags were deleted: where none of them can be set there is nothing to do. */
  readonly isOfTags: boolean
  /** The ids of the records that say so. The records are removed when all of it is back. */
  readonly records: readonly RecordId[]
}

/** Brings back what was deleted, from its records: each manifest by an operation like a push of what is still there. Used once. */
export class Undeletion {
  readonly #options: UndeletionOptions
  readonly #done = new Set<Digest>()
  #ofRepository: ReadonlyMap<Digest, Deleted> | undefined

  constructor(options: UndeletionOptions) {
    this.#options = options
  }

  /** `tag`: the tag to set in place of the deleted ones. Throws NoSuchDeletion, ContentGone, TagsMoved. */
  async bringBack(what: Undeletable, tag?: Tag): Promise<void> {
    if (what.kind === 'repository') return await this.#bringBackAll(what.repository)
    const record = what.kind === 'record' ? await this.#options.records.find(what.id) : await this.#last(what)
    if (record === undefined) throw new NoSuchDeletion()
    const tags = tag === undefined ? record.tags : [tag]
    await this.#one({ ...record, tags, isOfTags: record.kind === 'tag' || tag !== undefined, records: [record.id] })
  }

  async #bringBackAll(repository: RepositoryName): Promise<void> {
    this.#ofRepository = await this.#deletedIn(repository)
    if (this.#ofRepository.size === 0) throw new NoSuchDeletion()
    for (const deleted of this.#ofRepository.values()) {
      try {
        await this.#one(deleted)
      } catch (error) {
        if (error instanceof ContentGone) this.#options.onGone(error)
        else if (error instanceof TagsMoved) this.#options.onRestored({ ...deleted, tags: [], moved: error.moved })
        else throw error
      }
    }
  }

  async #one(deleted: Deleted): Promise<void> {
    if (this.#done.has(deleted.digest)) return
    this.#options.signal.throwIfAborted()
    const restored = await this.#withChildren(deleted)
    this.#done.add(deleted.digest)
    if (restored.moved.length === 0) for (const id of deleted.records) await this.#options.records.remove(id)
    this.#options.onRestored({ ...deleted, ...restored })
  }

  /** What an image index names may have been deleted as well. */
  async #withChildren(deleted: Deleted): Promise<RestoredManifest> {
    try {
      return await this.#restore(deleted)
    } catch (error) {
      if (!(error instanceof ReferencesMissing)) throw error
      const children = await this.#deletedAmong(deleted, error.missing)
      if (children.length === 0) throw new ContentGone({ ...deleted, missing: error.missing }, { cause: error })
      for (const child of children) await this.#asChildOf(deleted, child)
    }
    try {
      return await this.#restore(deleted)
    } catch (error) {
      if (error instanceof ReferencesMissing) throw new ContentGone({ ...deleted, missing: error.missing }, { cause: error })
      throw error
    }
  }

  async #asChildOf(parent: Deleted, child: Deleted): Promise<void> {
    try {
      await this.#one(child)
    } catch (error) {
      if (error instanceof ContentGone) throw new ContentGone({ ...parent, missing: error.missing }, { cause: error })
      throw error
    }
  }

  async #restore({ repository, digest, tags, isOfTags }: Deleted): Promise<RestoredManifest> {
    const { restoration, actor } = this.#options
    return await restoration.restore(repository, { digest, tags, how: 'undelete', actor }, { needsTag: isOfTags })
  }

  async #deletedAmong(parent: Deleted, missing: readonly Digest[]): Promise<readonly Deleted[]> {
    this.#ofRepository ??= asChildren(await this.#deletedIn(parent.repository))
    return missing.flatMap((digest) => {
      const deleted = digest === parent.digest ? undefined : this.#ofRepository?.get(digest)
      return deleted === undefined || deleted.isOfTags ? [] : [deleted]
    })
  }

  /** Manifests whose last deletion is the newest come first. A tag that was deleted more than once comes back as it was the last time. */
  async #deletedIn(repository: RepositoryName): Promise<ReadonlyMap<Digest, Deleted>> {
    const tagsSeen = new Set<Tag>()
    const all = new Map<Digest, { tags: Tag[]; records: RecordId[]; isOfTags: boolean }>()
    for await (const record of this.#newestFirst()) {
      if (record.repository !== repository) continue
      const deleted = all.get(record.digest) ?? { tags: [], records: [], isOfTags: true }
      for (const tag of record.tags) if (!tagsSeen.has(tag)) deleted.tags.push(tag)
      for (const tag of record.tags) tagsSeen.add(tag)
      deleted.records.push(record.id)
      deleted.isOfTags &&= record.kind === 'tag'
      all.set(record.digest, deleted)
    }
    return new Map([...all].map(([digest, deleted]) => [digest, { repository, digest, ...deleted }]))
  }

  async #last(what: Extract<Undeletable, { readonly kind: 'tag' | 'manifest' }>): Promise<DeletedRecord | undefined> {
    for await (const record of this.#newestFirst()) {
      if (record.repository !== what.repository) continue
      if (what.kind === 'tag' ? record.tags.includes(what.tag) : record.digest === what.digest) return record
    }
    return undefined
  }

  #newestFirst(): AsyncGenerator<DeletedRecord> {
    const { records, signal, onUnreadable } = this.#options
    return records.newestFirst(signal, onUnreadable)
  }
}

/** Without their own tags, which were not asked for: their records stay. */
function asChildren(all: ReadonlyMap<Digest, Deleted>): ReadonlyMap<Digest, Deleted> {
  return new Map([...all].map(([digest, deleted]) => [digest, { ...deleted, tags: [], records: [] }]))
}
