import { describe, expect, test } from 'bun:test'
import { copyFile, rename, rm, utimes } from 'node:fs/promises'
import { TemporaryFolder } from '../../test/support/temporary-folder.ts'
import { ensureStoreId } from '../registry/handover/store-id.ts'
import { openDisk } from '../storage/filesystem/disk.ts'
import { FilesystemDriver } from '../storage/filesystem/filesystem.ts'
import { StoreSign } from './store-sign.ts'

describe('the sign of a store', () => {
  test('is unchanged, without another reading, as long as its file is the one that was read', async () => {
    await using store = await openStore()
    const before = store.sign.isUnchanged()

    const id = await store.sign.find()

    expect(id).toBe(store.id)
    expect([before, store.sign.isUnchanged()]).toEqual([false, true])
  })

  test('is not known to be unchanged while its directory is away', async () => {
    await using store = await openStore()
    await store.sign.find()

    await rename(store.root, `${store.root}-away`)

    expect(store.sign.isUnchanged()).toBe(false)
  })

  test('is not known to be unchanged when a like file is in its place, until that was read', async () => {
    await using store = await openStore()
    await store.sign.find()
    await copyFile(store.file, `${store.file}-copy`)
    await utimes(store.file, 0, 0)
    await store.sign.find()
    await utimes(`${store.file}-copy`, 0, 0)

    await rename(`${store.file}-copy`, store.file)

    expect(store.sign.isUnchanged()).toBe(false)
    expect(await store.sign.find()).toBe(store.id)
    expect(store.sign.isUnchanged()).toBe(true)
  })

  test('of another store is never unchanged, also when it was read', async () => {
    await using store = await openStore()
    await store.sign.find()
    await rm(store.file)
    const other = await ensureStoreId(store.objects)

    expect(await store.sign.find()).toBe(other)
    expect(store.sign.isUnchanged()).toBe(false)
  })

  test('is never known to be unchanged on a file server', async () => {
    await using store = await openStore({ isOnThisMachine: false })
    await store.sign.find()

    expect(store.sign.isUnchanged()).toBe(false)
  })
})

async function openStore({ isOnThisMachine = true } = {}) {
  const folder = new TemporaryFolder()
  const root = await folder.directory('data')
  const objects = await FilesystemDriver.open(await openDisk(root), root)
  const id = await ensureStoreId(objects)
  return {
    ...{ id, root, objects, file: `${root}/berth/v1/store` },
    sign: new StoreSign(root, { objects, isOnThisMachine }),
    [Symbol.asyncDispose]: async () => {
      await objects.close()
      folder[Symbol.dispose]()
    },
  }
}
