import { afterEach, beforeEach, expect, test } from 'bun:test'
import { BerthInProcess } from '../../../test/support/berth-in-process.ts'
import { RecordedLog } from '../../../test/support/recorded-log.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { ensureRepository } from '../../metadata/changes.ts'
import { findRepository } from '../../metadata/content.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { LOCAL_STORAGE, type StorageCapabilities, type StoragePath, storagePath } from '../../storage/driver.ts'
import { layout } from '../../storage/layout.ts'
import { MemoryDriver } from '../../storage/memory/memory.ts'
import { StorageFault } from '../../storage/storage-errors.ts'
import { EmptyRepositories } from './empty-repositories.ts'
import { Removal } from './removal.ts'

const [one, two] = [parseRepositoryName('team/one'), parseRepositoryName('team/two')]
const signal = new AbortController().signal

class Storage extends MemoryDriver {
  override readonly capabilities: StorageCapabilities
  /** What it cannot remove. */
  refuses = (_path: StoragePath) => false

  constructor(capabilities: Partial<StorageCapabilities>) {
    super()
    this.capabilities = { ...LOCAL_STORAGE, ...capabilities }
  }

  override async removeEmptyDirectories(paths: readonly StoragePath[]): Promise<number> {
    if (paths.some((path) => this.refuses(path))) throw new StorageFault({ cause: new Error('EACCES') })
    return await super.removeEmptyDirectories(paths)
  }
}

let folder: TemporaryFolder
let berth: BerthInProcess
let log: RecordedLog

beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  berth = await BerthInProcess.start(folder.join('data'))
  log = new RecordedLog()
})
afterEach(async () => {
  await berth[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

/** Two repositories in which nothing is, in this storage. Gives how many of them have gone. */
async function remove(storage: Storage): Promise<number> {
  const { metadata, epoch } = berth.opened
  for (const name of [one, two]) {
    await metadata.write(async (query) => {
      const id = await ensureRepository(query, name, epoch)
      await query.run('UPDATE repository SET scanned_epoch = ? WHERE id = ?', epoch, id)
    })
    const directories = [layout.layers(name), layout.revisions(name), layout.tags(name)]
    await storage.place(directories.map((directory) => ({ directory, files: [] })))
  }
  await storage.place([{ directory: storagePath(layout.repositories, 'other'), files: [] }])
  const { operations, records } = berth.registry
  const removal = new Removal({ storage, metadata, operations, records, events: undefined })
  return await new EmptyRepositories({ storage, metadata, removal, log, epoch }).remove(async () => true, signal)
}

async function rows(): Promise<readonly string[]> {
  const found = await Promise.all([one, two].map((name) => findRepository(berth.opened.metadata.read, name)))
  return [one, two].filter((_, at) => found[at] !== undefined)
}

test('they lose their directories, then their rows', async () => {
  const storage = new Storage({})

  expect(await remove(storage)).toBe(2)

  expect(await storage.list(layout.repositories)).toEqual(['other'])
  expect(await rows()).toEqual([])
})

test('where a directory that is made again is less durable than one that stayed, they keep both', async () => {
  const storage = new Storage({ removesEmptyDirectories: false })

  expect(await remove(storage)).toBe(0)

  expect(await storage.list(layout.repository(one))).toEqual(['_layers', '_manifests'])
  expect(await rows()).toEqual([one, two])
})

test('in a bucket, which has no directories, they lose their rows, and nothing is claimed', async () => {
  const storage = new Storage({ keepsEmptyDirectories: false })
  storage.refuses = () => true

  expect(await remove(storage)).toBe(2)

  expect(await rows()).toEqual([])
  expect(log.lines).toEqual([])
})

test('one that cannot be removed stays, with a line in the log, and the others go', async () => {
  const storage = new Storage({})
  storage.refuses = (path) => path === layout.layers(one)

  expect(await remove(storage)).toBe(1)

  expect(await rows()).toEqual([one])
  expect(log.lines).toMatchObject([{ message: 'an empty repository cannot be removed', fields: { repository: one } }])
  expect(await findRepository(berth.opened.metadata.read, one)).toMatchObject({ state: 'bare' })
})
