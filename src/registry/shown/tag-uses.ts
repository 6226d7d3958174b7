import { listTagFacts } from '../../metadata/facts/tag-facts.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Tag } from '../../oci/reference.ts'
import type { Page } from '../content/catalog.ts'
import { Rest } from '../rest.ts'
import type { Repositories, ShownUse } from './repositories.ts'

export interface TagUse extends ShownUse {
  readonly tag: Tag
  readonly digest: Digest
}

/** The tags of a repository by name, with what their images need. */
export class TagUses {
  readonly #metadata: Metadata
  readonly #repositories: Pick<Repositories, 'require' | 'useOfImage'>

  constructor({ metadata, repositories }: { readonly metadata: Metadata; readonly repositories: Repositories }) {
    this.#metadata = metadata
    this.#repositories = repositories
  }

  /** Throws NAME_UNKNOWN, UNAVAILABLE, and the reason of the signal. */
  async page(
    repository: RepositoryName,
    { after, limit }: { readonly after: string; readonly limit: number },
    signal: AbortSignal,
  ): Promise<Page<TagUse>> {
    const id = await this.#repositories.require(repository)
    const rows = await listTagFacts(this.#metadata.read, id, after, limit + 1)
    const entries: TagUse[] = []
    const rest = new Rest()
    for (const { tag, digest } of rows.slice(0, limit)) {
      signal.throwIfAborted()
      entries.push({ tag, digest, ...(await this.#repositories.useOfImage(id, digest)) })
      await rest.after(0)
    }
    return { entries, more: rows.length > limit }
  }
}
