import { Database } from 'bun:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { cp, mkdir, readdir, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { A, digest } from '../../../test/support/metadata-contract.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { setLink, setManifestHeld } from '../changes.ts'
import { findRepository } from '../content.ts'
import { openScan } from '../scans.ts'
import { ForeignDatabaseError } from './database-file.ts'
import { LifeLocks } from './life-lock.ts'
import { type OpenedMetadata, openMetadata } from './open.ts'

let folder: TemporaryFolder
let path: string
let open: OpenedMetadata[]

beforeEach(() => {
  folder = new TemporaryFolder()
  path = folder.join('berth/metadata.db')
  open = []
})
afterEach(async () => {
  for (const opened of open) await close(opened)
  folder[Symbol.dispose]()
})

async function start({ store = 'store', file = path } = {}): Promise<OpenedMetadata> {
  const opened = await openMetadata({ path: file, runDirectory: folder.join('run'), storeId: async () => store, patienceMs: 0 })
  open.push(opened)
  return opened
}

/** What the end of a process leaves: files, no lock. */
async function close(opened: OpenedMetadata): Promise<void> {
  if (!open.includes(opened)) return
  open = open.filter((other) => other !== opened)
  await opened.metadata.close()
  opened.locks.release(opened.processId)
}

async function startAndClose(options: { store?: string } = {}): Promise<OpenedMetadata> {
  const opened = await start(options)
  await addRepository(opened)
  await close(opened)
  return opened
}

async function addRepository({ metadata }: OpenedMetadata): Promise<void> {
  await metadata.write((query) => query.run("INSERT INTO repository (name) VALUES ('a') ON CONFLICT DO NOTHING"))
}

async function fill({ metadata }: OpenedMetadata, prefix: string): Promise<void> {
  await metadata.write(async (query) => {
    for (let count = 0; count < 2000; count += 1)
      await query.run('INSERT INTO repository (name) VALUES (?)', `${prefix}-${count}`)
  })
}

async function knowsRepository({ metadata }: OpenedMetadata): Promise<boolean> {
  return (await findRepository(metadata.read, A)) !== undefined
}

describe('the metadata database', () => {
  test('is made where there is none, with every directory above', async () => {
    const opened = await start()

    expect(opened).toMatchObject({ epoch: 1, beganEpoch: true, setAside: undefined })
    expect(await knowsRepository(opened)).toBe(false)
  })

  test('is not taken from another program: the path that is wrong is named, and the file stays', async () => {
    await mkdir(dirname(path), { recursive: true })
    const theirs = new Database(path, { create: true })
    theirs.run('CREATE TABLE invoice (id INTEGER)')
    theirs.close()
    const before = await stat(path)

    const refused = await start().catch((error: Error) => error)

    expect(refused).toBeInstanceOf(ForeignDatabaseError)
    expect(String(refused)).toContain(`${path} is a database of another program; set metadata.path`)
    expect((await stat(path)).ino).toBe(before.ino)
  })

  test('is kept from one run to the next', async () => {
    await startAndClose()

    const second = await start()

    expect(second).toMatchObject({ epoch: 2, beganEpoch: true, setAside: undefined })
    expect(await knowsRepository(second)).toBe(true)
  })

  test('of another store is set aside', async () => {
    await startAndClose({ store: 'another' })

    const opened = await start()

    expect(opened.setAside).toContain('belongs to another storage')
    expect(await knowsRepository(opened)).toBe(false)
    expect((await readdir(folder.join('berth'))).filter((name) => name.includes('.set-aside-')).length).toBeGreaterThan(0)
  })

  test('that was copied from elsewhere is set aside, also under its own name', async () => {
    await startAndClose()
    await cp(path, folder.join('copy.db'))
    await rm(path)
    await rename(folder.join('copy.db'), path)

    const opened = await start()

    expect(opened.setAside).toContain('copied')
    expect(await knowsRepository(opened)).toBe(false)
  })

  test('that was moved with its store is still ours', async () => {
    await startAndClose()
    await rename(folder.join('berth'), folder.join('moved'))

    const opened = await start({ file: folder.join('moved/metadata.db') })

    expect(opened.setAside).toBeUndefined()
    expect(await knowsRepository(opened)).toBe(true)
  })

  test.each(['0', '99'])('of schema %s is set aside', async (schema) => {
    await startAndClose()
    const database = new Database(path)
    database.run("UPDATE property SET value = ? WHERE name = 'schema'", [schema])
    database.close()

    const opened = await start()

    expect(opened.setAside).toContain(`schema ${schema}`)
    expect(await knowsRepository(opened)).toBe(false)
  })

  test.each([
    ['garbage', 'x'.repeat(100_000)],
    ['half a header', 'SQLite format 3\u0000'],
  ])('that is %s is set aside', async (_, content) => {
    await folder.file('berth/metadata.db', content)

    const opened = await start()

    expect(opened.setAside).toContain('does not open')
    expect(await knowsRepository(opened)).toBe(false)
  })

  test('that was cut short is set aside', async () => {
    const first = await start()
    await fill(first, 'repository')
    await close(first)
    await truncate(path, 8192)

    const opened = await start()

    expect(opened.setAside).toBeDefined()
    expect(await opened.metadata.read.get('SELECT count(*) AS count FROM repository')).toEqual({ count: 0 })
  })

  test('is whole after the start also when its log was that of another state of the file', async () => {
    const first = await start()
    await fill(first, 'old')
    await close(first)
    const older = await Bun.file(path).bytes()
    const second = await start()
    await fill(second, 'new')
    const log = await Bun.file(`${path}-wal`).bytes()
    await close(second)
    await writeFile(path, older)
    await writeFile(`${path}-wal`, log)

    const { metadata } = await start()

    expect(await metadata.read.get('PRAGMA integrity_check')).toEqual({ integrity_check: 'ok' })
  })

  test('is not touched when the store cannot be read', async () => {
    await startAndClose()
    const storeId = async () => await Promise.reject(new Error('EIO'))

    await expect(openMetadata({ path, runDirectory: folder.join('run'), storeId })).rejects.toThrow('EIO')

    expect(await knowsRepository(await start())).toBe(true)
  })
})

describe('an epoch', () => {
  test('is joined while any process is alive, and begins when none is', async () => {
    const first = await start()
    const second = await start()
    expect([first, second].map(({ epoch, beganEpoch }) => ({ epoch, beganEpoch }))).toEqual([
      { epoch: 1, beganEpoch: true },
      { epoch: 1, beganEpoch: false },
    ])
    expect(second.processId).not.toBe(first.processId)

    await close(first)
    const third = await start()
    expect(third).toMatchObject({ epoch: 1, beganEpoch: false })

    await close(second)
    await close(third)
    expect(await start()).toMatchObject({ epoch: 2, beganEpoch: true })
  })

  test('has one beginning when many start at once', async () => {
    const opened = await Promise.all(Array.from({ length: 6 }, () => start()))

    expect(opened.map(({ epoch }) => epoch)).toEqual([1, 1, 1, 1, 1, 1])
    expect(opened.filter(({ beganEpoch }) => beganEpoch)).toHaveLength(1)
  })

  test('begins without open scans, and with nothing condemned, whose grace goes on from where it was', async () => {
    const first = await start()
    await first.metadata.write(async (query) => {
      await openScan(query, 's', 'p')
      await setLink(query, 1, digest('condemned'), digest('condemned'), { number: 1, epoch: 1 })
      await setManifestHeld(query, 1, digest('manifest'), null, { number: 1, epoch: 1 })
      for (const table of ['link', 'manifest']) await query.run(`UPDATE ${table} SET condemned_ms = 6, touched_ms = 5`)
    })
    await close(first)

    const { metadata } = await start()

    expect(await metadata.read.all('SELECT * FROM scan')).toEqual([])
    for (const table of ['link', 'manifest'])
      expect(await metadata.read.all(`SELECT condemned_ms AS condemned, touched_ms AS touched FROM ${table}`)).toEqual([
        { condemned: null, touched: 5 },
      ])
  })
})

describe('another living process', () => {
  const refused = expect.objectContaining({ name: 'StorageInUseError', message: expect.stringContaining('stop it first') })

  test('with another database is not joined', async () => {
    await start()

    await expect(start({ file: folder.join('elsewhere.db') })).rejects.toEqual(refused)

    expect(await Bun.file(folder.join('elsewhere.db')).exists()).toBe(false)
  })

  test('whose database was replaced under it is not joined, and the new file is left alone', async () => {
    await start()
    await folder.file('other.db', 'another file')
    await rename(folder.join('other.db'), path)

    await expect(start()).rejects.toEqual(refused)

    expect(await Bun.file(path).text()).toBe('another file')
  })

  test('of another version is not joined', async () => {
    const { identity, ...first } = await startAndClose()
    const locks = await LifeLocks.open(folder.join('run'))
    locks.hold('newer', { database: `${identity} schema 99`, path })

    await expect(start()).rejects.toEqual(refused)

    locks.release('newer')
    expect(first.beganEpoch).toBe(true)
    expect(await start()).toMatchObject({ beganEpoch: true, setAside: undefined })
  })
})

test('one that is abandoned is followed by a new one, whoever abandons it, and however often', async () => {
  const [one, other] = [await start(), await start()]
  await addRepository(one)

  one.abandon()
  for (const opened of [one, other]) await close(opened)
  const next = await start()
  other.abandon()

  expect(await knowsRepository(next)).toBe(false)
  expect(next.beganEpoch).toBe(true)
  await close(next)
  expect((await start()).setAside).toBeUndefined()
})
