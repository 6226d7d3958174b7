import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { type ListedFile, type StoragePath, storagePath } from '../../src/storage/driver.ts'
import { ContractStorage, expectNothing, type OpenedStorage } from './storage-driver-contract.ts'

/** What every driver promises about lists of all the files below a directory. */
export function describeStorageLists(name: string, open: () => Promise<OpenedStorage>): void {
  describe(`${name}: listed files`, () => {
    const storage = new ContractStorage(open)
    const directory = storagePath('docker/place')

    async function listed(path: StoragePath): Promise<readonly ListedFile[]> {
      const files: ListedFile[] = []
      let next: string | undefined
      do {
        const page = await storage.driver.listFiles(path, next)
        files.push(...page.files)
        next = page.next
      } while (next !== undefined)
      return files
    }

    test('are those at any depth below, with their sizes, and no others', async () => {
      await storage.place(directory, { link: 'one', 'a/b/c/link': 'three', 'a/link': '' })
      await storage.place(storagePath('docker/placed'), { link: 'beside' })

      const files = (await listed(directory)).map(({ path, size }) => [path.slice(directory.length + 1), size])

      expect(files.sort()).toEqual([
        ['a/b/c/link', 5],
        ['a/link', 0],
        ['link', 3],
      ])
      expect(await listed(storagePath('docker/none'))).toEqual([])
      await expectNothing(listed(storagePath(directory, 'link')))
    })

    test('have the time of their last change, to the second', async () => {
      await storage.place(directory, { link: 'x', other: 'x' })

      for (const { path, changedAtMs } of await listed(directory)) {
        const entry = await storage.driver.stat(path)
        expect(Math.abs(changedAtMs - (entry?.changedAtMs ?? 0))).toBeLessThanOrEqual(1000)
      }
    })

    test('have the MD5 of their bytes, or none that a reader could take for it', async () => {
      await storage.place(directory, { link: 'what it says' })

      const [file] = await listed(directory)

      expect([md5Of('what it says'), undefined]).toContain(file?.md5)
      await storage.place(directory, { link: 'another text' })
      const [changed] = await listed(directory)
      expect([md5Of('another text'), undefined]).toContain(changed?.md5)
    })

    test('come page by page, each once, those of one directory together and with names in order', async () => {
      const names = ['a', 'a-b', 'a.b', 'ab', 'a0', 'b']
      const directories = names.flatMap((below) => [storagePath(directory, below, '_x'), storagePath(directory, below, 'a/_x')])
      const files = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`f${String(index).padStart(3, '0')}`, 'x']))
      for (const below of directories) await storage.place(below, files)

      const paths = (await listed(directory)).map(({ path }) => String(path))

      expect(paths.toSorted()).toEqual(
        directories.flatMap((below) => Object.keys(files).map((file) => `${below}/${file}`)).sort(),
      )
      for (const below of directories) {
        const first = paths.findIndex((path) => path.startsWith(`${below}/`))
        expect(paths.slice(first, first + 100)).toEqual(Object.keys(files).map((file) => `${below}/${file}`))
      }
      expect((await storage.driver.listFiles(directory)).next).toBeDefined()
    })
  })
}

function md5Of(text: string): string {
  return createHash('md5').update(text).digest('hex')
}
