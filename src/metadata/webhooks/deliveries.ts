import type { Query } from '../query.ts'

export type DeliveryState = 'waiting' | 'aside' | 'done'

/** What became of an event at a webhook. */
export interface Delivery {
  readonly webhook: string
  /** Of the event. */
  readonly number: number
  /** Its id. */
  readonly event: string
  readonly kind: string
  /** What it is about, in a word or two. */
  readonly about: string
  readonly state: DeliveryState
  readonly attempts: number
  readonly triedMs: number | null
  /** When it is tried again. */
  readonly nextMs: number | null
  /** '202 Accepted', or why there was none. */
  readonly answer: string | null
}

const COLUMNS = 'webhook, number, event, kind, about, state, attempts, tried_ms AS triedMs, next_ms AS nextMs, answer'

export async function putDeliveries(query: Query, deliveries: readonly Delivery[]): Promise<void> {
  if (deliveries.length === 0) return
  const values = deliveries.map(({ webhook, number, event, kind, about, state, attempts, triedMs, nextMs, answer }) => [
    ...[webhook, number, event, kind, about, state, attempts, triedMs, nextMs, answer],
  ])
  await query.run(
    `INSERT INTO webhook_delivery (webhook, number, event, kind, about, state, attempts, tried_ms, next_ms, answer)
     SELECT value ->> 0, CAST(value ->> 1 AS INTEGER), value ->> 2, value ->> 3, value ->> 4, value ->> 5, CAST(value ->> 6 AS INTEGER),
       CAST(value ->> 7 AS INTEGER), CAST(value ->> 8 AS INTEGER), value ->> 9
     FROM json_each(?) WHERE true
     ON CONFLICT (webhook, number) DO UPDATE SET state = excluded.state, attempts = excluded.attempts, tried_ms = excluded.tried_ms,
       next_ms = excluded.next_ms, answer = excluded.answer`,
    JSON.stringify(values),
  )
}

/** The one that waits for the next try, whose time comes first. */
export async function nextWaiting(query: Query, webhook: string): Promise<Delivery | undefined> {
  return await query.get<Delivery>(
    `SELECT ${COLUMNS} FROM webhook_delivery WHERE webhook = ? AND state = 'waiting' ORDER BY next_ms LIMIT 1`,
    webhook,
  )
}

/** The newest first. Undefined: in every state. */
export async function listDeliveries(
  query: Query,
  webhook: string,
  { state, limit }: { readonly state: DeliveryState | undefined; readonly limit: number },
): Promise<Delivery[]> {
  if (state === undefined)
    return await query.all<Delivery>(
      `SELECT ${COLUMNS} FROM webhook_delivery WHERE webhook = ? ORDER BY number DESC LIMIT ?`,
      webhook,
      limit,
    )
  return await query.all<Delivery>(
    `SELECT ${COLUMNS} FROM webhook_delivery WHERE webhook = ? AND state = ? ORDER BY number DESC LIMIT ?`,
    webhook,
    state,
    limit,
  )
}

/** How many are in each state. */
export async function countDeliveries(query: Query, webhook: string): Promise<Readonly<Record<DeliveryState, number>>> {
  const rows = await query.all<{ state: DeliveryState; count: number }>(
    'SELECT state, count(*) AS count FROM webhook_delivery WHERE webhook = ? GROUP BY state',
    webhook,
  )
  const countOf = (state: DeliveryState) => rows.find((row) => row.state === state)?.count ?? 0
  return { waiting: countOf('waiting'), aside: countOf('aside'), done: countOf('done') }
}

/** What was set aside is tried again, now. Gives how many these are. */
export async function retryAside(query: Query, webhook: string, nowMs: number): Promise<number> {
  const rows = await query.all(
    `UPDATE webhook_delivery SET state = 'waiting', attempts = 0, next_ms = ? WHERE webhook = ? AND state = 'aside' RETURNING number`,
    nowMs,
    webhook,
  )
  return rows.length
}

/** Keeps the newest so many of a state. */
export async function forgetDeliveries(query: Query, webhook: string, state: DeliveryState, keep: number): Promise<void> {
  await query.run(
    `DELETE FROM webhook_delivery WHERE webhook = ? AND state = ? AND number <=
       (SELECT number FROM webhook_delivery WHERE webhook = ? AND state = ? ORDER BY number DESC LIMIT 1 OFFSET ?)`,
    ...[webhook, state, webhook, state, keep],
  )
}
