import { MIGRATIONS, versionAfter } from '../../sqlite/migrations.ts'
import type { withConnection } from '../turn.ts'

/** What `berth storage check` asks a server for. Each changes nothing. */

/** One statement of a connection that is there for this alone. */
export type Ask = Parameters<Parameters<typeof withConnection>[2]>[0]

export interface TablesSeen {
  /** Undefined: there are none. */
  readonly version: number | undefined
  /** The one that this Berth makes. */
  readonly known: number
  /** The oldest version of Berth that can use these tables. */
  readonly oldest: number
  /** How many tables belong to another role than the one that Berth logs in with. */
  readonly foreign: number
}

export async function seeTables(ask: Ask): Promise<TablesSeen> {
  const known = versionAfter(MIGRATIONS)
  const [table] = await ask<{ isThere: 0 | 1 }>("SELECT to_regclass('property') IS NOT NULL AS isThere")
  if (table?.isThere !== 1) return { version: undefined, known, oldest: known, foreign: 0 }
  const [property] = await ask<{ version: number; oldest: number }>(
    `SELECT CAST(s.value AS INTEGER) AS version, CAST(coalesce(o.value, s.value) AS INTEGER) AS oldest
     FROM property s LEFT JOIN property o ON o.name = 'oldest' WHERE s.name = 'schema'`,
  )
  const [foreign] = await ask<{ count: number }>(
    "SELECT count(*) AS count FROM pg_tables WHERE schemaname = current_schema() AND NOT pg_has_role(tableowner, 'USAGE')",
  )
  return { version: property?.version ?? 0, known, oldest: property?.oldest ?? 0, foreign: foreign?.count ?? 0 }
}

/** How many connections the server, or the limit of the role, has left. */
export async function seeFreeConnections(ask: Ask): Promise<number> {
  const found = await ask<{ most: number; used: number }>(
    `SELECT CAST(current_setting('max_connections') AS INTEGER) - CAST(current_setting('superuser_reserved_connections') AS INTEGER) AS most,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used
     UNION ALL
     SELECT rolconnlimit, (SELECT count(*) FROM pg_stat_activity WHERE usename = current_user)
       FROM pg_roles WHERE rolname = current_user AND rolconnlimit >= 0`,
  )
  return Math.max(0, Math.min(...found.map(({ most, used }) => most - used)))
}

export interface StandbysSeen {
  readonly following: number
  /** Those that a change waits for. */
  readonly waited: number
  /** Those of which this role sees nothing more. */
  readonly hidden: number
  /** The server's setting `synchronous_standby_names`. */
  readonly wanted: string
}

export async function seeStandbys(ask: Ask): Promise<StandbysSeen> {
  const [found] = await ask<StandbysSeen>(
    `SELECT count(*) AS following, count(*) FILTER (WHERE sync_state IN ('sync', 'quorum')) AS waited,
       count(*) FILTER (WHERE sync_state IS NULL) AS hidden, current_setting('synchronous_standby_names') AS wanted
       FROM pg_stat_replication`,
  )
  return found ?? { following: 0, waited: 0, hidden: 0, wanted: '' }
}

/** Milliseconds since 1970 by the clock of the server. */
export async function seeClock(ask: Ask): Promise<number> {
  const [row] = await ask<{ ms: string }>('SELECT extract(epoch FROM clock_timestamp()) * 1000 AS ms')
  return Number(row?.ms)
}
