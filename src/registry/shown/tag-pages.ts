import { listTagFacts, listTagFactsOf, type TagFactsRow } from '../../metadata/facts/tag-facts.ts'
import { holdsManifest } from '../../metadata/listing.ts'
import { NO_PULLS, type PullSums } from '../../metadata/pulls/counts.ts'
import type { Metadata } from '../../metadata/query.ts'
import { listTagsLeadingTo } from '../../metadata/shown/tags.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Tag } from '../../oci/reference.ts'
import { attachedName } from '../../oci/tags/attached-tag.ts'
import { nameUnknown } from '../../oci/unknown.ts'
import type { PullCounts } from '../pulls/pull-counts.ts'
import { Rest } from '../rest.ts'
import type { RepositoryScan } from '../scan/repository-scan.ts'
import { type KeptOrders, MANY_TAGS } from './kept-orders.ts'
import type { OrderedTags, ScannedRepository } from './ordered-tags.ts'
import type { PulledTags } from './pulled-tags.ts'
import { compareTags, type OrderedTag, placeOf, type TagPlace, type TagSort } from './tag-order.ts'

/** A page that looks for a part of a name reads no more rows; it may be short, and says that there is more. */
const MOST_READ = 20_000
const ROWS_AT_ONCE = 500
const SAME_SHOWN = 10
const LOOKED_AT_ONCE = 2_000

export interface TagPageRequest {
  readonly sort: TagSort
  readonly isDescending: boolean
  /** A part of their names, in whatever letters. */
  readonly part: string | undefined
  /** The page begins behind this one. It need not be there any more. */
  readonly after: TagPlace | undefined
  readonly limit: number
  readonly signal: AbortSignal
}

/** A tag with what is known of its image and of its last move, its pulls, and others that lead to the same image. */
export interface ShownTag extends TagFactsRow {
  readonly pulls: PullSums
  /** The first ten by name. */
  readonly sameAs: readonly Tag[]
}

export interface TagPage {
  readonly entries: readonly ShownTag[]
  /** Behind which the next page begins; undefined: this was the last. */
  readonly next: TagPlace | undefined
}

export interface TagPagesOptions {
  readonly metadata: Metadata
  readonly scan: Pick<RepositoryScan, 'ensureScanned'>
  readonly ordered: OrderedTags
  readonly orders: Pick<KeptOrders, 'page' | 'keep'>
  readonly pulled: Pick<PulledTags, 'page'>
  readonly pulls: Pick<PullCounts, 'sums'>
}

/** The tags of a repository, sorted, in pages. */
export class TagPages {
  readonly #options: TagPagesOptions

  constructor(options: TagPagesOptions) {
    this.#options = options
  }

  /** Throws NAME_UNKNOWN for a repository without a manifest, UNSUPPORTED where it has too many tags for the sort, and UNAVAILABLE. */
  async page(repository: RepositoryName, request: TagPageRequest): Promise<TagPage> {
    const { metadata, scan } = this.#options
    const id = await scan.ensureScanned(repository)
    if (id === undefined) throw nameUnknown(repository)
    const isByName = request.sort === 'name' && !request.isDescending
    const { rows, next } = isByName ? await this.#byName(id, request) : await this.#sorted({ id, name: repository }, request)
    if (rows.length === 0 && !(await holdsManifest(metadata.read, id))) throw nameUnknown(repository)
    return { entries: await this.#shown(repository, id, rows), next }
  }

  /** Some tags that lead to a manifest, by name; none in a repository that is not there. */
  async leadingTo(repository: RepositoryName, digest: Digest, atMost: number): Promise<readonly Tag[]> {
    const { metadata, scan } = this.#options
    const id = await scan.ensureScanned(repository)
    const found = id === undefined ? undefined : await listTagsLeadingTo(metadata.read, id, [digest], atMost)
    return found?.get(digest) ?? []
  }

  /** One tag; undefined where it is not there. */
  async find(repository: RepositoryName, tag: Tag): Promise<ShownTag | undefined> {
    const { metadata, scan } = this.#options
    const id = await scan.ensureScanned(repository)
    if (id === undefined) return undefined
    return (await this.#shown(repository, id, await listTagFactsOf(metadata.read, id, [tag])))[0]
  }

  /** Tags that attach something to an image by their names, as those of cosign do. */
  async attachedTo(repository: RepositoryName, digest: Digest, atMost: number): Promise<readonly Tag[]> {
    const { metadata, scan } = this.#options
    const id = await scan.ensureScanned(repository)
    if (id === undefined) return []
    const name = attachedName(digest)
    const rows = await listTagFacts(metadata.read, id, name.slice(0, -1), atMost)
    return rows.map(({ tag }) => tag).filter((tag) => tag.startsWith(name))
  }

  /** By the index that lists of tags have, however many there are. */
  async #byName(id: number, { part, after, limit, signal }: TagPageRequest): Promise<Rows> {
    const fits = fitting(part)
    const found: TagFactsRow[] = []
    const rest = new Rest()
    let last = after?.tag ?? ('' as Tag)
    for (let read = 0; read < MOST_READ; read += ROWS_AT_ONCE) {
      signal.throwIfAborted()
      const atOnce = part === undefined ? limit + 1 : ROWS_AT_ONCE
      const rows = await listTagFacts(this.#options.metadata.read, id, last, atOnce)
      for (const row of rows) if (fits(row.tag)) found.push(row)
      const end = rows.at(-1)
      if (found.length > limit) return { rows: found.slice(0, limit), next: behind(found[limit - 1]?.tag) }
      if (rows.length < atOnce || end === undefined) return { rows: found, next: undefined }
      last = end.tag
      await rest.after(0)
    }
    return { rows: found, next: behind(last) }
  }

  /** Tags that have gone since they were read are left out. */
  async #sorted(repository: ScannedRepository, request: TagPageRequest): Promise<Rows> {
    const { orders, pulled, metadata } = this.#options
    const { sort, limit } = request
    const kept = sort === 'pulls' ? pulled.page(repository, request) : orders.page(repository.id, { ...request, sort })
    const page = (await kept) ?? (await this.#sortedNow(repository, request))
    const shown = page.slice(0, limit)
    const tags = shown.map(({ tag }) => tag)
    const rows = await listTagFactsOf(metadata.read, repository.id, tags)
    const byTag = new Map(rows.map((row) => [row.tag, row]))
    return { rows: tags.flatMap((tag) => byTag.get(tag) ?? []), next: page.length > limit ? page[limit - 1] : undefined }
  }

  /** One more than the page has. All tags are read for it: the order of very many is kept from here on. */
  async #sortedNow(repository: ScannedRepository, request: TagPageRequest): Promise<readonly OrderedTag[]> {
    const { ordered, orders } = this.#options
    const tags = await ordered.of(repository, request.sort, request.signal)
    if (tags.length > MANY_TAGS) await orders.keep(repository.id)
    return await firstOf(tags, request)
  }

  async #shown(repository: RepositoryName, id: number, rows: readonly TagFactsRow[]): Promise<readonly ShownTag[]> {
    const { metadata, pulls } = this.#options
    const tags = rows.map(({ tag }) => tag)
    const digests = rows.map(({ digest }) => digest)
    const sums = await pulls.sums(repository, tags)
    const same = await listTagsLeadingTo(metadata.read, id, digests, SAME_SHOWN + 1)
    return rows.map((row) => {
      const others = (same.get(row.digest) ?? []).filter((other) => other !== row.tag)
      return { ...row, pulls: sums.get(row.tag) ?? NO_PULLS, sameAs: others.slice(0, SAME_SHOWN) }
    })
  }
}

interface Rows {
  readonly rows: readonly TagFactsRow[]
  readonly next: TagPlace | undefined
}

/** The first that fit, behind the place where the page begins: one more than the page has. */
async function firstOf(
  tags: readonly OrderedTag[],
  { sort, isDescending, part, after, limit }: TagPageRequest,
): Promise<readonly OrderedTag[]> {
  const fits = fitting(part)
  const found: OrderedTag[] = []
  const step = isDescending ? -1 : 1
  const rest = new Rest()
  for (let place = placeBehind(tags, { sort, isDescending, after }); found.length <= limit; place += step) {
    const tag = tags[place]
    if (tag === undefined) return found
    if (fits(tag.tag)) found.push(tag)
    if (place % LOOKED_AT_ONCE === 0) await rest.after(0)
  }
  return found
}

/** Of the first one behind another, in the direction of the page. */
function placeBehind(
  tags: readonly OrderedTag[],
  { sort, isDescending, after }: Pick<TagPageRequest, 'sort' | 'isDescending' | 'after'>,
): number {
  if (after === undefined) return isDescending ? tags.length - 1 : 0
  const isBelow = (tag: TagPlace) => (isDescending ? compareTags(sort, tag, after) < 0 : compareTags(sort, tag, after) <= 0)
  let [from, to] = [0, tags.length]
  while (from < to) {
    const middle = (from + to) >> 1
    const tag = tags[middle]
    if (tag !== undefined && isBelow(tag)) from = middle + 1
    else to = middle
  }
  return isDescending ? from - 1 : from
}

function fitting(part: string | undefined): (tag: Tag) => boolean {
  const lower = part?.toLowerCase()
  return (tag) => lower === undefined || tag.toLowerCase().includes(lower)
}

function behind(tag: Tag | undefined): TagPlace | undefined {
  return tag && placeOf(tag, null, 'name')
}
