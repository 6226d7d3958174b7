import type { SqlValue } from '../query.ts'
import { PostgresConnection, type PostgresLimits, type PostgresPlace } from './connection.ts'
import { postgresStatement } from './dialect.ts'
import { ConnectionLostError, told } from './errors.ts'

/** The server notices within so long that a machine is gone, or the way to it: what its session holds is free then. */
export const KEEPALIVE = {
  ...{ tcp_keepalives_idle: '5', tcp_keepalives_interval: '2', tcp_keepalives_count: '3' },
  tcp_user_timeout: '11000',
}

type Ask = <Row>(sql: string, ...values: SqlValue[]) => Promise<Row[]>

/** Asks by a connection of its own, which ends with the work. Throws a 503 when the server cannot be reached. */
export async function withConnection<Result>(
  place: PostgresPlace,
  limits: PostgresLimits,
  work: (ask: Ask) => Promise<Result>,
): Promise<Result> {
  const connection = await PostgresConnection.open(place, limits, { settings: KEEPALIVE }).catch((error: unknown) => {
    throw told(error)
  })
  try {
    return await work(async <Row>(sql: string, ...values: SqlValue[]) => {
      return await connection.ask<Row>(postgresStatement(sql), values).catch((error: unknown) => {
        throw told(error)
      })
    })
  } finally {
    await connection.close()
  }
}

/**
 * Runs a task while no other process runs one of this name: the session of a connection of its own has a lock, which ends with it. Throws a 503 when
 * others take too long, and when the connection broke meanwhile: then another one may have begun before this one ended.
 */
export async function whileHolding<Result>(
  place: PostgresPlace,
  limits: PostgresLimits,
  name: 'start' | 'accounts',
  task: () => Promise<Result>,
): Promise<Result> {
  const key = "hashtextextended('berth ' || CAST(? AS TEXT) || ' ' || CAST(? AS TEXT), 0)"
  return await withConnection(place, limits, async (ask) => {
    await ask(`SELECT pg_advisory_lock(${key})`, name, place.schema)
    const result = await task()
    const [row] = await ask<{ isHeld: 0 | 1 }>(`SELECT pg_advisory_unlock(${key}) AS isHeld`, name, place.schema)
    if (row?.isHeld !== 1) throw told(new ConnectionLostError('the turn was lost'))
    return result
  })
}
