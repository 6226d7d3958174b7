import { findTag } from '../../metadata/content.ts'
import { pushTag } from '../../metadata/history/tag-changes.ts'
import type { ManifestContent } from '../../metadata/manifest-content.ts'
import type { Query } from '../../metadata/query.ts'
import type { Actor } from '../../observe/actor.ts'
import { algorithmOf, type Digest, digestOf } from '../../oci/digest.ts'
import { MAX_MANIFEST_BYTES, parseStoredManifest } from '../../oci/manifest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Tag } from '../../oci/reference.ts'
import type { StorageDriver } from '../../storage/driver.ts'
import { layout } from '../../storage/layout.ts'
import { FileTooLargeError } from '../../storage/storage-errors.ts'
import { manifestEvents } from '../events/content-event.ts'
import type { EventLog } from '../events/event-log.ts'
import type { TagGuard } from '../keeping/tag-guard.ts'
import type { Operations } from '../writes/operations.ts'
import { ensureRepositoryStays } from '../writes/repository-row.ts'
import { confirmManifest, manifestPlacements, planManifest } from './manifest-push.ts'
import { type ManifestRules, neededBy } from './manifest-rules.ts'
import { type ReferenceCheck, ReferencesMissing } from './reference-check.ts'

export interface ManifestRestorationOptions {
  readonly storage: StorageDriver
  readonly operations: Operations
  readonly references: ReferenceCheck
  readonly rules: ManifestRules
  readonly guard: Pick<TagGuard, 'seeImmutable' | 'requireUnmoved'>
  /** Resolves when every tag of a repository has been seen in this epoch. */
  readonly scanned: (repository: RepositoryName) => Promise<unknown>
  /** Undefined: nothing listens to what changes. */
  readonly events: EventLog | undefined
}

export interface ManifestRestore {
  readonly digest: Digest
  readonly tags: readonly Tag[]
  /** What the operation is called. */
  readonly how: string
  readonly actor: Actor
  /** Also tags that point elsewhere. */
  readonly overwrites?: boolean
}

export interface RestoredManifest {
  readonly tags: readonly Tag[]
  /** Those that point elsewhere, and were left alone. */
  readonly moved: readonly MovedTag[]
}

export interface MovedTag {
  readonly tag: Tag
  readonly digest: Digest
}

/** Every tag that was to be set points elsewhere by now: nothing was changed. */
export class TagsMoved extends Error {
  readonly moved: readonly MovedTag[]

  constructor(moved: readonly MovedTag[]) {
    super('the tags point elsewhere')
    this.moved = moved
  }
}

/** Brings back a manifest, as long as the storage has its bytes: a push of what is there. */
export class ManifestRestoration {
  readonly #options: ManifestRestorationOptions

  constructor(options: ManifestRestorationOptions) {
    this.#options = options
  }

  /**
   * May be repeated. `needsTag`: nothing is done where no tag could be set. Throws ReferencesMissing naming what has gone, the bytes of the
   * manifest among it, TagsMoved, and KeptContent for an immutable tag that it would move.
   */
  async restore(
    repository: RepositoryName,
    { digest, tags, how, actor, overwrites = false }: ManifestRestore,
    { needsTag }: { readonly needsTag: boolean },
  ): Promise<RestoredManifest> {
    const { operations, storage, references, rules, guard, scanned, events } = this.#options
    await operations.settleIn(repository)
    await scanned(repository)
    const content = await this.#contentInStorage(digest)
    if (content === undefined) throw new ReferencesMissing('The bytes of the manifest have gone.', [digest])
    const fixed = overwrites ? await guard.seeImmutable(repository, tags) : []
    return await references.whileThere(repository, neededBy(rules, content.manifest), async (requireStill) => {
      return await operations.perform({
        name: how,
        actor,
        plan: async (query, stamp) => {
          await requireStill(query, stamp)
          await guard.requireUnmoved(query, { repository, tags: fixed, digest })
          const { repositoryId } = await ensureRepositoryStays(query, repository, stamp.epoch)
          const moved = overwrites ? [] : await listMoved(query, repositoryId, { digest, tags })
          const free = tags.filter((tag) => !moved.some((other) => other.tag === tag))
          if (needsTag && free.length === 0) throw new TagsMoved(moved)
          const { plan, claims } = await planManifest(query, stamp, { repository, content, tags: free })
          return { plan: { planned: plan, free, moved }, claims }
        },
        act: async ({ planned, free }) => await storage.place(manifestPlacements(repository, content, free), planned),
        confirm: async (query, { planned, free, moved }, stamp) => {
          const { repositoryId } = planned
          await confirmManifest(query, { ...planned, content }, stamp)
          for (const tag of free) await pushTag(query, { repositoryId, tag, digest }, { how, actor, atMs: Date.now() }, stamp)
          await events?.record(query, manifestEvents('undelete', repository, { content, tags: free }), { actor, stamp })
          return { tags: free, moved }
        },
      })
    })
  }

  /** Undefined where the bytes are missing or damaged. */
  async #contentInStorage(digest: Digest): Promise<ManifestContent | undefined> {
    const bytes = await this.#readSmall(digest)
    if (bytes === undefined || digestOf(algorithmOf(digest), bytes) !== digest) return undefined
    const manifest = parseStoredManifest(bytes)
    return manifest && { digest, bytes, manifest }
  }

  async #readSmall(digest: Digest): Promise<Uint8Array | undefined> {
    try {
      return await this.#options.storage.readSmall(layout.blob(digest), MAX_MANIFEST_BYTES)
    } catch (error) {
      if (error instanceof FileTooLargeError) return undefined
      throw error
    }
  }
}

async function listMoved(
  query: Query,
  repositoryId: number,
  { digest, tags }: Pick<ManifestRestore, 'digest' | 'tags'>,
): Promise<readonly MovedTag[]> {
  const moved: MovedTag[] = []
  for (const tag of tags) {
    const row = await findTag(query, repositoryId, tag)
    if (row?.digest && row.digest !== digest) moved.push({ tag, digest: row.digest })
  }
  return moved
}
