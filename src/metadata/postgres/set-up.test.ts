import { Database } from 'bun:sqlite'
import { beforeEach, expect, test } from 'bun:test'
import { describeOnPostgres } from '../../../test/support/postgres-suite.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { currentNumber, nextNumber } from '../query.ts'
import { MIGRATIONS, sqliteTexts, versionAfter } from '../sqlite/migrations.ts'
import { openMetadata } from '../sqlite/open.ts'
import type { PostgresPlace } from './connection.ts'
import { LIMITS, PostgresMetadata } from './postgres.ts'
import { prepareDatabase } from './set-up.ts'
import { PostgresUnusableError } from './unusable.ts'

const PRESENT = versionAfter(MIGRATIONS)
const ADDED = { version: PRESENT + 1, statements: ['CREATE TABLE visit (name TEXT PRIMARY KEY, at_ms INTEGER) WITHOUT ROWID'] }
const REFUSED = {
  version: PRESENT + 2,
  statements: ['CREATE TABLE visitor (name TEXT PRIMARY KEY)', 'CREATE TABLE visit (x TEXT)'],
}

/** A property or a counter is of no use to an older Berth, and it works without an index, though more slowly. */
const ADDS = /^(?:CREATE (?:TABLE|INDEX|TRIGGER) |DROP INDEX |ALTER TABLE \w+ ADD COLUMN |INSERT INTO (?:property|counter) )/
/** A column without which a row of that table is refused. */
const ASKS_FOR_MORE = /^ALTER TABLE (?!.* DEFAULT ).* NOT NULL/

interface Column {
  readonly table: string
  readonly name: string
  readonly type: string
  readonly isNeeded: number
}

test('migrations that say so only add, and what an older Berth writes has all that they ask for', () => {
  const texts = MIGRATIONS.filter(({ onlyAdds }) => onlyAdds === true).flatMap(({ statements }) => [...sqliteTexts(statements)])

  expect(texts.filter((text) => !ADDS.test(text) || ASKS_FOR_MORE.test(text))).toEqual([])
})

describeOnPostgres('tables in PostgreSQL', (server) => {
  let place: PostgresPlace

  beforeEach(() => {
    place = server().place()
  })

  async function version(): Promise<string | undefined> {
    const rows = await server().ask<{ value: string }>(`SELECT value FROM ${place.schema}.property WHERE name = 'schema'`)
    return rows[0]?.value
  }

  async function tables(): Promise<readonly string[]> {
    const text = `SELECT tablename AS name FROM pg_tables WHERE schemaname = '${place.schema}' ORDER BY 1`
    return (await server().ask<{ name: string }>(text)).map(({ name }) => name)
  }

  test('have the columns, keys, indexes and triggers that SQLite has', async () => {
    using folder = new TemporaryFolder()
    await prepareDatabase(place, LIMITS, { store: 'store' })
    const file = await sqliteFile(folder)

    expect(await columnsIn(place.schema)).toEqual(columnsOf(file))
    expect(await indexesIn(place.schema)).toEqual(indexesOf(file))
    expect(await triggersIn(place.schema)).toEqual(triggersOf(file))
  })

  test('compare texts by their bytes, whatever the server does', async () => {
    await prepareDatabase(place, LIMITS, { store: 'store' })

    const others = await server().ask(
      `SELECT table_name, column_name FROM information_schema.columns
       WHERE table_schema = '${place.schema}' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'`,
    )
    expect(others).toEqual([])
  })

  test('are made once when several processes start at the same time', async () => {
    const prepared = await Promise.all([1, 2, 3].map(() => prepareDatabase(place, LIMITS, { store: 'store' })))

    expect(prepared.every(({ migratedFrom }) => migratedFrom === undefined)).toBe(true)
    expect(await version()).toBe(String(PRESENT))
  })

  test('are brought to a later version, each in a transaction of its own', async () => {
    await prepareDatabase(place, LIMITS, { store: 'store' })

    const failing = prepareDatabase(place, LIMITS, { store: 'store', migrations: [...MIGRATIONS, ADDED, REFUSED] })
    await expect(failing).rejects.toThrow('already exists')

    expect(await version()).toBe(String(ADDED.version))
    expect(await tables()).toContain('visit')
    expect(await tables()).not.toContain('visitor')
    const [first, second] = await Promise.all(
      [1, 2].map(() => prepareDatabase(place, LIMITS, { store: 'store', migrations: [...MIGRATIONS, ADDED] })),
    )
    expect([first, second]).toEqual([first, first])
  })

  test('go on with the numbers of a version in which these were a counter', async () => {
    const { schema } = place
    await prepareDatabase(place, LIMITS, { store: 'store', migrations: MIGRATIONS.filter((migration) => migration.version < 25) })
    await server().ask(`UPDATE ${schema}.counter SET value = 41 WHERE name = 'number'`)
    await server().ask(`INSERT INTO ${schema}.counter VALUES ('commits', 7)`)

    await prepareDatabase(place, LIMITS, { store: 'store' })

    const metadata = new PostgresMetadata({ place })
    expect(await currentNumber(metadata.read)).toBe(41)
    expect(await metadata.write(nextNumber)).toBe(42)
    expect(await server().ask(`SELECT name FROM ${schema}.counter WHERE name IN ('number', 'commits')`)).toEqual([])
    await metadata.close()
  })

  test('of a newer version and those of another storage are left as they are', async () => {
    await prepareDatabase(place, LIMITS, { store: 'store', migrations: [...MIGRATIONS, ADDED] })

    await expect(prepareDatabase(place, LIMITS, { store: 'store' })).rejects.toBeInstanceOf(PostgresUnusableError)
    await expect(prepareDatabase(place, LIMITS, { store: 'other' })).rejects.toThrow('another storage')

    expect(await version()).toBe(String(ADDED.version))
  })

  async function columnsIn(schema: string): Promise<readonly Column[]> {
    const rows = await server().ask<Column>(
      `SELECT table_name AS table, column_name AS name, CASE data_type WHEN 'bigint' THEN 'INTEGER' WHEN 'bytea' THEN 'BLOB' ELSE upper(data_type) END AS type,
         CASE is_nullable WHEN 'NO' THEN 1 ELSE 0 END AS "isNeeded" FROM information_schema.columns
       WHERE table_schema = '${schema}' AND table_name NOT IN ('written', 'process') AND data_type <> 'tsvector'`,
    )
    return sorted(rows)
  }

  /** Primary keys too: they have no name of ours. */
  async function indexesIn(schema: string): Promise<readonly string[]> {
    const rows = await server().ask<{ index: string }>(
      `SELECT CASE WHEN i.indisprimary OR i.indisunique THEN 'key of ' || t.relname ELSE c.relname END || ' (' || (
           SELECT string_agg(a.attname, ', ' ORDER BY k.place) FROM unnest(i.indkey) WITH ORDINALITY AS k (number, place)
           JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number) || ')' || CASE WHEN i.indpred IS NULL THEN '' ELSE ' in part' END AS index
       FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
       JOIN pg_namespace n ON n.oid = t.relnamespace
       WHERE n.nspname = '${schema}' AND t.relname NOT IN ('written', 'process') AND c.relname <> 'search_entry_by_trigram'`,
    )
    return rows.map(({ index }) => index).sort()
  }

  async function triggersIn(schema: string): Promise<readonly string[]> {
    const rows = await server().ask<{ name: string }>(
      `SELECT t.tgname AS name FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = '${schema}' AND NOT t.tgisinternal AND t.tgname <> 'event_numbered'`,
    )
    return rows.map(({ name }) => name).sort()
  }
})

async function sqliteFile(folder: TemporaryFolder): Promise<string> {
  const path = folder.join('metadata.db')
  const { metadata, locks, processId } = await openMetadata({
    ...{ path, runDirectory: folder.join('run'), storeId: async () => 'store' },
  })
  await metadata.close()
  locks.release(processId)
  return path
}

/** FTS5 is SQLite's own. */
const OURS = "name NOT LIKE 'sqlite_%' AND name NOT LIKE 'search_words%' AND name NOT LIKE 'search_trigrams%'"

function columnsOf(path: string): readonly Column[] {
  using file = new Database(path, { readonly: true })
  return sorted(
    file
      .query<Column, []>(
        `SELECT t.name AS "table", c.name AS name, c.type AS type, CASE WHEN c."notnull" = 1 OR c.pk > 0 THEN 1 ELSE 0 END AS isNeeded
         FROM (SELECT name FROM sqlite_schema WHERE type = 'table' AND ${OURS}) t JOIN pragma_table_info(t.name) c`,
      )
      .all(),
  )
}

function indexesOf(path: string): readonly string[] {
  using file = new Database(path, { readonly: true })
  const keys = file
    .query<{ index: string }, []>(
      `SELECT 'key of ' || t.name || ' (' || (SELECT group_concat(name, ', ') FROM (SELECT c.name AS name FROM pragma_table_info(t.name) c WHERE c.pk > 0 ORDER BY c.pk)) || ')' AS "index"
       FROM sqlite_schema t WHERE t.type = 'table' AND ${OURS}`,
    )
    .all()
  const others = file
    .query<{ index: string }, []>(
      `SELECT CASE WHEN l."unique" = 1 THEN 'key of ' || t.name ELSE l.name END || ' (' || (SELECT group_concat(i.name, ', ') FROM pragma_index_info(l.name) i) || ')'
         || CASE WHEN l.partial = 1 THEN ' in part' ELSE '' END AS "index"
       FROM (SELECT name FROM sqlite_schema WHERE type = 'table' AND ${OURS}) t JOIN pragma_index_list(t.name) l WHERE l.origin <> 'pk'`,
    )
    .all()
  return [...keys, ...others].map(({ index }) => index).sort()
}

function triggersOf(path: string): readonly string[] {
  using file = new Database(path, { readonly: true })
  const rows = file.query<{ name: string }, []>(`SELECT name FROM sqlite_schema WHERE type = 'trigger' AND ${OURS}`).all()
  return rows.map(({ name }) => name).sort()
}

function sorted(columns: readonly Column[]): readonly Column[] {
  return [...columns].sort((one, other) => (`${one.table}.${one.name}` < `${other.table}.${other.name}` ? -1 : 1))
}
