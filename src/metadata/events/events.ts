import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Tag } from '../../oci/reference.ts'
import type { Query } from '../query.ts'

export type EventAction = 'push' | 'pull' | 'mount' | 'delete' | 'undelete'

/** Something that happened to content. */
export interface NewEvent {
  /** A UUID: the same event has it each time it is told. */
  readonly id: string
  /** By the wall clock. */
  readonly atMs: number
  readonly action: EventAction
  readonly kind: 'manifest' | 'blob' | 'tag'
  readonly repository: RepositoryName
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
}

/** What a row takes beside its texts. */
const ROW_BYTES = 60

/** One statement, however many there are. They are numbered in their order. */
export async function insertEvents(query: Query, events: readonly NewEvent[]): Promise<void> {
  if (events.length === 0) return
  await query.run(
    `INSERT INTO event (id, at_ms, action, kind, repository, digest, tag, media_type, size, source, actor, address, request_id,
       request, process, bytes)
     SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8,
       value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14, length(value) + ?
     FROM json_each(?) WHERE true`,
    ROW_BYTES,
    JSON.stringify(events.map(valuesOf)),
  )
}

function valuesOf(event: NewEvent): readonly (string | number | null)[] {
  const { id, atMs, action, kind, repository, digest, tag, mediaType, size, source } = event
  const { actor, address, requestId, request, process } = event
  return [id, atMs, action, kind, repository, digest, tag, mediaType, size, source, actor, address, requestId, request, process]
}

const COLUMNS = `number, id, at_ms AS atMs, action, kind, repository, digest, tag, media_type AS mediaType, size, source, actor, address,
   request_id AS requestId, request, process`

/** The next ones after this number. */
export async function listEventsAfter(query: Query, number: number, limit: number): Promise<StoredEvent[]> {
  return await query.all<StoredEvent>(`SELECT ${COLUMNS} FROM event WHERE number > ? ORDER BY number LIMIT ?`, number, limit)
}

/** The number that was given last, also of an event that has gone; 0 before the first. */
export async function lastEventNumber(query: Query): Promise<number> {
  return (await query.get<{ seq: number }>("SELECT seq FROM sqlite_sequence WHERE name = 'event'"))?.seq ?? 0
}

export async function isEventKept(query: Query, number: number): Promise<boolean> {
  return (await query.get('SELECT 1 FROM event WHERE number = ?', number)) !== undefined
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
