import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { addAnnotations, makeVersion3Database } from '../../../test/support/version-3-database.ts'
import { prepareFile } from './database-file.ts'
import { MIGRATIONS } from './migrations.ts'

const PROGRAM = `${import.meta.dir}/../../../test/support/migration-killed.ts`
/** More than the engine keeps in memory, so that pages that were never committed are in its log. */
const LARGE = `{"a":"${'b'.repeat(4_000_000)}"}`
const [TO_6] = MIGRATIONS.filter(({ version }) => version === 6)

test.each(Array.from(TO_6?.statements ?? [], (_, statement) => statement))(
  'a kill before statement %i of the migration to version 6 leaves the old database whole, and the next start goes on',
  async (statement) => {
    using folder = new TemporaryFolder()
    const path = folder.join('metadata.db')
    const place = { path, isOwnPlace: true }
    makeVersion3Database(path, 'store')
    prepareFile(place, 'store', MIGRATIONS.slice(0, 2))
    addAnnotations(path, { large: LARGE })
    const before = contentOf(path)

    const killed = Bun.spawn([process.execPath, PROGRAM, path, folder.join('run'), String(statement), '6'], { stderr: 'inherit' })
    await killed.exited

    expect(killed.signalCode).toBe('SIGKILL')
    expect(contentOf(path)).toEqual(before)
    expect(prepareFile(place, 'store', MIGRATIONS)).toMatchObject({ setAside: undefined, migratedFrom: 5 })
    expect(rowsOf(path, 'SELECT sum(length(text)) AS bytes FROM annotation_piece')).toEqual([{ bytes: LARGE.length }])
  },
)

/** Tables and indexes as they were declared, and all rows. */
function contentOf(path: string) {
  const entries = rowsOf(path, 'SELECT type, name, sql FROM sqlite_master ORDER BY name') as { type: string; name: string }[]
  const tables = entries.filter(({ type }) => type === 'table')
  return { entries, rows: tables.map(({ name }) => rowsOf(path, `SELECT * FROM ${name}`)) }
}

function rowsOf(path: string, sql: string): unknown[] {
  const database = new Database(path, { readwrite: true, strict: true })
  try {
    return database.prepare(sql).all()
  } finally {
    database.close()
  }
}
