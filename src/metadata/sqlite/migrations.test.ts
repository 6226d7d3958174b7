import { Database } from 'bun:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import {
  AFTER,
  BETWEEN,
  cutBefore,
  LAST_STEP_OF_FIRST,
  STEPS,
  statementsToCut,
  steppedMigrations,
} from '../../../test/support/stepped-migrations.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { addAnnotations, makeVersion3Database } from '../../../test/support/version-3-database.ts'
import { prepareFile } from './database-file.ts'
import { MIGRATIONS, type Migration } from './migrations.ts'
import { type OpenedMetadata, openMetadata } from './open.ts'
import { BASE_VERSION } from './schema.ts'

const MADE_BY = `${import.meta.dir}/../../../test/support/migration-killed.ts`
const VERSIONS = Array.from({ length: MIGRATIONS.length + 1 }, (_, index) => BASE_VERSION + index)

let folder: TemporaryFolder
let path: string
let opened: OpenedMetadata[]

beforeEach(() => {
  folder = new TemporaryFolder()
  path = folder.join('metadata.db')
  opened = []
})
afterEach(async () => {
  for (const database of opened) await end(database)
  folder[Symbol.dispose]()
})

async function start(migrations?: readonly Migration[]): Promise<OpenedMetadata> {
  const options = { path, runDirectory: folder.join('run'), storeId: async () => 'store', patienceMs: 0 }
  const database = await openMetadata(migrations === undefined ? options : { ...options, migrations })
  opened.push(database)
  return database
}

async function end(database: OpenedMetadata): Promise<void> {
  opened = opened.filter((other) => other !== database)
  await database.metadata.close()
  database.locks.release(database.processId)
}

/** Everything in the file: version, names and columns of tables and indexes, and rows. */
function contentOf(file = path) {
  const database = new Database(file, { readwrite: true, strict: true })
  const names = database.query<{ name: string }, []>("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").all()
  const rows = Object.fromEntries(names.map(({ name }) => [name, database.query(`SELECT * FROM ${name}`).all()]))
  const { value } = database.query<{ value: string }, []>("SELECT value FROM property WHERE name = 'schema'").get() ?? {}
  database.close()
  return { version: Number(value), rows, tables: tablesOf(file) }
}

/** The columns of each table and index; those of a table in any order, for a new one stands at the end. */
function tablesOf(file: string) {
  const database = new Database(file, { readwrite: true, strict: true })
  const entries = database.query<{ type: string; name: string }, []>('SELECT type, name FROM sqlite_master ORDER BY name').all()
  const shown = entries.map(({ type, name }) => {
    const about = type === 'table' ? 'table_xinfo' : 'index_xinfo'
    const columns = database.query<Record<string, unknown>, []>(`PRAGMA ${about}(${name})`).all()
    const lines = columns.map(({ cid: _, ...column }) => JSON.stringify(column))
    return { name, columns: type === 'table' ? lines.sort() : lines }
  })
  database.close()
  return shown
}

/** Makes a database of an older version, or brings one to it. */
function prepare(migrations: readonly Migration[]): void {
  prepareFile({ path, isOwnPlace: true }, 'store', migrations)
}

async function expectOpenUploads({ metadata }: OpenedMetadata): Promise<void> {
  expect(await metadata.read.all('SELECT id, repository, algorithm, byte_offset, digest, state, writer FROM upload')).toEqual([
    {
      id: 'begun',
      repository: 'a',
      algorithm: 'sha256',
      byte_offset: 5,
      digest: 'sha256:04',
      state: 'berth/uploads/begun',
      writer: 'a request',
    },
    { id: 'new', repository: 'b', algorithm: 'sha512', byte_offset: 0, digest: null, state: null, writer: null },
  ])
  expect(await metadata.read.all('SELECT state, part_size, multipart_key, multipart_id, pieces FROM object_upload')).toEqual([
    { state: 'object', part_size: 5242880, multipart_key: 'a key', multipart_id: 'an id', pieces: '[]' },
  ])
  expect(await metadata.read.all('SELECT state, number, etag FROM object_part')).toHaveLength(2)
}

describe('the migrations', () => {
  test('have the versions that follow the first one, without a gap', () => {
    expect([BASE_VERSION, ...MIGRATIONS.map(({ version }) => version)]).toEqual(VERSIONS)
  })

  test('begin at version 3, with the tables that it had', async () => {
    prepare([])
    makeVersion3Database(folder.join('three.db'), 'store')

    expect(contentOf().version).toBe(3)
    expect(tablesOf(path)).toEqual(tablesOf(folder.join('three.db')))
  })
})

describe('a database of an older version', () => {
  test.each(VERSIONS)('%i opens with its open uploads and the tables of a new one', async (version) => {
    makeVersion3Database(path, 'store')
    prepare(MIGRATIONS.filter((migration) => migration.version <= version))
    expect(contentOf().version).toBe(version)

    const database = await start()
    expect(database).toMatchObject({ setAside: undefined, migratedFrom: version < (VERSIONS.at(-1) ?? 0) ? version : undefined })
    await expectOpenUploads(database)
    await end(database)
    const { tables } = contentOf()
    path = folder.join('new.db')
    await end(await start())
    expect(tables).toEqual(tablesOf(path))
  })

  test.each(VERSIONS.filter((version) => version < 6))(
    '%i has its large annotations beside their manifest afterwards, whole, and content of held manifests alone',
    async (version) => {
      const texts = { small: `{"a":"${'ü'.repeat(30_000)}"}`, large: `{"a":"${'ü'.repeat(350_000)}"}` }
      makeVersion3Database(path, 'store')
      prepare(MIGRATIONS.filter((migration) => migration.version <= version))
      addAnnotations(path, texts)

      const database = await start()

      const { read } = database.metadata
      const contents =
        'SELECT digest, octet_length(annotations) AS bytes, annotation_bytes AS beside FROM manifest_content ORDER BY 1'
      expect(await read.all(contents)).toEqual([
        { digest: 'large', bytes: null, beside: Buffer.byteLength(texts.large) },
        { digest: 'sha256:02', bytes: null, beside: null },
        { digest: 'small', bytes: Buffer.byteLength(texts.small), beside: null },
      ])
      const pieces = await read.all<{ text: Uint8Array }>(
        "SELECT text FROM annotation_piece WHERE digest = 'large' ORDER BY number",
      )
      expect(pieces.length).toBeGreaterThan(1)
      expect(Buffer.concat(pieces.map(({ text }) => text)).toString()).toBe(texts.large)
      await expectOpenUploads(database)
    },
  )

  test('3 opens after two more migrations with its open uploads, and keeps its identity and its content', async () => {
    makeVersion3Database(path, 'store')

    const database = await start(steppedMigrations())

    expect(database).toMatchObject({ setAside: undefined, migratedFrom: 3, epoch: 5, beganEpoch: true })
    await expectOpenUploads(database)
    expect(await database.metadata.read.all('SELECT started_by AS by FROM upload')).toEqual([
      { by: 'unknown' },
      { by: 'unknown' },
    ])
    expect(await database.metadata.read.get("SELECT digest FROM tag WHERE name = 'v1'")).toEqual({ digest: 'sha256:02' })
    expect(contentOf().version).toBe(AFTER)
  })

  test('is migrated once', async () => {
    makeVersion3Database(path, 'store')
    await end(await start(steppedMigrations()))

    expect(await start(steppedMigrations())).toMatchObject({ setAside: undefined, migratedFrom: undefined })
  })

  test('of another storage is set aside, not migrated', async () => {
    makeVersion3Database(path, 'another store')

    const database = await start(steppedMigrations())

    expect(database.setAside).toContain('belongs to another storage')
    expect(await database.metadata.read.all('SELECT id FROM upload')).toEqual([])
  })

  test('without a table that its version has is set aside', async () => {
    makeVersion3Database(path, 'store')
    const broken = new Database(path)
    broken.run('DROP TABLE upload')
    broken.close()

    const database = await start(steppedMigrations())

    expect(database.setAside).toContain('no such table: upload')
    expect(database.migratedFrom).toBeUndefined()
    expect(await database.metadata.read.all('SELECT id FROM upload')).toEqual([])
  })

  test('that is in use by a living process is not migrated', async () => {
    makeVersion3Database(path, 'store')
    await start()

    await expect(start(steppedMigrations())).rejects.toMatchObject({ name: 'StorageInUseError' })

    expect(contentOf().version).toBe(VERSIONS.at(-1) ?? 0)
  })
})

describe('each migration that there is', () => {
  test.each(statementsToCut(MIGRATIONS))(
    'to version %i, cut before its statement %i, leaves the old database whole, and the next start goes on',
    async (version, step) => {
      makeVersion3Database(path, 'store')
      prepare(MIGRATIONS.filter((migration) => migration.version < version))
      if (version === 6) addAnnotations(path, { large: `{"a":"${'b'.repeat(300_000)}"}` })
      const { tables, rows } = contentOf()

      await expect(
        start(MIGRATIONS.map((migration) => (migration.version === version ? cutBefore(migration, step) : migration))),
      ).rejects.toThrow('EIO')

      expect(contentOf()).toEqual({ version: version - 1, tables, rows })
      const database = await start()
      expect(database).toMatchObject({ setAside: undefined, migratedFrom: version - 1 })
      await expectOpenUploads(database)
    },
  )
})

describe('a migration that is cut', () => {
  /** What the file may hold: as before the migrations, after the first, after both. */
  async function expectWhole(file: string, step: number): Promise<void> {
    const shown = contentOf(file)
    const whole = folder.join(`whole-${step}.db`)
    makeVersion3Database(whole, 'store')
    const isBetween = step > LAST_STEP_OF_FIRST
    if (isBetween || MIGRATIONS.length > 0) {
      const run = folder.join(`run-${step}`)
      const migrations = steppedMigrations().filter(({ version }) => version < BETWEEN || (isBetween && version === BETWEEN))
      const database = await openMetadata({ path: whole, runDirectory: run, storeId: async () => 'store', migrations })
      await database.metadata.close()
      database.locks.release(database.processId)
    }
    expect(shown.version).toBe(isBetween ? BETWEEN : BETWEEN - 1)
    expect(shown.tables).toEqual(tablesOf(whole))
    expect(shown.rows.upload).toEqual(contentOf(whole).rows.upload)
  }

  test.each(Array.from({ length: STEPS }, (_, step) => step))(
    'by an error before step %i leaves the old or the new database, and the next start goes on',
    async (step) => {
      makeVersion3Database(path, 'store')
      const failing = steppedMigrations((at) => {
        if (at === step) throw new Error('EIO')
      })

      await expect(start(failing)).rejects.toThrow('EIO')

      await expectWhole(path, step)
      const database = await start(steppedMigrations())
      expect(database.setAside).toBeUndefined()
      await expectOpenUploads(database)
    },
  )

  test.each(Array.from({ length: STEPS }, (_, step) => step))(
    'by kill -9 before step %i leaves the old or the new database, and the next start goes on',
    async (step) => {
      makeVersion3Database(path, 'store')

      const killed = Bun.spawn([process.execPath, MADE_BY, path, folder.join('run'), String(step)], { stderr: 'inherit' })
      await killed.exited
      expect(killed.signalCode).toBe('SIGKILL')

      await expectWhole(path, step)
      const database = await start(steppedMigrations())
      expect(database.setAside).toBeUndefined()
      await expectOpenUploads(database)
    },
  )

  test('by a full disk leaves the old database, and the start says so', async () => {
    makeVersion3Database(path, 'store')
    const large: Migration = {
      version: BETWEEN,
      statements: [
        'PRAGMA max_page_count = 1',
        'CREATE TABLE large (text TEXT)',
        'INSERT INTO large VALUES (hex(zeroblob(1000000)))',
      ],
    }

    await expect(start([...MIGRATIONS, large])).rejects.toMatchObject({ code: 'SQLITE_FULL' })

    expect(contentOf().version).toBe(BETWEEN - 1)
    await expectOpenUploads(await start(steppedMigrations()))
  })
})
