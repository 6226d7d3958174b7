import { findRepository, findTag, lookUpTag } from '../../metadata/content.ts'
import type { Metadata, Query } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { isDigest, type Reference, type Tag } from '../../oci/reference.ts'
import { listedAs, type RetentionRules } from '../../retention/rules.ts'
import type { Look } from '../heal/storage-look.ts'
import type { Holds } from './holds.ts'
import { KeptNames } from './kept-names.ts'

export interface TagGuardOptions {
  readonly metadata: Metadata
  readonly reconcile: Look
  readonly holds: Holds
  readonly retention: Pick<RetentionRules, 'immutable' | 'protected'>
}

/** An operator wants it to stay as it is, and a client's or an operator's own request would change that. */
export class KeptContent extends RegistryError {
  constructor(message: string, detail: unknown) {
    super('DENIED', { message, detail })
  }
}

/** Refuses what would move or take a tag that an operator has fixed: by `retention.immutable`, by `retention.protected`, or by a hold. */
export class TagGuard {
  readonly #options: TagGuardOptions

  constructor(options: TagGuardOptions) {
    this.#options = options
  }

  /** Those of the tags that are immutable. Each has been compared with the storage when it resolves: its row tells where it leads. */
  async seeImmutable(repository: RepositoryName, tags: readonly Tag[]): Promise<readonly Tag[]> {
    const immutable = tags.filter((tag) => listedAs(this.#options.retention, repository, tag) === 'immutable')
    for (const tag of immutable) await this.#see(repository, tag)
    return immutable
  }

  /** Inside the claiming transaction of a push: throws KeptContent where an immutable tag leads to another manifest, be it lost or not. */
  async requireUnmoved(
    query: Query,
    { repository, tags, digest }: { readonly repository: RepositoryName; readonly tags: readonly Tag[]; readonly digest: Digest },
  ): Promise<void> {
    if (tags.length === 0) return
    const row = await findRepository(query, repository)
    if (row === undefined) return
    for (const tag of tags) {
      const present = (await findTag(query, row.id, tag))?.digest ?? undefined
      if (present === undefined || present === digest) continue
      throw new KeptContent(`The tag ${tag} is immutable and leads to ${present}; push under another tag.`, {
        tag,
        digest: present,
      })
    }
  }

  /**
   * Called by an operation that has claimed these names, before it removes anything: throws KeptContent for what is held. A hold claims its name as
   * well, so that none comes between.
   */
  async requireUnheld(repository: RepositoryName, references: readonly Reference[]): Promise<void> {
    for (const reference of await this.#options.holds.among(repository, references)) {
      const name = isDigest(reference) ? `${repository}@${reference}` : `${repository}:${reference}`
      throw new KeptContent(`${name} is held and is not deleted; its operator lets it go with berth unhold ${name}.`, {
        held: reference,
      })
    }
  }

  /** What is kept in a repository, for a look at many of its names. */
  async keptIn(repository: RepositoryName): Promise<KeptNames> {
    const { holds, retention } = this.#options
    return new KeptNames(repository, retention, await holds.of(repository))
  }

  /** Throws KeptContent for a tag that is immutable or protected. */
  requireUnlisted(repository: RepositoryName, tags: readonly Tag[]): void {
    for (const tag of tags) {
      const list = listedAs(this.#options.retention, repository, tag)
      if (list !== undefined)
        throw new KeptContent(
          `The tag ${tag} is ${list} and is not deleted; the registry's configuration says so in retention.${list}.`,
          {
            tag,
          },
        )
    }
  }

  async #see(repository: RepositoryName, tag: Tag): Promise<void> {
    const { metadata, reconcile } = this.#options
    const row = await lookUpTag(metadata.read, repository, tag, { withBytes: false })
    if (reconcile.isSeen(row?.tagEpoch, row?.scannedEpoch) || (await reconcile.isKnownAbsent(repository))) return
    await reconcile.look([{ kind: 'tag', repository, tag }])
  }
}
