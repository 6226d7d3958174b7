import { describe, expect, test } from 'bun:test'
import { type StorageDriver, storagePath } from '../../src/storage/driver.ts'
import { bytesOf, ContractStorage, type OpenedStorage, placementOf, textOf, writeTo } from './storage-driver-contract.ts'

/** What every driver promises about small files that become visible. */
export function describeStoragePlace(name: string, open: () => Promise<OpenedStorage>): void {
  describe(`${name}: place`, () => {
    const storage = new ContractStorage(open)
    const directory = storagePath('docker/repositories/place')

    test('makes a directory with all its files, and every directory above', async () => {
      await storage.place(directory, { link: 'one', 'index/sha256/aa/link': 'two', 'current/link': 'three' })

      expect(await storage.driver.list(directory)).toEqual(['current', 'index', 'link'])
      expect(await storage.textAt(storagePath(directory, 'link'))).toBe('one')
      expect(await storage.textAt(storagePath(directory, 'index/sha256/aa/link'))).toBe('two')
      expect(await storage.textAt(storagePath(directory, 'current/link'))).toBe('three')
    })

    test('replaces the files that are there and leaves the others', async () => {
      await storage.place(directory, { link: 'old', other: 'stays', 'current/link': 'old', 'index/a/link': 'stays' })

      await storage.place(directory, { link: 'new', 'index/b/link': 'new', 'current/link': 'new' })

      expect(await storage.textAt(storagePath(directory, 'link'))).toBe('new')
      expect(await storage.textAt(storagePath(directory, 'other'))).toBe('stays')
      expect(await storage.textAt(storagePath(directory, 'current/link'))).toBe('new')
      expect(await storage.driver.list(storagePath(directory, 'index'))).toEqual(['a', 'b'])
    })

    test('adds files that share a directory to one that is there', async () => {
      await storage.place(directory, { link: 'old' })

      await storage.place(directory, { 'shared/one': '1', between: '2', 'shared/two': '3', 'shared/deep/three': '4' })

      expect(await storage.driver.list(storagePath(directory, 'shared'))).toEqual(['deep', 'one', 'two'])
      expect(await storage.textAt(storagePath(directory, 'shared/deep/three'))).toBe('4')
      expect(await storage.textAt(storagePath(directory, 'link'))).toBe('old')
    })

    test('takes several directories at once', async () => {
      const directories = ['a', 'b/c', 'b/d'].map((below) => storagePath(directory, below))

      await storage.driver.place(directories.map((below) => placementOf(below, { link: below })))

      for (const below of directories) expect(await storage.textAt(storagePath(below, 'link'))).toBe(below)
    })

    test('without files makes an empty directory, where there are any, and leaves one that has files', async () => {
      await storage.place(storagePath(directory, 'full'), { link: 'stays' })

      await storage.place(storagePath(directory, 'empty/deeper'), {})
      await storage.place(storagePath(directory, 'full'), {})

      if (storage.driver.capabilities.keepsEmptyDirectories) {
        expect(await storage.driver.stat(storagePath(directory, 'empty/deeper'))).toMatchObject({ kind: 'directory' })
      }
      expect(await storage.driver.list(storagePath(directory, 'empty/deeper'))).toEqual([])
      expect(await storage.textAt(storagePath(directory, 'full/link'))).toBe('stays')
    })

    test('stands beside a removal of empty directories, which takes them in their order up to the first that holds something', async () => {
      if (!storage.driver.capabilities.keepsEmptyDirectories) return
      await storage.place(storagePath(directory, 'one/deep'), {})
      await storage.place(storagePath(directory, 'two/deep'), { link: 'stays' })
      const paths = ['one/deep', 'none/deep', 'one', 'two/deep', 'two'].map((name) => storagePath(directory, name))

      expect(await storage.driver.removeEmptyDirectories(paths)).toBe(3)
      expect(await storage.other.removeEmptyDirectories(paths)).toBe(3)

      expect(await storage.driver.list(directory)).toEqual(['two'])
      expect(await storage.textAt(storagePath(directory, 'two/deep/link'))).toBe('stays')
    })

    test('makes again what was removed as empty, also by another process', async () => {
      const [deep, beside] = [storagePath(directory, 'a/deep/link-of'), storagePath(directory, 'a/beside')]
      const place = async (driver: StorageDriver, text: string) => {
        await driver.place([placementOf(beside, {}), placementOf(deep, { link: text })], { anew: storagePath(directory, 'a') })
      }
      for (const driver of [storage.driver, storage.other]) await place(driver, 'first')
      await storage.driver.removeOnlyFiles([storagePath(deep, 'link')])
      const paths = ['a/deep', 'a/beside', 'a', ''].map((name) =>
        storagePath(...directory.split('/'), ...name.split('/').filter(Boolean)),
      )
      await storage.driver.removeEmptyDirectories(paths)

      await place(storage.other, 'second')

      expect(await storage.textAt(storagePath(deep, 'link'))).toBe('second')
      if (storage.driver.capabilities.keepsEmptyDirectories)
        expect(await storage.driver.stat(beside)).toMatchObject({ kind: 'directory' })
    })

    test('fills a directory that is there and empty', async () => {
      await storage.place(directory, {})

      await storage.place(directory, { link: 'text', 'deep/link': 'text' })

      expect(await storage.driver.list(directory)).toEqual(['deep', 'link'])
    })

    test('may be repeated, and of nothing is nothing', async () => {
      for (let time = 0; time < 3; time += 1) await storage.place(directory, { link: 'same', 'deep/link': 'same' })
      await storage.driver.place([])

      expect(await storage.textAt(storagePath(directory, 'link'))).toBe('same')
      expect(await storage.textAt(storagePath(directory, 'deep/link'))).toBe('same')
      expect(await storage.driver.list(storagePath('docker/repositories'))).toEqual(['place'])
    })

    test('keeps what it was given, whatever the caller does to the bytes afterwards', async () => {
      const bytes = bytesOf('before')
      await storage.driver.place([{ directory, files: [{ name: 'link', bytes }] }])

      bytes.fill(0)

      expect(await storage.textAt(storagePath(directory, 'link'))).toBe('before')
    })

    test('may run many times at once, also for one directory: each file is one of the wholes', async () => {
      const texts = Array.from({ length: 16 }, (_, index) => `${index}`.repeat(1 + index * 50))
      const drivers = [storage.driver, storage.other]

      await Promise.all(
        texts.flatMap((text, index) => [
          drivers[index % 2]?.place([placementOf(directory, { 'current/link': text, [`index/${index}/link`]: text })]),
          drivers[index % 2]?.place([placementOf(storagePath(directory, `own-${index}`), { link: text })]),
        ]),
      )

      expect(texts).toContain((await storage.textAt(storagePath(directory, 'current/link'))) ?? '')
      expect(await storage.driver.list(storagePath(directory, 'index'))).toHaveLength(texts.length)
      for (const [index, text] of texts.entries()) {
        expect(await storage.textAt(storagePath(directory, `own-${index}/link`))).toBe(text)
      }
    })

    test('does not change what a reader has already opened', async () => {
      await storage.place(directory, { link: 'a'.repeat(1000) })
      const reader = (await new Response(await storage.driver.content(storagePath(directory, 'link'))).body)?.getReader()
      const first = await reader?.read()

      await storage.place(directory, { link: 'b'.repeat(10) })

      expect(new TextDecoder().decode(first?.value)).toBe('a'.repeat(1000))
      await reader?.cancel()
      expect(await textOf(storage.driver.content(storagePath(directory, 'link')))).toBe('b'.repeat(10))
    })

    test('stands beside uploads, which nobody sees', async () => {
      const before = await storage.visible()

      const writer = await storage.driver.beginUpload()
      await writeTo(writer, 'not yet')

      expect(await storage.visible()).toEqual(before)
    })

    test('what is moved is at its new path, in place of a file there, and gone from the old one', async () => {
      const [from, to] = [storagePath(directory, 'link'), storagePath('berth/v1/aside/file')]
      await storage.place(directory, { link: 'one' })
      await storage.driver.move(from, to)
      await storage.place(directory, { link: 'two' })

      await storage.driver.move(from, to)

      expect(await storage.driver.stat(from)).toBeUndefined()
      expect(await storage.textAt(to)).toBe('two')
      expect(await textOf(storage.driver.content(to, undefined, 'storage'))).toBe('two')
    })

    test('to move what is not there changes nothing', async () => {
      await storage.place(storagePath('berth/v1/aside'), { file: 'there' })

      await storage.driver.move(storagePath(directory, 'link'), storagePath('berth/v1/aside/file'))

      expect(await storage.textAt(storagePath('berth/v1/aside/file'))).toBe('there')
    })
  })
}
