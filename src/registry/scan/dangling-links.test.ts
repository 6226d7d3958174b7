import { afterEach, beforeEach, expect, test } from 'bun:test'
import { RestartableRegistry } from '../../../test/support/restartable-registry.ts'
import { placementOf } from '../../../test/support/storage-driver-contract.ts'
import { ensureRepository, setLink } from '../../metadata/changes.ts'
import { nextNumber } from '../../metadata/query.ts'
import { type Digest, digestOf } from '../../oci/digest.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { type StoragePath, storagePath } from '../../storage/driver.ts'
import { LINK_FILE, layout } from '../../storage/layout.ts'
import { MemoryDriver } from '../../storage/memory/memory.ts'
import { StorageView } from '../heal/storage-view.ts'
import { DanglingLinks } from './dangling-links.ts'

/** Files in memory that count what is asked for by name: a request each on an object store. */
class CountingStore extends MemoryDriver {
  readonly asked: string[] = []

  override async readSmall(path: StoragePath, maxBytes: number): Promise<Uint8Array | undefined> {
    this.asked.push(path)
    return await super.readSmall(path, maxBytes)
  }

  override async stat(path: StoragePath) {
    this.asked.push(path)
    return await super.stat(path)
  }
}

const repository = parseRepositoryName('a/b')
const whole = Array.from({ length: 20 }, (_, index) => digestOf('sha256', new TextEncoder().encode(`layer ${index}`)))
const dangling = digestOf('sha256', new TextEncoder().encode('never came'))

let berth: RestartableRegistry
let storage: CountingStore

beforeEach(async () => {
  berth = await RestartableRegistry.start({ storage: 'inmemory' }, { database: 'kept', maintenance: 'off' })
  storage = new CountingStore()
  for (const digest of whole) await storage.place([placementOf(layout.blobDirectory(digest), { data: 'bytes' })])
  for (const digest of [...whole, dangling]) {
    await storage.place([placementOf(layout.layer(repository, digest), { [LINK_FILE]: digest })])
  }
})
afterEach(async () => {
  await berth[Symbol.asyncDispose]()
})

test('links that the scan has just seen with their bytes are not asked for again', async () => {
  await berth.metadata.write(async (query) => {
    const stamp = { number: await nextNumber(query), epoch: 1 }
    const id = await ensureRepository(query, repository, 1)
    for (const digest of whole) await setLink(query, id, digest, digest, stamp)
    await setLink(query, id, dangling, null, stamp)
  })

  await removeDangling()

  expect(await linked()).toEqual([...whole].sort())
  // Whether it is there, what it says, what became of that; the last two once more when nobody else can change them.
  expect(storage.asked).toHaveLength(5)
})

test('links of which nothing is known are looked at', async () => {
  await removeDangling()

  expect(await linked()).toEqual([...whole].sort())
})

async function removeDangling(): Promise<void> {
  const view = new StorageView(storage, berth.metadata.read)
  const { operations } = berth.registry
  await new DanglingLinks({ storage, metadata: berth.metadata, view, operations }).removeFrom(repository)
}

async function linked(): Promise<readonly Digest[]> {
  const names = await storage.list(storagePath(layout.layers(repository), 'sha256'))
  return names.map((hex) => `sha256:${hex}` as Digest)
}
