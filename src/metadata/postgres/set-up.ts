import { OlderVersionError } from '../processes.ts'
import { lastThatChanges, MIGRATIONS, type Migration, versionAfter } from '../sqlite/migrations.ts'
import { BASE_TABLES, BASE_VERSION } from '../sqlite/schema.ts'
import { PostgresConnection, type PostgresLimits, type PostgresPlace } from './connection.ts'
import { postgresStatement } from './dialect.ts'
import { FUNCTIONS, OWN_TABLES } from './functions.ts'
import { requireOwnSessions } from './own-sessions.ts'
import { PostgresUnusableError } from './unusable.ts'

const OLDEST = 14
const MOST_WAIT = '1s'

export interface PreparedDatabase {
  /** Of the tables, made with them. */
  readonly databaseId: string
  /** There were no tables. */
  readonly isNew: boolean
  /** The version of the tables before, where they were brought to the present one. */
  readonly migratedFrom: number | undefined
}

export interface PrepareOptions {
  readonly store: string
  readonly migrations?: readonly Migration[]
  /** The versions of the other processes that are alive; none of them starts meanwhile. */
  readonly living?: readonly number[]
}

/**
 * Makes the tables, or brings them to the present version: one transaction for each version, and one process at a time. Throws PostgresUnusableError,
 * OlderVersionError, and what the server reports.
 */
export async function prepareDatabase(
  place: PostgresPlace,
  limits: PostgresLimits,
  { store, migrations = MIGRATIONS, living = [] }: PrepareOptions,
): Promise<PreparedDatabase> {
  const connection = await PostgresConnection.open(place, limits)
  try {
    await checkServer(connection)
    await requireOwnSessions(connection, () => PostgresConnection.open(place, limits))
    const found = await inTurn(connection, place, () => findTables(connection, store, migrations))
    if (found === undefined) {
      await inTurn(connection, place, () => makeTables(connection, place, store, migrations))
      return { isNew: true, migratedFrom: undefined, databaseId: await idOf(connection) }
    }
    const next = migrations.filter(({ version }) => version > found)
    requireNoneBefore(lastThatChanges(next), living)
    for (const migration of next) await inTurn(connection, place, () => migrate(connection, migration))
    const migratedFrom = next.length === 0 ? undefined : found
    return { isNew: false, migratedFrom, databaseId: await idOf(connection) }
  } finally {
    await connection.close()
  }
}

/** Looks at the server and at what stands there, and changes nothing. In words for people. Throws as `prepareDatabase`. */
export async function inspectDatabase(place: PostgresPlace, limits: PostgresLimits): Promise<string> {
  const connection = await PostgresConnection.open(place, limits)
  try {
    const version = await checkServer(connection)
    await requireOwnSessions(connection, () => PostgresConnection.open(place, limits))
    const properties = await propertiesOf(connection)
    if (properties !== undefined) return `PostgreSQL ${version}, tables of version ${properties.get('schema')}`
    const [right] = await ask<{ mayMake: 0 | 1 }>(
      connection,
      `SELECT has_database_privilege(current_database(), 'CREATE')
         OR EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = CAST(? AS TEXT) AND has_schema_privilege(oid, 'CREATE')) AS mayMake`,
      place.schema,
    )
    if (right?.mayMake !== 1)
      throw new PostgresUnusableError(
        `The role ${place.user} may not make the schema ${place.schema}; let it own the schema or the database.`,
      )
    return `PostgreSQL ${version}, without tables of Berth`
  } finally {
    await connection.close()
  }
}

/** Its version. */
async function checkServer(connection: PostgresConnection): Promise<number> {
  const [server] = await ask<{ version: string; encoding: string; isStandby: 0 | 1 }>(
    connection,
    `SELECT current_setting('server_version_num') AS version, current_setting('server_encoding') AS encoding,
       pg_is_in_recovery() AS isStandby`,
  )
  const version = Math.floor(Number(server?.version) / 10_000)
  if (version < OLDEST)
    throw new PostgresUnusableError(`The server is PostgreSQL ${version}; Berth needs version ${OLDEST} or a later one.`)
  if (server?.isStandby === 1)
    throw new PostgresUnusableError('The server is a standby, which changes nothing; name the one that takes changes.')
  if (server?.encoding !== 'UTF8')
    throw new PostgresUnusableError(`The database has the encoding ${server?.encoding}; make one with ENCODING 'UTF8'.`)
  return version
}

/** One process after the other, those of this schema. */
async function inTurn<Result>(
  connection: PostgresConnection,
  { schema }: PostgresPlace,
  work: () => Promise<Result>,
): Promise<Result> {
  await connection.control('BEGIN')
  try {
    await ask(connection, "SELECT pg_advisory_xact_lock(hashtextextended('berth tables ' || CAST(? AS TEXT), 0))", schema)
    const result = await work()
    await connection.control('COMMIT')
    return result
  } catch (error) {
    if (!connection.isLost) await connection.control('ROLLBACK')
    throw error
  }
}

/** Undefined where there are no tables. */
async function propertiesOf(connection: PostgresConnection): Promise<ReadonlyMap<string, string> | undefined> {
  const [table] = await ask<{ isThere: 0 | 1 }>(
    connection,
    "SELECT EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'property') AS isThere",
  )
  if (table?.isThere !== 1) return undefined
  const rows = await ask<{ name: string; value: string }>(connection, 'SELECT name, value FROM property')
  return new Map(rows.map(({ name, value }) => [name, value]))
}

/** The version of the tables; undefined where there are none. */
async function findTables(
  connection: PostgresConnection,
  store: string,
  migrations: readonly Migration[],
): Promise<number | undefined> {
  const property = await propertiesOf(connection)
  if (property === undefined) return undefined
  const version = Number(property.get('schema'))
  if (property.get('store') !== store)
    throw new PostgresUnusableError('The database belongs to another storage; name another database or schema for this one.')
  if (oldestOf(property) > versionAfter(migrations))
    throw new PostgresUnusableError(
      `The database has tables of version ${version}, which a newer Berth made; this one knows ${versionAfter(migrations)}.`,
    )
  return version
}

async function makeTables(
  connection: PostgresConnection,
  { schema }: PostgresPlace,
  store: string,
  migrations: readonly Migration[],
): Promise<void> {
  // Another process may have been first.
  if ((await findTables(connection, store, migrations)) !== undefined) return
  await connection.control(`CREATE SCHEMA IF NOT EXISTS "${schema.replaceAll('"', '""')}"`)
  for (const statement of [...FUNCTIONS, ...OWN_TABLES]) await connection.control(statement)
  for (const statement of BASE_TABLES) await connection.control(postgresStatement(statement).text)
  for (const { statements } of migrations) await runStatements(connection, statements)
  const oldest = String(lastThatChanges(migrations) ?? BASE_VERSION)
  const properties = { schema: String(versionAfter(migrations)), oldest, store, epoch: '0', database: crypto.randomUUID() }
  for (const [name, value] of Object.entries(properties))
    await ask(connection, 'INSERT INTO property (name, value) VALUES (?, ?)', name, value)
}

/** Throws OlderVersionError when processes are alive that know only tables before that version. */
function requireNoneBefore(version: number | undefined, living: readonly number[]): void {
  if (version === undefined || living.every((other) => other >= version)) return
  throw new OlderVersionError(
    `An older version of Berth is at work on this PostgreSQL, which cannot go on with tables of version ${version}; stop the last of its processes.`,
  )
}

/** The oldest version of Berth that can use these tables. Where none is noted, only the version that made them can. */
function oldestOf(property: ReadonlyMap<string, string>): number {
  return Number(property.get('oldest') ?? property.get('schema'))
}

async function migrate(connection: PostgresConnection, { version, onlyAdds, statements }: Migration): Promise<void> {
  const property = (await propertiesOf(connection)) ?? new Map<string, string>()
  // Another process may have been first.
  if (Number(property.get('schema')) >= version) return
  // While this statement waits for a table, requests of the other processes wait behind it.
  await connection.control(`SET LOCAL lock_timeout = '${MOST_WAIT}'`)
  for (const statement of FUNCTIONS) await connection.control(statement)
  await runStatements(connection, statements)
  const properties = { schema: version, oldest: onlyAdds === true ? oldestOf(property) : version }
  for (const [name, value] of Object.entries(properties))
    await ask(
      connection,
      'INSERT INTO property (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
      ...[name, String(value)],
    )
}

async function idOf(connection: PostgresConnection): Promise<string> {
  const [row] = await ask<{ value: string }>(connection, "SELECT value FROM property WHERE name = 'database'")
  if (row === undefined)
    throw new PostgresUnusableError('The tables were not made by this Berth; name another schema, or drop it.')
  return row.value
}

async function runStatements(connection: PostgresConnection, statements: Migration['statements']): Promise<void> {
  for (const statement of statements) {
    const { text } = postgresStatement(statement)
    if (text !== '') await connection.control(text)
  }
}

async function ask<Row>(connection: PostgresConnection, sql: string, ...values: string[]): Promise<Row[]> {
  return await connection.ask<Row>(postgresStatement(sql), values)
}
