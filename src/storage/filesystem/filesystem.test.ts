import { expect, test } from 'bun:test'
import { stat } from 'node:fs/promises'
import { describeStorageFiles } from '../../../test/support/storage-driver-contract.ts'
import { describeStorageLists } from '../../../test/support/storage-list-contract.ts'
import { describeStoragePlace } from '../../../test/support/storage-place-contract.ts'
import { describeStorageUploads } from '../../../test/support/storage-upload-contract.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { WatchedDisk } from '../../../test/support/watched-disk.ts'
import { storagePath } from '../driver.ts'
import { openDisk } from './disk.ts'
import { FilesystemDriver } from './filesystem.ts'

/** Two drivers on one folder see each other as two processes do. */
function openOn(disks: { readonly syncsNames: boolean }) {
  return async () => {
    const folder = new TemporaryFolder()
    const openDriver = async () => {
      const disk = new WatchedDisk(await openDisk(folder.path), folder.path, disks)
      return await FilesystemDriver.open(disk, folder.path)
    }
    return { driver: await openDriver(), other: await openDriver(), cleanUp: () => folder[Symbol.dispose]() }
  }
}

for (const syncsNames of [true, false]) {
  const name = syncsNames ? 'the filesystem driver' : 'the filesystem driver where names must be synced'
  describeStorageFiles(name, openOn({ syncsNames }))
  describeStorageLists(name, openOn({ syncsNames }))
  describeStoragePlace(name, openOn({ syncsNames }))
  describeStorageUploads(name, openOn({ syncsNames }))
}

test('a secret file can be read by its owner alone, also where it replaces one that others could read', async () => {
  const { driver, cleanUp } = await openOn({ syncsNames: true })()
  const directory = storagePath('berth/v1/access')
  const place = async (name: string, secret: boolean) =>
    await driver.place([{ directory, files: [{ name, bytes: new Uint8Array(1), secret }] }])

  await place('open', false)
  await place('replaced', false)
  await place('replaced', true)

  expect(await modeOf('open')).toBe(0o666 & ~process.umask())
  expect(await modeOf('replaced')).toBe(0o600)
  cleanUp()

  async function modeOf(name: string): Promise<number> {
    const path = ((await driver.content(storagePath(directory, name))) as Bun.BunFile).name ?? ''
    return (await stat(path)).mode & 0o777
  }
})
