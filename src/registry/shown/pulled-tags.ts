import { listOrderedOf } from '../../metadata/ordering/orders.ts'
import { listPulledReferences } from '../../metadata/pulls/counts.ts'
import { dayNumberOf } from '../../metadata/pulls/notes.ts'
import type { Metadata } from '../../metadata/query.ts'
import { findTag } from '../../oci/reference.ts'
import { Rest } from '../rest.ts'
import type { KeptOrders, OrderRequest } from './kept-orders.ts'
import type { ScannedRepository } from './ordered-tags.ts'
import { compareTags, type OrderedTag, type TagPlace } from './tag-order.ts'

/** Rows of days that are read in one go: 2 ms. */
const DAYS_AT_ONCE = 5_000
const TAGS_AT_ONCE = 500

/** Tags by their pulls where orders are kept: those that were pulled are sorted, all others stand by name below them. */
export class PulledTags {
  readonly #metadata: Metadata
  readonly #orders: Pick<KeptOrders, 'page'>

  constructor({ metadata, orders }: { readonly metadata: Metadata; readonly orders: Pick<KeptOrders, 'page'> }) {
    this.#metadata = metadata
    this.#orders = orders
  }

  /** The tags of a page and one more; undefined where no order is kept. Throws the reason of the signal. */
  async page(repository: ScannedRepository, request: Omit<OrderRequest, 'sort'>): Promise<readonly OrderedTag[] | undefined> {
    const { isDescending, after, limit, part, signal } = request
    const first = await this.#orders.page(repository.id, {
      ...request,
      sort: 'name',
      after: undefined,
      part: undefined,
      limit: 0,
    })
    if (first === undefined) return undefined
    const pulled = await this.#pulled(repository, signal)
    const lower = part?.toLowerCase() ?? ''
    const sign = isDescending ? -1 : 1
    const ordered = [...pulled.values()]
      .filter((tag) => tag.tag.toLowerCase().includes(lower))
      .filter((tag) => after === undefined || sign * compareTags('pulls', tag, after) > 0)
      .toSorted((one, other) => sign * compareTags('pulls', one, other))
    if (!isDescending) return [...(await this.#others(repository.id, pulled, request)), ...ordered].slice(0, limit + 1)
    if (ordered.length > limit) return ordered.slice(0, limit + 1)
    return [...ordered, ...(await this.#others(repository.id, pulled, request))].slice(0, limit + 1)
  }

  /** Those that were not pulled, at most one more than the page has. */
  async #others(
    id: number,
    pulled: ReadonlyMap<string, TagPlace>,
    request: Omit<OrderRequest, 'sort'>,
  ): Promise<readonly OrderedTag[]> {
    const { after, isDescending, limit } = request
    const isBehindPulled = (after?.value ?? 0) > 0
    if (isBehindPulled && !isDescending) return []
    const found: OrderedTag[] = []
    for (let last = isBehindPulled ? undefined : after; ; ) {
      const tags = (await this.#orders.page(id, { ...request, sort: 'name', after: last, limit: TAGS_AT_ONCE })) ?? []
      for (const tag of tags.slice(0, TAGS_AT_ONCE)) if (!pulled.has(tag.tag)) found.push({ ...tag, value: 0 })
      if (found.length > limit || tags.length <= TAGS_AT_ONCE) return found
      last = tags[TAGS_AT_ONCE - 1]
    }
  }

  /** Of the last 30 days, those that are there. */
  async #pulled({ id, name }: ScannedRepository, signal: AbortSignal): Promise<ReadonlyMap<string, OrderedTag>> {
    const { read } = this.#metadata
    const pulled = new Map<string, OrderedTag>()
    const today = dayNumberOf(Date.now())
    const rest = new Rest()
    for (let after: string | undefined = ''; after !== undefined; ) {
      signal.throwIfAborted()
      const { rows, next }: Awaited<ReturnType<typeof listPulledReferences>> = await listPulledReferences(read, name, {
        ...{ after, today, limit: DAYS_AT_ONCE },
      })
      const counts = new Map(rows.map(({ reference, count }) => [reference, count]))
      const tags = [...counts.keys()].flatMap((reference) => findTag(reference) ?? [])
      for (const { tag, digest } of await listOrderedOf(read, id, tags))
        pulled.set(tag, { tag, digest, value: counts.get(tag) ?? 0 })
      after = next
      await rest.after(0)
    }
    return pulled
  }
}
