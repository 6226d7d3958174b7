import { Database } from 'bun:sqlite'
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { copyFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { poll } from '../../../test/support/processes.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { checkpoint, needsCheckpoint } from './checkpoint.ts'
import { MetadataKeeper } from './keeper.ts'
import { KEPT_LOG_BYTES, keepLogSpace, LogIndex } from './log-space.ts'
import { type OpenedMetadata, openMetadata } from './open.ts'

const TIMEOUT_MS = 90_000
const PAGE_BYTES = 4096
const ROOM_PAGES = 256

let folder: TemporaryFolder
let path: string
let opened: OpenedMetadata

beforeEach(async () => {
  folder = new TemporaryFolder()
  path = folder.join('metadata.db')
  opened = await openMetadata({ path, runDirectory: folder.join('run'), storeId: async () => 'store' })
})
afterEach(async () => {
  await opened.metadata.close()
  opened.locks.release(opened.processId)
  folder[Symbol.dispose]()
})

/** Makes the log longer than a checkpoint waits for. */
async function growLog(): Promise<void> {
  await opened.metadata.write((query) => query.run('CREATE TABLE IF NOT EXISTS filler (bytes BLOB)'))
  await opened.metadata.write((query) => query.run('INSERT INTO filler (bytes) VALUES (?)', new Uint8Array(5 * 1024 * 1024)))
}

function startKeeper(): { readonly replaced: Promise<Error>; readonly keeper: MetadataKeeper; readonly failures: unknown[] } {
  const { promise: replaced, resolve } = Promise.withResolvers<Error>()
  const failures: unknown[] = []
  const onFailure = (error: unknown) => failures.push(error)
  return { replaced, failures, keeper: new MetadataKeeper({ path, opened, onReplaced: resolve, onFailure }) }
}

test('a checkpoint is due when the log has grown, and folds it in while the database is in use', async () => {
  const log = new LogIndex(path)
  expect(needsCheckpoint(log)).toBe(false)
  await growLog()
  expect(needsCheckpoint(log)).toBe(true)

  checkpoint(path)

  expect(needsCheckpoint(log)).toBe(false)
  expect(await opened.metadata.read.get('SELECT length(bytes) AS length FROM filler')).toEqual({ length: 5 * 1024 * 1024 })
})

test(
  'the keeper folds the log in before it grows, and writes go on meanwhile',
  async () => {
    const { keeper, failures } = startKeeper()
    await growLog()

    const deadline = performance.now() + TIMEOUT_MS / 2
    let writes = 0
    const log = new LogIndex(path)
    while (needsCheckpoint(log)) {
      if (performance.now() > deadline) throw new Error('no checkpoint in time')
      await opened.metadata.write((query) => query.run("UPDATE counter SET value = value + 1 WHERE name = 'number'"))
      writes += 1
      await Bun.sleep(5)
    }
    await keeper.stop()

    expect(failures).toEqual([])
    expect(await opened.metadata.read.get("SELECT value FROM counter WHERE name = 'number'")).toEqual({ value: writes })
  },
  TIMEOUT_MS,
)

test('the thread of a checkpoint says why it could not open the database, and prints nothing', async () => {
  const program = `
    const worker = new Worker(${JSON.stringify(join(import.meta.dir, 'checkpoint-worker.ts'))})
    worker.onmessage = ({ data }) => { console.log(data); worker.terminate() }
    worker.postMessage(${JSON.stringify(folder.join('missing.db'))})`
  const child = Bun.spawn([process.execPath, '-e', program], { stdout: 'pipe', stderr: 'pipe' })

  expect(await new Response(child.stdout).text()).toBe('SQLiteError: unable to open database file\n')
  expect(await new Response(child.stderr).text()).toBe('')
})

test(
  'the log keeps its space: it has it from the start, is written over after each checkpoint, and gives back what it took beyond',
  async () => {
    const { keeper, failures } = startKeeper()
    const size = () => Bun.file(`${path}-wal`).size
    await poll('the log has its space', TIMEOUT_MS / 2, async () => size() === KEPT_LOG_BYTES || undefined)
    await keeper.stop()

    for (let round = 0; round < 3; round += 1) {
      await growLog()
      checkpoint(path)
      await opened.metadata.write((query) => query.run("UPDATE counter SET value = value + 1 WHERE name = 'number'"))
      expect(size()).toBe(KEPT_LOG_BYTES)
    }
    for (let round = 0; round < 2; round += 1) await growLog()
    expect(size()).toBeGreaterThan(KEPT_LOG_BYTES)
    // The thread of the checkpoint cuts it, and no transaction of a request.
    checkpoint(path)
    expect(size()).toBe(KEPT_LOG_BYTES)

    expect(failures).toEqual([])
    expect(await opened.metadata.read.get('SELECT count(*) AS count FROM filler')).toEqual({ count: 5 })
  },
  TIMEOUT_MS,
)

test('each checkpoint leaves free pages, which rows take before the database grows', async () => {
  const freePages = async () =>
    (await opened.metadata.read.get<{ pages: number }>('SELECT freelist_count AS pages FROM pragma_freelist_count()'))?.pages
  const take = async (name: string, pages: number) =>
    await opened.metadata.write((query) =>
      query.run('INSERT INTO property (name, value) VALUES (?, zeroblob(?))', name, pages * PAGE_BYTES),
    )
  checkpoint(path)
  const made = Bun.file(path).size
  expect(await freePages()).toBeGreaterThanOrEqual(ROOM_PAGES)

  await take('a third', 80)
  checkpoint(path)
  expect(Bun.file(path).size).toBe(made)
  expect(await freePages()).toBeLessThan(ROOM_PAGES)

  await take('more than half', 80)
  checkpoint(path)
  expect(Bun.file(path).size).toBeGreaterThan(made)
  expect(await freePages()).toBeGreaterThanOrEqual(ROOM_PAGES)
})

test('a log with space that was never written to is read after a kill as if it ended before that', async () => {
  await opened.metadata.write((query) => query.run("INSERT INTO repository (id, name) VALUES (1, 'a')"))
  expect(await keepLogSpace(path, opened.metadata, () => true)).toBe(true)
  await opened.metadata.write((query) => query.run("INSERT INTO repository (id, name) VALUES (2, 'b')"))

  const copy = folder.join('copy.db')
  for (const suffix of ['', '-wal']) await copyFile(path + suffix, copy + suffix)

  const killed = new Database(copy, { readwrite: true, strict: true })
  expect(killed.query('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
  expect(killed.query('SELECT name FROM repository ORDER BY id').all()).toEqual([{ name: 'a' }, { name: 'b' }])
  killed.close()
})

test.each([
  ['deleted', async () => await rm(path)],
  ['replaced', async () => await rename(await folder.file('other.db', 'another file'), path)],
])(
  'the keeper tells when the database was %s under the process',
  async (_, change) => {
    const { keeper, replaced } = startKeeper()

    await change()

    expect(await replaced).toMatchObject({ name: 'MetadataReplacedError' })
    await keeper.stop()
  },
  TIMEOUT_MS,
)
