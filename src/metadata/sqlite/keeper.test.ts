import { afterEach, beforeEach, expect, test } from 'bun:test'
import { rename, rm } from 'node:fs/promises'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { checkpoint, needsCheckpoint } from './checkpoint.ts'
import { MetadataKeeper } from './keeper.ts'
import { type OpenedMetadata, openMetadata } from './open.ts'

const TIMEOUT_MS = 20_000

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
  expect(needsCheckpoint(path)).toBe(false)
  await growLog()
  expect(needsCheckpoint(path)).toBe(true)

  checkpoint(path)

  expect(needsCheckpoint(path)).toBe(false)
  expect(Bun.file(`${path}-wal`).size).toBe(0)
  expect(await opened.metadata.read.get('SELECT length(bytes) AS length FROM filler')).toEqual({ length: 5 * 1024 * 1024 })
})

test(
  'the keeper folds the log in before it grows, and writes go on meanwhile',
  async () => {
    const { keeper, failures } = startKeeper()
    await growLog()

    const deadline = performance.now() + TIMEOUT_MS / 2
    let writes = 0
    while (needsCheckpoint(path)) {
      if (performance.now() > deadline) throw new Error('no checkpoint within ten seconds')
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
