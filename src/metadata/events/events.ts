import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Tag } from '../../oci/reference.ts'
import type { Query, Sql } from '../query.ts'

/** test: is never stored. */
export type EventAction =
  | ('push' | 'pull' | 'mount' | 'delete' | 'undelete' | 'move' | 'collect')
  | ('add' | 'change' | 'remove')
  | ('fail' | 'recover' | 'test')

/** Something that happened. */
export interface NewEvent {
  /** A UUID: the same event has it each time it is told. */
  readonly id: string
  /** By the wall clock. */
  readonly atMs: number
  readonly action: EventAction
  readonly kind: 'manifest' | 'blob' | 'tag' | 'user' | 'group' | 'token' | 'mirror' | 'webhook'
  /** '' for what happened in none. */
  readonly repository: RepositoryName | ''
  /** The name of an account, or an upstream. */
  readonly subject: string | null
  /** How many blobs it is about, where that is not one. */
  readonly count: number | null
  /** Null: of a tag that was deleted. */
  readonly digest: Digest | null
  readonly tag: Tag | null
  readonly mediaType: string | null
  /** Bytes. */
  readonly size: number | null
  /** Where a mounted blob came from. */
  readonly source: RepositoryName | null
  readonly actor: string | null
  readonly address: string | null
  readonly requestId: string | null
  /** What else is known of the request, as JSON. */
  readonly request: string | null
  /** The process that did it. */
  readonly process: string
}

export interface StoredEvent extends NewEvent {
  readonly number: number
  /** Where a tag led until it moved; null for all else. */
  readonly before: Digest | null
}

/** What a row takes beside its texts. */
const ROW_BYTES = 60
const QUOTES_AND_COMMA = 3
const COMMA = 1

/**
 * One statement, however many there are. They are numbered in their order. A `move` is written only where its tag has moved in the transaction with
 * this number, from one manifest to another.
 */
export async function insertEvents(query: Query, events: readonly NewEvent[], changedAt = NO_CHANGE): Promise<void> {
  const [event, another] = events
  if (event === undefined) return
  // Most changes are one event, or that of a manifest with its tag, which are several times as quick without JSON.
  if (event.action === 'move' || events.length > 2 || (another && another.action !== 'move'))
    await insertAll(query, events, changedAt)
  else if (another === undefined) await insertEvent(query, event)
  else await insertWithMove(query, event, another, changedAt)
}

const WRITTEN = `id, at_ms, action, kind, repository, digest, tag, media_type, size, source, actor, address, request_id, request, process, subject,
   count`

/** A value for each of these columns, and the bytes. */
const GIVEN = [...WRITTEN.split(','), 'bytes']
  .map((column) => (['at_ms', 'size', 'count', 'bytes'].includes(column.trim()) ? 'CAST(? AS INTEGER)' : 'CAST(? AS TEXT)'))
  .join(', ')

async function insertEvent(query: Query, event: NewEvent): Promise<void> {
  const values = valuesOf(event)
  await query.run(
    `INSERT INTO event (${WRITTEN}, bytes) VALUES (${values.map(() => '?').join(', ')}, ?)`,
    ...[...values, bytesOf(values)],
  )
}

async function insertWithMove(query: Query, event: NewEvent, move: NewEvent, changedAt: number): Promise<void> {
  const [values, moved] = [valuesOf(event), valuesOf(move)]
  await query.run(
    `INSERT INTO event (${WRITTEN}, bytes, before)
     SELECT ${GIVEN}, NULL UNION ALL
     SELECT ${GIVEN}, before FROM tag_move WHERE number = ? AND tag = ? AND before IS NOT NULL AND digest IS NOT NULL`,
    ...[...values, bytesOf(values)],
    ...[...moved, bytesOf(moved), changedAt, move.tag],
  )
}

/** About as many as the statement for several counts, which takes the length of their JSON. */
function bytesOf(values: readonly (string | number | null)[]): number {
  let bytes = ROW_BYTES
  for (const value of values) bytes += String(value).length + (typeof value === 'string' ? QUOTES_AND_COMMA : COMMA)
  return bytes
}

async function insertAll(query: Query, events: readonly NewEvent[], changedAt: number): Promise<void> {
  await query.run(
    `INSERT INTO event (${WRITTEN}, bytes, before)
     SELECT e.value ->> 0, CAST(e.value ->> 1 AS INTEGER), e.value ->> 2, e.value ->> 3, e.value ->> 4, e.value ->> 5, e.value ->> 6, e.value ->> 7,
       CAST(e.value ->> 8 AS INTEGER), e.value ->> 9, e.value ->> 10, e.value ->> 11, e.value ->> 12, e.value ->> 13, e.value ->> 14,
       e.value ->> 15, CAST(e.value ->> 16 AS INTEGER), length(e.value) + ?, m.before
     FROM json_each(?) e
     LEFT JOIN tag_move m ON e.value ->> 2 = 'move' AND m.number = ? AND m.tag = e.value ->> 6
     WHERE e.value ->> 2 <> 'move' OR (m.before IS NOT NULL AND m.digest IS NOT NULL)`,
    ROW_BYTES,
    JSON.stringify(events.map(valuesOf)),
    changedAt,
  )
}

/** The number of no transaction. */
const NO_CHANGE = 0

function valuesOf(event: NewEvent): readonly (string | number | null)[] {
  const { id, atMs, action, kind, repository, digest, tag, mediaType, size, source } = event
  const { actor, address, requestId, request, process, subject, count } = event
  const about = [id, atMs, action, kind, repository, digest, tag, mediaType, size, source]
  return [...about, actor, address, requestId, request, process, subject, count]
}

const COLUMNS = `number, id, at_ms AS atMs, action, kind, repository, digest, tag, media_type AS mediaType, size, source, actor, address,
   request_id AS requestId, request, process, subject, count, before`

/** The next ones after this number. */
export async function listEventsAfter(query: Query, number: number, limit: number): Promise<StoredEvent[]> {
  return await query.all<StoredEvent>(`SELECT ${COLUMNS} FROM event WHERE number > ? ORDER BY number LIMIT ?`, number, limit)
}

export async function findEvent(query: Query, number: number): Promise<StoredEvent | undefined> {
  return await query.get<StoredEvent>(`SELECT ${COLUMNS} FROM event WHERE number = ?`, number)
}

/** The number that was given last, also of an event that has gone; 0 before the first. */
export async function lastEventNumber(query: Query): Promise<number> {
  return (await query.get<{ number: number }>(LAST_NUMBER))?.number ?? 0
}

/** A sequence of PostgreSQL gives numbers in another order than that of the commits, and loses some. */
const LAST_NUMBER: Sql = {
  sqlite: "SELECT seq AS number FROM sqlite_sequence WHERE name = 'event'",
  postgresql: "SELECT value AS number FROM counter WHERE name = 'event-number'",
}

/** The highest number of an event that has been removed: of a pull, and of all else. */
export async function removedEvents(query: Query): Promise<{ readonly pull: number; readonly other: number }> {
  const rows = await query.all<{ name: string; value: number }>(
    "SELECT name, value FROM counter WHERE name IN ('event-removed', 'event-pull-removed')",
  )
  const numberOf = (name: string) => rows.find((row) => row.name === name)?.value ?? 0
  return { pull: numberOf('event-pull-removed'), other: numberOf('event-removed') }
}

/** 16 bytes in hexadecimal digits, made with the database. */
export async function eventKey(query: Query): Promise<string> {
  const row = await query.get<{ value: string }>("SELECT value FROM property WHERE name = 'event-key'")
  if (row === undefined) throw new Error('the metadata database has no key for events')
  return row.value
}

/** Those of these events that are kept still. */
export async function keptEvents(query: Query, events: readonly StoredEvent[]): Promise<readonly StoredEvent[]> {
  const rows = await query.all<{ number: number }>(
    'SELECT number FROM event WHERE number IN (SELECT CAST(value AS INTEGER) FROM json_each(?))',
    JSON.stringify(events.map(({ number }) => number)),
  )
  const kept = new Set(rows.map(({ number }) => number))
  return events.filter(({ number }) => kept.has(number))
}

/** What the table takes, in bytes. */
export async function eventBytes(query: Query): Promise<number> {
  return (await query.get<{ value: number }>("SELECT value FROM counter WHERE name = 'event-bytes'"))?.value ?? 0
}

/** When the oldest happened; undefined: there are none. */
export async function oldestEventMs(query: Query): Promise<number | undefined> {
  return (await query.get<{ atMs: number }>('SELECT at_ms AS atMs FROM event ORDER BY number LIMIT 1'))?.atMs
}

/** The oldest ones, as long as they are from before this time. How many went. */
export async function deleteEventsBefore(query: Query, beforeMs: number, limit: number): Promise<number> {
  const removed = await query.all(
    'DELETE FROM event WHERE number IN (SELECT number FROM event ORDER BY number LIMIT ?) AND at_ms < ? RETURNING number',
    limit,
    beforeMs,
  )
  return removed.length
}

/** The oldest pulls; where there are none, the oldest of all. How many went. */
export async function deleteOldestEvents(query: Query, limit: number): Promise<number> {
  const pulls = await query.all(
    `DELETE FROM event WHERE number IN (SELECT number FROM event WHERE action = 'pull' ORDER BY number LIMIT ?) RETURNING number`,
    limit,
  )
  if (pulls.length > 0) return pulls.length
  return (
    await query.all(
      'DELETE FROM event WHERE number IN (SELECT number FROM event ORDER BY number LIMIT ?) RETURNING number',
      limit,
    )
  ).length
}
