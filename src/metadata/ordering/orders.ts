import type { Digest } from '../../oci/digest.ts'
import type { Tag } from '../../oci/reference.ts'
import type { Query } from '../query.ts'
import { TAG_VALUES } from '../shown/tags.ts'

/** In which orders tags are kept. */
export type KeptOrder = keyof typeof COLUMNS

const COLUMNS = { name: undefined, version: 'version', created: 'created_ms', moved: 'moved_ms', size: 'size' } as const

/** Of a tag, null where it is not known. */
export interface TagValues {
  readonly tag: Tag
  readonly digest: Digest
  readonly created: number | null
  readonly moved: number | null
  readonly size: number | null
}

export interface OrderedRow extends TagValues {
  /** A text in the order of versions; '' for what is none. */
  readonly version: string
}

/** Up to which tag the orders of a repository are there: null for all, undefined where none are kept. */
export async function findFilled(query: Query, repositoryId: number): Promise<string | null | undefined> {
  const row = await query.get<{ filled: string | null }>(
    'SELECT filled FROM ordered_repository WHERE repository_id = ?',
    repositoryId,
  )
  return row?.filled
}

/** The orders of these repositories are kept from now on. May be repeated. */
export async function keepOrders(query: Query, repositoryIds: readonly number[]): Promise<void> {
  await query.run(
    `INSERT INTO ordered_repository (repository_id, filled) SELECT r.id, '' FROM json_each(?) j
     CROSS JOIN repository r ON r.id = CAST(j.value AS INTEGER) WHERE true ON CONFLICT (repository_id) DO NOTHING`,
    JSON.stringify(repositoryIds),
  )
}

/** Those of which not all is there, by id. */
export async function listUnfilled(query: Query): Promise<number[]> {
  const rows = await query.all<{ id: number }>(
    'SELECT repository_id AS id FROM ordered_repository WHERE filled IS NOT NULL ORDER BY repository_id',
  )
  return rows.map(({ id }) => id)
}

export async function setFilled(query: Query, repositoryId: number, filled: string | null): Promise<void> {
  await query.run('UPDATE ordered_repository SET filled = ? WHERE repository_id = ?', filled, repositoryId)
}

/** Repositories with more tags than so many, among the next ids. */
export async function listOfMany(query: Query, after: number, upTo: number, tags: number): Promise<number[]> {
  const rows = await query.all<{ id: number }>(
    `SELECT r.id AS id FROM repository r WHERE r.id > CAST(? AS INTEGER) AND r.id <= CAST(? AS INTEGER)
       AND EXISTS (SELECT 1 FROM tag t WHERE t.repository_id = r.id LIMIT 1 OFFSET CAST(? AS INTEGER)) ORDER BY r.id`,
    after,
    upTo,
    tags,
  )
  return rows.map(({ id }) => id)
}

/** The largest id of a repository. */
export async function findLastRepository(query: Query): Promise<number> {
  return (await query.get<{ id: number | null }>('SELECT max(id) AS id FROM repository'))?.id ?? 0
}

export interface PendingTag {
  readonly tag: Tag
  readonly mark: number
}

/** Repositories of which tags are to be looked at. */
export async function listPendingRepositories(query: Query): Promise<number[]> {
  const rows = await query.all<{ id: number }>(
    `SELECT repository_id AS id FROM ordered_repository
     WHERE EXISTS (SELECT 1 FROM ordered_pending p WHERE p.repository_id = ordered_repository.repository_id) ORDER BY repository_id`,
  )
  return rows.map(({ id }) => id)
}

export async function listPendingTags(query: Query, repositoryId: number, limit: number): Promise<PendingTag[]> {
  return await query.all<PendingTag>(
    'SELECT name AS tag, mark FROM ordered_pending WHERE repository_id = ? ORDER BY name LIMIT ?',
    repositoryId,
    limit,
  )
}

/** A change that came after the look leaves its row. */
export async function deletePendingTags(query: Query, repositoryId: number, tags: readonly PendingTag[]): Promise<void> {
  await query.run(
    `DELETE FROM ordered_pending WHERE repository_id = ?
       AND (name, mark) IN (SELECT value ->> 0, CAST(value ->> 1 AS INTEGER) FROM json_each(?))`,
    repositoryId,
    JSON.stringify(tags.map(({ tag, mark }) => [tag, mark])),
  )
}

const VALUES = `t.name AS tag, t.digest AS digest, ${TAG_VALUES.created} AS created, ${TAG_VALUES.moved} AS moved, ${TAG_VALUES.size} AS size`

/** Of these tags, those that are there. */
export async function listValuesOf(query: Query, repositoryId: number, tags: readonly Tag[]): Promise<TagValues[]> {
  return await query.all<TagValues>(
    `SELECT ${VALUES} FROM json_each(?) j CROSS JOIN tag t ON t.repository_id = CAST(? AS INTEGER) AND t.name = j.value WHERE t.held = 1`,
    JSON.stringify(tags),
    repositoryId,
  )
}

/** A slice of the tags that are there, by name. */
export async function listValues(query: Query, repositoryId: number, after: string, limit: number): Promise<TagValues[]> {
  return await query.all<TagValues>(
    `SELECT ${VALUES} FROM tag t WHERE t.repository_id = CAST(? AS INTEGER) AND t.name > CAST(? AS TEXT) AND t.held = 1
     ORDER BY t.name LIMIT CAST(? AS INTEGER)`,
    repositoryId,
    after,
    limit,
  )
}

export async function putOrdered(query: Query, repositoryId: number, rows: readonly OrderedRow[]): Promise<void> {
  await query.run(
    `INSERT INTO ordered_tag (repository_id, name, digest, version, created_ms, moved_ms, size)
     SELECT CAST(? AS INTEGER), value ->> 0, value ->> 1, value ->> 2, CAST(value ->> 3 AS INTEGER), CAST(value ->> 4 AS INTEGER),
       CAST(value ->> 5 AS INTEGER) FROM json_each(?) WHERE true
     ON CONFLICT (repository_id, name) DO UPDATE SET digest = excluded.digest, version = excluded.version,
       created_ms = excluded.created_ms, moved_ms = excluded.moved_ms, size = excluded.size`,
    repositoryId,
    JSON.stringify(
      rows.map(({ tag, digest, version, created, moved, size }) => [
        tag,
        digest,
        version,
        ...[created, moved, size].map((value) => value ?? -1),
      ]),
    ),
  )
}

export async function deleteOrdered(query: Query, repositoryId: number, tags: readonly Tag[]): Promise<void> {
  await query.run(
    'DELETE FROM ordered_tag WHERE repository_id = ? AND name IN (SELECT value FROM json_each(?))',
    repositoryId,
    JSON.stringify(tags),
  )
}

/** Of these tags, those that are there. */
export async function listOrderedOf(query: Query, repositoryId: number, tags: readonly Tag[]) {
  return await query.all<Pick<TagValues, 'tag' | 'digest'>>(
    `SELECT o.name AS tag, o.digest AS digest FROM json_each(?) j
     CROSS JOIN ordered_tag o ON o.repository_id = CAST(? AS INTEGER) AND o.name = j.value`,
    JSON.stringify(tags),
    repositoryId,
  )
}

/** A place in an order: behind this value and this tag. */
export interface OrderPlace {
  readonly value: string | number
  readonly tag: string
}

export interface OrderSlice {
  readonly order: KeptOrder
  readonly isDescending: boolean
  /** Undefined: from its beginning. */
  readonly after: OrderPlace | undefined
  readonly limit: number
}

export interface PlacedTag extends OrderPlace {
  readonly tag: Tag
  readonly digest: Digest
}

/** The next tags in an order. */
export async function listInOrder(query: Query, repositoryId: number, slice: OrderSlice): Promise<PlacedTag[]> {
  const { page } = STATEMENTS[slice.order][slice.isDescending ? 'descending' : 'ascending']
  return await query.all<PlacedTag>(page, repositoryId, ...placeOf(slice), slice.limit)
}

/** Of the next tags in an order those whose names have a part, in small letters; `next`: behind these; undefined: there are no more. */
export async function listInOrderWith(query: Query, repositoryId: number, slice: OrderSlice & { readonly part: string }) {
  const { part, limit } = slice
  const { end, having } = STATEMENTS[slice.order][slice.isDescending ? 'descending' : 'ascending']
  const place = placeOf(slice)
  const next = await query.get<OrderPlace>(end, repositoryId, ...place, limit - 1)
  const rows = await query.all<PlacedTag>(having, repositoryId, ...place, limit, repositoryId, part)
  return { rows, next }
}

function placeOf({ order, isDescending, after }: OrderSlice): readonly (string | number)[] {
  const isText = order === 'version'
  const first = isDescending ? { value: isText ? LAST_TEXT : LAST_NUMBER, tag: LAST_TEXT } : { value: isText ? '' : -2, tag: '' }
  const { value, tag } = after ?? first
  return order === 'name' ? [tag] : [value, tag]
}

/** Behind every name and every version, and behind every number. */
const LAST_TEXT = '\u{10ffff}'
const LAST_NUMBER = Number.MAX_SAFE_INTEGER

interface OrderStatements {
  readonly page: string
  readonly end: string
  readonly having: string
}

const STATEMENTS = Object.fromEntries(
  Object.entries(COLUMNS).map(([order, column]) => [
    order,
    { ascending: statementsOf(column, '>', 'ASC'), descending: statementsOf(column, '<', 'DESC') },
  ]),
) as Readonly<Record<KeptOrder, { readonly ascending: OrderStatements; readonly descending: OrderStatements }>>

function statementsOf(column: string | undefined, sign: string, direction: string): OrderStatements {
  // SQLite looks both up in the index only where the values have no type of their own: equal ones are not read again for each page.
  const behind = column === undefined ? `name ${sign} ?` : `(${column}, name) ${sign} (?, ?)`
  const columns = `name AS tag, ${column ?? '0'} AS value`
  const order = [column, 'name'].filter((each) => each !== undefined).map((each) => `${each} ${direction}`)
  const rest = `FROM ordered_tag WHERE repository_id = CAST(? AS INTEGER) AND ${behind} ORDER BY ${order.join(', ')} LIMIT`
  return {
    page: `SELECT ${columns}, digest ${rest} CAST(? AS INTEGER)`,
    end: `SELECT ${columns} ${rest} 1 OFFSET CAST(? AS INTEGER)`,
    // The digest is looked up for those that are found alone.
    having: `SELECT p.tag AS tag, p.value AS value, o.digest AS digest FROM (SELECT ${columns} ${rest} CAST(? AS INTEGER)) p
       CROSS JOIN ordered_tag o ON o.repository_id = CAST(? AS INTEGER) AND o.name = p.tag
       WHERE instr(lower(p.tag), CAST(? AS TEXT)) > 0 ORDER BY p.value ${direction}, p.tag ${direction}`,
  }
}

export interface CountedDigests {
  readonly tags: number
  readonly images: number
  /** Where the count goes on; null: it is at its end. */
  readonly next: string | null
}

/** How many tags lead to the next manifests by digest, and how many these are. */
export async function countByDigest(query: Query, repositoryId: number, after: string, limit: number): Promise<CountedDigests> {
  const row = await query.get<{ tags: number | null; images: number; last: string | null }>(
    `SELECT CAST(sum(c.tags) AS INTEGER) AS tags, count(*) AS images, max(c.digest) AS last FROM (
       SELECT digest, count(*) AS tags FROM ordered_tag WHERE repository_id = CAST(? AS INTEGER) AND digest > CAST(? AS TEXT)
       GROUP BY digest ORDER BY digest LIMIT CAST(? AS INTEGER)) c`,
    repositoryId,
    after,
    limit,
  )
  const images = row?.images ?? 0
  return { tags: row?.tags ?? 0, images, next: images < limit ? null : (row?.last ?? null) }
}
