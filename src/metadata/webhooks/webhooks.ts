import { lastEventNumber } from '../events/events.ts'
import type { Query } from '../query.ts'

/** How far a webhook is. */
export interface WebhookRow {
  readonly name: string
  /** Another one after each change of its record. */
  readonly mark: string
  /** It has had every event up to this one, but for those that wait. */
  readonly number: number
  /** One more with each replay. */
  readonly turn: number
  /** Events that were removed before it had them. */
  readonly lost: number
  /** Since when it takes none; null: it takes them. */
  readonly failingMs: number | null
  /** What it answered last, in words. */
  readonly failure: string | null
}

/** In the order of their names. */
export async function listWebhookRows(query: Query): Promise<WebhookRow[]> {
  return await query.all<WebhookRow>(
    'SELECT name, mark, number, turn, lost, failing_ms AS failingMs, failure FROM webhook ORDER BY name',
  )
}

/** One that is new is told what happens from now on. */
export async function putWebhookRow(query: Query, name: string, mark: string): Promise<void> {
  await query.run(
    'INSERT INTO webhook (name, mark, number) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET mark = excluded.mark',
    name,
    mark,
    await lastEventNumber(query),
  )
}

export async function deleteWebhookRow(query: Query, name: string): Promise<void> {
  await query.run('DELETE FROM webhook WHERE name = ?', name)
  await query.run('DELETE FROM webhook_delivery WHERE webhook = ?', name)
}

/** Does nothing when a replay has begun since. */
export async function moveWebhook(
  query: Query,
  { name, turn, number, lost, failingMs, failure }: Omit<WebhookRow, 'mark'>,
): Promise<void> {
  await query.run(
    'UPDATE webhook SET number = ?, lost = ?, failing_ms = ?, failure = ? WHERE name = ? AND turn = ?',
    ...[number, lost, failingMs, failure, name, turn],
  )
}

/** What happened from this moment on is told again. Gives how many events there are. */
export async function replayWebhook(query: Query, name: string, fromMs: number): Promise<number> {
  const first = await query.get<{ number: number; count: number }>(
    'SELECT min(number) AS number, count(*) AS count FROM event WHERE at_ms >= ?',
    fromMs,
  )
  if (first === undefined || first.count === 0) return 0
  await query.run('UPDATE webhook SET number = min(number, ?), turn = turn + 1 WHERE name = ?', first.number - 1, name)
  return first.count
}
