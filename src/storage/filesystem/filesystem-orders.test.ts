import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { readdir, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { bytesOf, placementOf, writeTo } from '../../../test/support/storage-driver-contract.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { WatchedDisk } from '../../../test/support/watched-disk.ts'
import { storagePath } from '../driver.ts'
import { openDisk } from './disk.ts'
import { FilesystemDriver } from './filesystem.ts'

const directory = storagePath('docker/place')
const DISK_FULL = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })

let folder: TemporaryFolder
let disk: WatchedDisk
let driver: FilesystemDriver

async function openDriver(syncsNames: boolean): Promise<void> {
  disk = new WatchedDisk(await openDisk(folder.path), folder.path, { syncsNames })
  driver = await FilesystemDriver.open(disk, folder.path)
  await driver.place([{ directory: storagePath('docker'), files: [] }])
  disk.steps.length = 0
}

/** The steps that make or keep something, without the file's own open, write and close. */
function stepsThatMatter(): readonly string[] {
  return disk.steps.filter((step) => /^(rename|sync|mkdir|truncate|remove) /.test(step))
}

function failOn(pattern: RegExp, error: Error): void {
  disk.failing = (step) => {
    if (pattern.test(step)) throw error
  }
}

beforeEach(async () => {
  folder = new TemporaryFolder()
  await openDriver(true)
})
afterEach(async () => {
  disk.failing = () => undefined
  await driver.close()
  folder[Symbol.dispose]()
})

describe('the orders of the filesystem driver (docs/orders-of-writing.md)', () => {
  test('a new directory is written and synced aside, renamed to its place, and its name synced', async () => {
    await driver.place([placementOf(directory, { link: 'x' })])

    expect(stepsThatMatter()).toEqual([
      'mkdir berth/staging/*',
      'sync berth/staging/*/link',
      'rename berth/staging/* docker/place',
      'sync docker/',
    ])
  })

  test('where syncing a file does not keep its name, the directories down to it are synced before the rename', async () => {
    await openDriver(false)

    await driver.place([placementOf(directory, { 'index/a/link': 'x', 'current/link': 'x' })])

    const steps = stepsThatMatter()
    const renamed = steps.indexOf('rename berth/staging/* docker/place')
    const synced = steps.slice(0, renamed).filter((step) => step.endsWith('/'))
    expect(new Set(synced)).toEqual(
      new Set([
        'sync berth/staging/*/',
        'sync berth/staging/*/index/',
        'sync berth/staging/*/index/a/',
        'sync berth/staging/*/current/',
      ]),
    )
  })

  test('each placement is durable before the next becomes visible, and all are prepared before the first', async () => {
    const placements = ['one', 'two', 'three'].map((name) => placementOf(storagePath(directory, name), { link: name }))

    await driver.place(placements)

    const steps = stepsThatMatter().filter((step) => !step.startsWith('mkdir'))
    expect(steps.slice(0, 3)).toEqual(Array.from({ length: 3 }, () => 'sync berth/staging/*/link'))
    expect(steps.slice(-6)).toEqual([
      'rename berth/staging/* docker/place/one',
      'sync docker/place/',
      'rename berth/staging/* docker/place/two',
      'sync docker/place/',
      'rename berth/staging/* docker/place/three',
      'sync docker/place/',
    ])
  })

  test('over a directory that is there, its files become visible one by one in their order', async () => {
    await driver.place([placementOf(directory, { 'index/old/link': 'x', 'current/link': 'x' })])
    disk.steps.length = 0

    await driver.place([placementOf(directory, { 'index/new/link': 'y', 'current/link': 'y' })])

    expect(stepsThatMatter().filter((step) => /^rename|\/$/.test(step))).toEqual([
      'sync docker/',
      'sync docker/place/',
      'rename berth/staging/*/index/new docker/place/index/new',
      'sync docker/place/index/',
      'sync docker/place/',
      'rename berth/staging/*/current/link docker/place/current/link',
      'sync docker/place/current/',
    ])
    expect(await readdir(folder.join('berth/staging'))).toEqual([])
  })

  test('an upload is cut, synced and renamed with its directory', async () => {
    const writer = await driver.beginUpload()
    await writeTo(writer, 'content and more')
    disk.steps.length = 0

    await driver.completeUpload(writer.state, storagePath(directory, 'data'), 7)

    expect(stepsThatMatter()).toEqual([
      'truncate berth/uploads/*/data 7',
      'sync berth/uploads/*/data',
      'rename berth/uploads/* docker/place',
      'sync docker/',
    ])
  })

  test('a file that another push has placed is synced before the upload is dropped', async () => {
    await driver.place([placementOf(directory, { data: 'content' })])
    const writer = await driver.beginUpload()
    await writeTo(writer, 'content')
    disk.steps.length = 0

    await driver.completeUpload(writer.state, storagePath(directory, 'data'), 7)

    expect(stepsThatMatter()).toEqual([
      'sync docker/place/data',
      'sync docker/',
      'sync docker/place/',
      'rename berth/uploads/* berth/trash/*',
      'remove berth/trash/*',
    ])
  })

  test('what is removed leaves by one rename, which is synced; the rest is done later', async () => {
    await driver.place([placementOf(directory, { link: 'x', other: 'y' })])
    disk.steps.length = 0

    await driver.remove(directory)

    expect(stepsThatMatter().slice(0, 2)).toEqual(['rename docker/place berth/trash/*', 'sync docker/'])
    await driver.close()
    expect(await readdir(folder.join('berth/trash'))).toEqual([])
  })

  test('a file that is removed with its directory leaves by one rename of both, and the directory above all of them is synced once', async () => {
    const places = ['place', 'second', 'third'].map((name) => storagePath('docker', name))
    await driver.place(places.map((place) => placementOf(place, { link: 'x' })))
    disk.steps.length = 0

    await driver.removeOnlyFiles(places.map((place) => storagePath(place, 'link')))

    const renames = places.map((place) => `rename ${place} berth/trash/*`)
    expect(stepsThatMatter().slice(0, 3).sort()).toEqual(renames.sort())
    expect(stepsThatMatter()[3]).toBe('sync docker/')
  })

  test('what is removed takes no room any more when the storage says that it is freed', async () => {
    await driver.place([placementOf(directory, { link: 'x' })])
    await driver.removeOnlyFiles([storagePath(directory, 'link')])

    await driver.untilFreed()

    expect(await readdir(folder.join('berth/trash'))).toEqual([])
  })
})

describe('a disk that fails', () => {
  test.each([/^sync berth\/staging/, /^write berth\/staging/, /^create berth\/staging/, /^mkdir berth\/staging/])(
    'while something is prepared (%p) leaves nothing visible and nothing behind',
    async (pattern) => {
      failOn(pattern, new Error('EIO'))

      const placements = [placementOf(directory, { link: 'x' }), placementOf(storagePath('docker/other'), { link: 'x' })]
      await expect(driver.place(placements)).rejects.toThrow('EIO')

      expect(await driver.list(storagePath('docker'))).toEqual([])
      expect(await readdir(folder.join('berth/staging'))).toEqual([])
    },
  )

  test('at a later placement leaves the earlier ones, each whole', async () => {
    failOn(/^rename .* docker\/two/, new Error('EIO'))

    const placements = ['one', 'two', 'three'].map((name) => placementOf(storagePath('docker', name), { link: name }))
    await expect(driver.place(placements)).rejects.toThrow('EIO')

    expect(await driver.list(storagePath('docker'))).toEqual(['one'])
    expect(await readdir(folder.join('berth/staging'))).toEqual([])
  })

  test.each([/^sync docker\//, /^rename berth\/uploads/, /^sync berth\/uploads/])(
    'while an upload is placed (%p) is heard of, and the placing may be repeated',
    async (pattern) => {
      const writer = await driver.beginUpload()
      await writeTo(writer, 'content')
      const target = storagePath(directory, 'data')
      failOn(pattern, new Error('EIO'))
      await expect(driver.completeUpload(writer.state, target, 7)).rejects.toThrow('EIO')

      disk.failing = () => undefined
      await driver.completeUpload(writer.state, target, 7)

      expect(await driver.readSmall(target, 10)).toEqual(bytesOf('content'))
    },
  )

  test('at the sync of a removal is heard of, and a repetition is a success only when it is durable', async () => {
    await driver.place([placementOf(directory, { link: 'x' })])
    failOn(/^sync docker\//, new Error('EIO'))
    await expect(driver.remove(directory)).rejects.toThrow('EIO')
    await expect(driver.remove(directory)).rejects.toThrow('EIO')

    disk.failing = () => undefined
    await driver.remove(directory)

    expect(stepsThatMatter().at(-1)).toBe('sync docker/')
    expect(await driver.stat(directory)).toBeUndefined()
  })

  test('while the trash is emptied troubles nobody, and the leftovers go later', async () => {
    await driver.place([placementOf(directory, { link: 'x' })])
    failOn(/^remove berth\/trash/, new Error('EIO'))
    await driver.remove(directory)
    await driver.close()
    expect(await readdir(folder.join('berth/trash'))).toHaveLength(1)

    disk.failing = () => undefined
    await driver.removeLeftovers(0)

    expect(await readdir(folder.join('berth/trash'))).toEqual([])
  })

  test('to look is no proof of absence', async () => {
    const denied = Object.assign(new Error('EACCES'), { code: 'EACCES' })
    disk.stat = async () => await Promise.reject(denied)
    disk.list = async () => await Promise.reject(denied)

    await expect(driver.stat(directory)).rejects.toThrow('EACCES')
    await expect(driver.readSmall(directory, 1)).rejects.toThrow('EACCES')
    await expect(driver.list(directory)).rejects.toThrow('EACCES')
    failOn(/^rename/, denied)
    await expect(driver.remove(directory)).rejects.toThrow('EACCES')
  })

  test('to take an upload’s bytes is heard of, also at the close, which lets the file go', async () => {
    const writer = await driver.beginUpload()
    failOn(/^write/, DISK_FULL)

    await expect(writer.write(bytesOf('x'))).rejects.toThrow('ENOSPC')
    await expect(writer.close()).rejects.toThrow('ENOSPC')

    expect(disk.steps.at(-1)).toBe('close berth/uploads/*/data')
  })
})

describe('leftovers', () => {
  test('of processes that are gone are removed once nothing has touched them for long enough', async () => {
    const [old, young] = [folder.join('berth/staging/old'), folder.join('berth/trash/young')]
    for (const path of [old, young]) await folder.file(`${path.slice(folder.path.length + 1)}/link`, 'x')
    const twoHoursAgo = new Date(Date.now() - 2 * 3_600_000)
    await utimes(old, twoHoursAgo, twoHoursAgo)

    await driver.removeLeftovers(3_600_000)

    expect(await readdir(join(old, '..'))).toEqual([])
    expect(await readdir(join(young, '..'))).toEqual(['young'])
  })
})

test('files and directories may be read by whom the umask lets', async () => {
  await driver.place([placementOf(directory, { link: 'x' })])

  const umask = process.umask()
  expect((await stat(folder.join('docker/place'))).mode & 0o777).toBe(0o777 & ~umask)
  expect((await stat(folder.join('docker/place/link'))).mode & 0o777).toBe(0o666 & ~umask)
})
