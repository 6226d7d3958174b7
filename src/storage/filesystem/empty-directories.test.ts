import { afterEach, beforeEach, expect, test } from 'bun:test'
import { readdir, rm } from 'node:fs/promises'
import { placementOf } from '../../../test/support/storage-driver-contract.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { WatchedDisk } from '../../../test/support/watched-disk.ts'
import { storagePath } from '../driver.ts'
import { openDisk } from './disk.ts'
import { FilesystemDriver } from './filesystem.ts'

/** Directories in which nothing is: removed, and made again where something is placed. */

const directory = storagePath('docker/place')

let folder: TemporaryFolder
let disk: WatchedDisk
let driver: FilesystemDriver

beforeEach(async () => {
  folder = new TemporaryFolder()
  disk = new WatchedDisk(await openDisk(folder.path), folder.path, { syncsNames: true })
  driver = await FilesystemDriver.open(disk, folder.path)
  await driver.place([{ directory: storagePath('docker'), files: [] }])
})
afterEach(async () => {
  disk.failing = () => undefined
  await driver.close()
  folder[Symbol.dispose]()
})

const [beside, deep] = [storagePath('docker/place/beside'), storagePath('docker/place/deep')]
const placements = [placementOf(beside, {}), placementOf(storagePath(deep, 'aa'), { link: 'x' })]

test('empty directories are removed one by one, and the directory that is left is synced once', async () => {
  await driver.place([placementOf(beside, {}), placementOf(deep, {})])
  disk.steps.length = 0

  expect(await driver.removeEmptyDirectories([beside, deep, directory])).toBe(3)

  expect(disk.steps).toEqual([beside, deep, directory].map((path) => `rmdir ${path}`).concat('sync docker/'))
})

test('empty directories that another process has removed are made again before the file that is placed beside them is seen', async () => {
  await driver.place(placements)
  await rm(folder.join('docker/place'), { recursive: true })
  disk.steps.length = 0

  await driver.place(placements)

  const made = disk.steps.filter((step) => /^(mkdir|rename)/.test(step) && !step.startsWith('mkdir berth'))
  expect(made.slice(-4)).toEqual([
    ...[directory, beside, deep].map((path) => `mkdir ${path}`),
    `rename berth/staging/* ${deep}/aa`,
  ])
})

test('empty directories below one in which some may be missing are all looked at again', async () => {
  await driver.place(placements)
  await rm(folder.join(beside), { recursive: true })

  await driver.place([placements[0] ?? placementOf(beside, {})])
  expect(await driver.stat(beside)).toBeUndefined()
  await driver.place([placements[0] ?? placementOf(beside, {})], { anew: directory })

  expect(await driver.stat(beside)).toMatchObject({ kind: 'directory' })
})

test('empty directories that go missing again and again end in the error of the disk', async () => {
  await driver.place([placementOf(deep, {})])
  disk.failing = (step) => {
    if (/^rename berth\/staging.*place/.test(step)) throw Object.assign(new Error('ENOENT'), { code: 'ENOENT' })
  }

  await expect(driver.place(placements)).rejects.toThrow('ENOENT')

  expect(await readdir(folder.join('berth/staging'))).toEqual([])
})
