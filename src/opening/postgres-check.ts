import type { PostgresConfig } from '../config/schema/metadata/postgres-schema.ts'
import { explained } from '../metadata/postgres/explain.ts'
import { LIMITS } from '../metadata/postgres/postgres.ts'
import { type Ask, seeClock, seeFreeConnections, seeStandbys, seeTables } from '../metadata/postgres/seen/server-facts.ts'
import { inspectDatabase } from '../metadata/postgres/set-up.ts'
import { withConnection } from '../metadata/postgres/turn.ts'
import { CheckFailure, CheckLimit, type CheckStep } from '../storage/check-step.ts'
import { placeOf } from './open-postgres.ts'

const MOST_SKEW_MS = 60_000
/** Of one process, with those of its start and its end (docs/replicas.md). */
const CONNECTIONS = 12

/** Looks at PostgreSQL as a replica finds it, and changes nothing. `now`: the clock of this machine. */
export function postgresSteps(config: PostgresConfig, now = Date.now): readonly CheckStep[] {
  const look = (task: (ask: Ask) => Promise<string>) => async () => await withConnection(await placeOf(config), LIMITS, task)
  return [
    { name: 'reach PostgreSQL', run: () => reach(config), essential: true },
    { name: 'use its tables', run: look((ask) => tables(ask, config.user)) },
    { name: 'have connections left', run: look(connections) },
    { name: 'look for standbys', run: look(standbys) },
    { name: 'compare its clock with the one here', run: look((ask) => clock(ask, now)) },
  ]
}

async function reach(config: PostgresConfig): Promise<string> {
  const place = await placeOf(config)
  return await inspectDatabase(place, LIMITS).catch((error: unknown) => {
    throw explained(error, place)
  })
}

async function tables(ask: Ask, user: string): Promise<string> {
  const { version, known, oldest, foreign } = await seeTables(ask)
  if (version === undefined) return 'the first start makes them'
  if (oldest > known)
    throw new CheckFailure(`they have version ${version}, which a newer Berth made; this one knows ${known}. Start that one.`)
  if (foreign > 0)
    throw new CheckFailure(`${foreign} of them belong to another role than ${user}; REASSIGN OWNED gives them to it.`)
  if (version > known) return `a newer Berth brought them to version ${version}, and this one goes on with them`
  return version === known
    ? 'as this version of Berth makes them'
    : `the next start brings them from version ${version} to ${known}`
}

async function connections(ask: Ask): Promise<string> {
  const free = await seeFreeConnections(ask)
  if (free < CONNECTIONS)
    throw new CheckLimit(
      `${free} are free, and each process of Berth takes up to ${CONNECTIONS}; raise max_connections, or the limit of the role.`,
    )
  return `${free} are free`
}

async function standbys(ask: Ask): Promise<string> {
  const { following, waited, hidden, wanted } = await seeStandbys(ask)
  if (hidden > 0) return `${following} follow; how, only a role with pg_monitor may see`
  if (wanted !== '' && waited === 0)
    throw new CheckFailure(
      `synchronous_standby_names is ${JSON.stringify(wanted)}, and none of these follows: each change would wait for one.`,
    )
  if (following === 0) return 'none follows: when this server is lost, the next one begins empty and is filled from the bucket'
  return `${following} follow, and a change waits for ${waited === 0 ? 'none' : waited} of them`
}

async function clock(ask: Ask, now: () => number): Promise<string> {
  const begunMs = now()
  const skewMs = (await seeClock(ask)) - (begunMs + now()) / 2
  const seconds = `${Math.round(Math.abs(skewMs) / 1_000)} s`
  if (Math.abs(skewMs) > MOST_SKEW_MS)
    throw new CheckLimit(`it is ${seconds} ${skewMs > 0 ? 'ahead' : 'behind'}; set both by NTP.`)
  return `${seconds} apart`
}
