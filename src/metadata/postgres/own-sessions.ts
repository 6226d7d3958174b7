import type { PostgresConnection } from './connection.ts'
import { PostgresUnusableError } from './unusable.ts'

const LOOKS = 5

/**
 * Throws PostgresUnusableError where a pooler lends the connections of the server for a transaction at a time: locks of a session, by which
 * processes know that others are alive, would belong to none. Each connection of ours must be one of the server, with the settings that it asked for.
 */
export async function requireOwnSessions(
  connection: PostgresConnection,
  openOther: () => Promise<PostgresConnection>,
): Promise<void> {
  const mine = await lookAt(connection)
  if (!mine.hasSettings) throw notOwn('settings of a session get lost on the way')
  const other = await openOther()
  try {
    for (let look = 0; look < LOOKS; look += 1) {
      const [theirs, again] = [await lookAt(other), await lookAt(connection)]
      if (theirs.pid === mine.pid || again.pid !== mine.pid) throw notOwn('its connections are shared')
    }
  } finally {
    await other.close()
  }
}

async function lookAt(connection: PostgresConnection): Promise<{ readonly pid: number; readonly hasSettings: boolean }> {
  const text = `SELECT pg_backend_pid() AS pid, current_setting('application_name') = 'berth'
    AND current_setting('idle_in_transaction_session_timeout') <> '0' AS settings`
  const [row] = await connection.ask<{ pid: number; settings: 0 | 1 }>({ text, template: undefined, jsonPlaces: new Set() }, [])
  return { pid: row?.pid ?? 0, hasSettings: row?.settings === 1 }
}

export function notOwn(reason: string): PostgresUnusableError {
  return new PostgresUnusableError(
    `Between Berth and PostgreSQL stands a pooler in transaction mode (${reason}); name the server itself, or a pooler in session mode.`,
  )
}
