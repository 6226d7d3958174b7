import {
  countByDigest,
  deleteOrdered,
  deletePendingTags,
  findFilled,
  findLastRepository,
  type KeptOrder,
  keepOrders,
  listInOrder,
  listInOrderWith,
  listOfMany,
  listPendingRepositories,
  listPendingTags,
  listUnfilled,
  listValues,
  listValuesOf,
  type OrderPlace,
  type PlacedTag,
  putOrdered,
  setFilled,
  type TagValues,
} from '../../metadata/ordering/orders.ts'
import { type Metadata, MetadataNotWritableError, type Query } from '../../metadata/query.ts'
import { isAttachedTag } from '../../oci/tags/attached-tag.ts'
import { findVersion, orderTextOf } from '../../oci/tags/version-order.ts'
import { Portion } from '../portion.ts'
import { Rest } from '../rest.ts'
import type { BackgroundScan } from '../scan/background-scan.ts'
import { type OrderedTag, placeOf, type TagPlace } from './tag-order.ts'

/** A repository with fewer tags is sorted when that is asked for: 10 ms. */
export const MANY_TAGS = 5_000
/** One transaction writes no more. */
const WRITTEN_AT_ONCE = 100
/** A request waits for no more of what has changed: the duty works off the rest within five seconds. */
const CHANGES_OF_REQUEST = 1_000
const READ_AT_ONCE = 100
/** Names that are compared in one go: 2 ms. */
const LOOKED_AT_ONCE = 5_000
const COUNTED_AT_ONCE = 2_000
const IDS_AT_ONCE = 500
/** Repositories that have become large are looked for so often; one that a request sorts is noted at once. */
const LOOKED_EVERY_MS = 60 * 60_000

export interface OrderRequest {
  readonly sort: KeptOrder
  readonly isDescending: boolean
  readonly after: TagPlace | undefined
  /** A part of their names, in whatever letters. */
  readonly part: string | undefined
  readonly limit: number
  readonly signal: AbortSignal
}

/** The orders of tags in repositories of very many: kept in the metadata, so that a page of them is read without the others. */
export class KeptOrders {
  readonly #metadata: Metadata
  readonly #scan: Pick<BackgroundScan, 'isComplete'>
  #lookedAtMs: number | undefined

  constructor({
    metadata,
    backgroundScan,
  }: { readonly metadata: Metadata; readonly backgroundScan: Pick<BackgroundScan, 'isComplete'> }) {
    this.#metadata = metadata
    this.#scan = backgroundScan
  }

  /** The tags of a page and one more; undefined where no order is kept. Throws the reason of the signal. */
  async page(repositoryId: number, request: OrderRequest): Promise<readonly OrderedTag[] | undefined> {
    const { sort, isDescending, part, limit, signal } = request
    if (!(await this.#isKept(repositoryId))) return undefined
    const { read } = this.#metadata
    const after = request.after && storedPlaceOf(request.after, sort)
    const slice = { order: sort, isDescending, after }
    if (part === undefined)
      return (await listInOrder(read, repositoryId, { ...slice, limit: limit + 1 })).map((row) => shownPlaceOf(row, sort))
    const found: OrderedTag[] = []
    const rest = new Rest()
    for (let last = after; ; ) {
      signal.throwIfAborted()
      const looked = { ...slice, after: last, limit: LOOKED_AT_ONCE, part: part.toLowerCase() }
      const { rows, next } = await listInOrderWith(read, repositoryId, looked)
      found.push(...rows.map((row) => shownPlaceOf(row, sort)))
      if (found.length > limit || next === undefined) return found.slice(0, limit + 1)
      last = next
      await rest.after(0)
    }
  }

  /** How many tags and images there are, and which tag came last; undefined where no order is kept. Throws the reason of the signal. */
  async whole(repositoryId: number, signal: AbortSignal) {
    if (!(await this.#isKept(repositoryId))) return undefined
    const { read } = this.#metadata
    const sums = { tags: 0, images: 0 }
    const rest = new Rest()
    for (let after: string | null = ''; after !== null; ) {
      signal.throwIfAborted()
      const { tags, images, next }: Awaited<ReturnType<typeof countByDigest>> = await countByDigest(
        read,
        repositoryId,
        after,
        COUNTED_AT_ONCE,
      )
      sums.tags += tags
      sums.images += images
      after = next
      await rest.after(0)
    }
    return { ...sums, newest: await this.#newest(repositoryId) }
  }

  /** A signature comes after its image, and is none. */
  async #newest(repositoryId: number): Promise<OrderedTag | undefined> {
    for (let after: OrderPlace | undefined; ; ) {
      const slice = { order: 'moved', isDescending: true, after, limit: READ_AT_ONCE } as const
      const rows = await listInOrder(this.#metadata.read, repositoryId, slice)
      const newest = rows.find(({ tag }) => !isAttachedTag(tag))
      if (newest !== undefined || rows.length < READ_AT_ONCE) return newest && shownPlaceOf(newest, 'moved')
      after = rows.at(-1)
    }
  }

  /** From now on the orders of this repository are kept. Where nothing can be written, the next request asks again. */
  async keep(repositoryId: number): Promise<void> {
    try {
      await this.#metadata.write((query) => keepOrders(query, [repositoryId]))
    } catch (error) {
      if (!(error instanceof MetadataNotWritableError)) throw error
    }
  }

  /** Looks for repositories of many tags, puts in what is not there yet, and works off what has changed. Ends early when the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#lookForLarge(signal)
    const { read } = this.#metadata
    for (const id of await listUnfilled(read)) await this.#fill(id, signal)
    for (const id of await listPendingRepositories(read)) await this.#catchUp(id, Number.POSITIVE_INFINITY, signal)
  }

  async #lookForLarge(signal: AbortSignal): Promise<void> {
    const isDue = this.#lookedAtMs === undefined || performance.now() - this.#lookedAtMs > LOOKED_EVERY_MS
    if (!isDue || !(await this.#scan.isComplete())) return
    const { read } = this.#metadata
    const rest = new Rest()
    const last = await findLastRepository(read)
    // The tags of each are counted up to that number: of a few repositories, or of many small ones.
    const portion = new Portion({ first: 1, most: IDS_AT_ONCE })
    for (let after = 0; after < last; ) {
      if (signal.aborted) return
      const [from, upTo] = [after, after + portion.size]
      const ids = await portion.timed(() => listOfMany(read, from, upTo, MANY_TAGS))
      if (ids.length > 0) await this.#metadata.write((query) => keepOrders(query, ids))
      after = upTo
      await rest.after(0)
    }
    this.#lookedAtMs = performance.now()
  }

  async #fill(repositoryId: number, signal: AbortSignal): Promise<void> {
    const portion = new Portion({ most: WRITTEN_AT_ONCE })
    for (let isDone = false; !isDone && !signal.aborted; ) {
      isDone = await portion.write(this.#metadata, async (query) => {
        const filled = await findFilled(query, repositoryId)
        if (filled === undefined || filled === null) return true
        const rows = await listValues(query, repositoryId, filled, portion.size)
        await putOrdered(query, repositoryId, rows.map(orderedRowOf))
        const end = rows.length < portion.size ? null : (rows.at(-1)?.tag ?? null)
        await setFilled(query, repositoryId, end)
        return end === null
      })
    }
  }

  async #isKept(repositoryId: number): Promise<boolean> {
    const { read } = this.#metadata
    if ((await findFilled(read, repositoryId)) !== null) return false
    try {
      await this.#catchUp(repositoryId, CHANGES_OF_REQUEST, undefined)
    } catch (error) {
      if (!(error instanceof MetadataNotWritableError)) throw error
    }
    return true
  }

  /** Works off so many changes. */
  async #catchUp(repositoryId: number, most: number, signal: AbortSignal | undefined): Promise<void> {
    const { read } = this.#metadata
    const portion = new Portion({ most: WRITTEN_AT_ONCE })
    for (let done = 0; done < most && signal?.aborted !== true; ) {
      const atOnce = portion.size
      const pending = await listPendingTags(read, repositoryId, atOnce)
      if (pending.length === 0) return
      await portion.write(this.#metadata, (query) => this.#settle(query, repositoryId, pending), pending.length)
      if (pending.length < atOnce) return
      done += pending.length
    }
  }

  /** What is said of the tags is read in the transaction that writes it down: a change that comes later has a mark of its own. */
  async #settle(query: Query, repositoryId: number, pending: Awaited<ReturnType<typeof listPendingTags>>): Promise<void> {
    const tags = pending.map(({ tag }) => tag)
    const rows = await listValuesOf(query, repositoryId, tags)
    const there = new Set(rows.map(({ tag }) => tag))
    await putOrdered(query, repositoryId, rows.map(orderedRowOf))
    const gone = tags.filter((tag) => !there.has(tag))
    if (gone.length > 0) await deleteOrdered(query, repositoryId, gone)
    await deletePendingTags(query, repositoryId, pending)
  }
}

function orderedRowOf(values: TagValues) {
  return { ...values, version: versionTextOf(values.tag) }
}

function versionTextOf(tag: string): string {
  const version = findVersion(tag)
  return version === undefined ? '' : orderTextOf(version)
}

function storedPlaceOf({ tag, value }: TagPlace, sort: KeptOrder): OrderPlace {
  return { tag, value: sort === 'version' ? versionTextOf(tag) : (value ?? -1) }
}

function shownPlaceOf({ tag, value, digest }: PlacedTag, sort: KeptOrder): OrderedTag {
  return { ...placeOf(tag, typeof value === 'number' && value >= 0 && sort !== 'name' ? value : null, sort), digest }
}
