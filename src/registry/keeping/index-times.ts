import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Tag } from '../../oci/reference.ts'
import { type FilePage, type StorageDriver, storagePath } from '../../storage/driver.ts'
import { indexLinkFile, layout } from '../../storage/layout.ts'
import { indexEntryAt } from '../../storage/layout-entry.ts'
import { listTagIndex } from '../records/tag-index.ts'
import { Rest } from '../rest.ts'

const TAGS_SIDE_BY_SIDE = 8

/** Of some tags of a repository, and of the manifests that are there. */
export interface IndexQuestion {
  readonly name: RepositoryName
  readonly tags: ReadonlyMap<Tag, unknown>
  readonly there: ReadonlySet<Digest>
}

type Times = ReadonlyMap<Tag, ReadonlyMap<Digest, number>>

/** When tags last came to what they pointed to: the times of the entries in the index that registry:2 and Berth keep with each tag. */
export class IndexTimes {
  readonly #storage: Pick<StorageDriver, 'capabilities' | 'list' | 'listFiles' | 'stat'>

  constructor(storage: Pick<StorageDriver, 'capabilities' | 'list' | 'listFiles' | 'stat'>) {
    this.#storage = storage
  }

  async of(question: IndexQuestion, signal: AbortSignal): Promise<Times> {
    return this.#storage.capabilities.listsWhole ? await this.#listed(question, signal) : await this.#looked(question, signal)
  }

  /** By a list of all that lies below the tags: a request for each of them would cost a thousand times as many. */
  async #listed({ name, tags, there }: IndexQuestion, signal: AbortSignal): Promise<Times> {
    const times = new Map<Tag, Map<Digest, number>>()
    const rest = new Rest()
    for (let after: string | undefined = ''; after !== undefined; ) {
      signal.throwIfAborted()
      const page: FilePage = await this.#storage.listFiles(layout.tags(name), after === '' ? undefined : after)
      for (const { path, changedAtMs } of page.files) {
        const entry = indexEntryAt(path)
        if (entry !== undefined && tags.has(entry.tag) && there.has(entry.digest))
          times.getOrInsertComputed(entry.tag, () => new Map<Digest, number>()).set(entry.digest, changedAtMs)
      }
      after = page.next
      await rest.after(0)
    }
    return times
  }

  async #looked({ name, tags, there }: IndexQuestion, signal: AbortSignal): Promise<Times> {
    const times = new Map<Tag, ReadonlyMap<Digest, number>>()
    const names = [...tags.keys()]
    for (let start = 0; start < names.length; start += TAGS_SIDE_BY_SIDE) {
      signal.throwIfAborted()
      const looks = names
        .slice(start, start + TAGS_SIDE_BY_SIDE)
        .map(async (tag) => times.set(tag, await this.#of(name, tag, there)))
      await Promise.all(looks)
    }
    return times
  }

  async #of(repository: RepositoryName, tag: Tag, there: ReadonlySet<Digest>): Promise<ReadonlyMap<Digest, number>> {
    const times = new Map<Digest, number>()
    for (const digest of await listTagIndex(this.#storage, repository, tag)) {
      if (!there.has(digest)) continue
      const entry = await this.#storage.stat(storagePath(layout.tag(repository, tag), indexLinkFile(digest)))
      if (entry !== undefined) times.set(digest, entry.changedAtMs)
    }
    return times
  }
}
