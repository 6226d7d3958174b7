import type { Query } from '../query.ts'
import { lastEventNumber } from './events.ts'

/** How far an endpoint is. */
export interface EventCursor {
  readonly endpoint: string
  /** It has had every event up to this one, or they are none for it. */
  readonly number: number
  /** Events that were removed before it took them. */
  readonly lost: number
  /** Since when it takes none; null: it takes them. */
  readonly failingMs: number | null
  /** What it answered last, in words. */
  readonly failure: string | null
}

/** An endpoint that is new is told what happens from now on. What is known of one that is not among these is forgotten. */
export async function ensureCursors(query: Query, endpoints: readonly string[]): Promise<void> {
  const names = JSON.stringify(endpoints)
  await query.run('DELETE FROM event_cursor WHERE endpoint NOT IN (SELECT value FROM json_each(?))', names)
  await query.run(
    'INSERT INTO event_cursor (endpoint, number) SELECT value, ? FROM json_each(?) WHERE true ON CONFLICT DO NOTHING',
    await lastEventNumber(query),
    names,
  )
}

/** As `ensureCursors` has made them, in the order of their names. */
export async function listCursors(query: Query): Promise<EventCursor[]> {
  return await query.all<EventCursor>(
    'SELECT endpoint, number, lost, failing_ms AS failingMs, failure FROM event_cursor ORDER BY endpoint',
  )
}

/** Never back: another process may have gone on from here. */
export async function moveCursor(query: Query, { endpoint, number, lost, failingMs, failure }: EventCursor): Promise<void> {
  await query.run(
    'UPDATE event_cursor SET number = max(number, ?), lost = max(lost, ?), failing_ms = ?, failure = ? WHERE endpoint = ?',
    number,
    lost,
    failingMs,
    failure,
    endpoint,
  )
}
