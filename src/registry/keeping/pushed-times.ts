import { notePushedManifests, notePushedTags } from '../../metadata/keeping/times.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Tag } from '../../oci/reference.ts'
import { type StorageDriver, type StoragePath, storagePath } from '../../storage/driver.ts'
import { CURRENT_LINK_FILE, LINK_FILE, layout } from '../../storage/layout.ts'

const AT_ONCE = 200
/** registry:2 is younger: a file that claims to be older has lost its time. */
const FIRST_PUSH_MS = Date.UTC(2015, 0)

interface Repository {
  readonly id: number
  readonly name: RepositoryName
}

/**
 * When something was pushed that this database did not see being pushed: the time of its link. A copy or a restore may have made that later than
 * it was, which keeps longer. Each is looked at once.
 */
export class PushedTimes {
  readonly #metadata: Metadata
  readonly #storage: Pick<StorageDriver, 'stat' | 'capabilities'>

  constructor(metadata: Metadata, storage: Pick<StorageDriver, 'stat' | 'capabilities'>) {
    this.#metadata = metadata
    this.#storage = storage
  }

  /** Those that the storage tells. */
  async ofTags(
    { id, name }: Repository,
    tags: readonly { readonly name: Tag; readonly digest: Digest }[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<Tag, number>> {
    const found = new Map<Tag, number>()
    for await (const times of this.#times(tags, (tag) => storagePath(layout.tag(name, tag.name), CURRENT_LINK_FILE), signal)) {
      for (const { of, ms } of times) found.set(of.name, ms)
      const rows = times.map(({ of, ms }) => ({ tag: of.name, digest: of.digest, pushedMs: ms }))
      await this.#metadata.write((query) => notePushedTags(query, id, rows))
    }
    return found
  }

  async ofManifests(
    { id, name }: Repository,
    digests: readonly Digest[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<Digest, number>> {
    const found = new Map<Digest, number>()
    for await (const times of this.#times(digests, (digest) => storagePath(layout.revision(name, digest), LINK_FILE), signal)) {
      for (const { of, ms } of times) found.set(of, ms)
      const rows = times.map(({ of, ms }) => ({ digest: of, pushedMs: ms }))
      await this.#metadata.write((query) => notePushedManifests(query, id, rows))
    }
    return found
  }

  async *#times<Of>(all: readonly Of[], pathOf: (of: Of) => StoragePath, signal: AbortSignal) {
    const sideBySide = Math.max(8, this.#storage.capabilities.questionsAtOnce)
    for (let start = 0; start < all.length; start += AT_ONCE) {
      signal.throwIfAborted()
      const slice = all.slice(start, start + AT_ONCE)
      const times: { readonly of: Of; readonly ms: number }[] = []
      for (let first = 0; first < slice.length; first += sideBySide) {
        const looks = slice.slice(first, first + sideBySide).map(async (of) => {
          const ms = (await this.#storage.stat(pathOf(of)))?.changedAtMs
          if (ms !== undefined && ms >= FIRST_PUSH_MS) times.push({ of, ms })
        })
        await Promise.all(looks)
      }
      if (times.length > 0) yield times
    }
  }
}
