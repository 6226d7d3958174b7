import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import {
  type StorageDriver,
  type StoragePath,
  storagePath,
  type UploadState,
  type UploadWriter,
} from '../../src/storage/driver.ts'
import { StorageFault } from '../../src/storage/storage-errors.ts'

/** A driver over an empty storage. The contract closes what it opens. */
export interface OpenedStorage {
  readonly driver: StorageDriver
  /** Another driver on the same storage, as a second process has it; undefined where nobody else can see the storage. */
  readonly other: StorageDriver | undefined
  readonly cleanUp: () => void
}

/** One contract at work: the storage under test and the few things that every test does with it. */
export class ContractStorage {
  #opened: OpenedStorage | undefined

  constructor(open: () => Promise<OpenedStorage>) {
    beforeEach(async () => {
      this.#opened = await open()
    })
    afterEach(async () => {
      await this.#opened?.driver.close()
      await this.#opened?.other?.close()
      this.#opened?.cleanUp()
    })
  }

  get driver(): StorageDriver {
    if (this.#opened === undefined) throw new Error('no test is running')
    return this.#opened.driver
  }

  /** As a second process sees the storage; where there can be none, the same driver. */
  get other(): StorageDriver {
    return this.#opened?.other ?? this.driver
  }

  /** Places one directory; the text of each file by its name. */
  async place(directory: StoragePath, texts: Readonly<Record<string, string>>): Promise<void> {
    await this.driver.place([placementOf(directory, texts)])
  }

  async textAt(path: StoragePath): Promise<string | undefined> {
    const bytes = await this.driver.readSmall(path, 1024 * 1024)
    return bytes === undefined ? undefined : new TextDecoder().decode(bytes)
  }

  async upload(...texts: readonly string[]): Promise<UploadState> {
    const writer = await this.driver.beginUpload()
    await writeTo(writer, ...texts)
    return writer.state
  }

  /** Everything that a registry could see. */
  async visible(): Promise<readonly string[]> {
    return await this.driver.list(storagePath('docker'))
  }
}

export function placementOf(directory: StoragePath, texts: Readonly<Record<string, string>>) {
  return { directory, files: Object.entries(texts).map(([name, text]) => ({ name, bytes: bytesOf(text) })) }
}

export async function writeTo(writer: UploadWriter, ...texts: readonly string[]): Promise<void> {
  for (const text of texts) await writer.write(bytesOf(text))
  await writer.close()
}

export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text)
}

export async function textOf(
  content: Promise<Blob | ReadableStream<Uint8Array> | undefined> | ReadableStream<Uint8Array> | undefined,
): Promise<string | undefined> {
  const body = await content
  return body === undefined ? undefined : await new Response(body).text()
}

/** What every driver promises about files and directories. */
export function describeStorageFiles(name: string, open: () => Promise<OpenedStorage>): void {
  describe(`${name}: files`, () => {
    const storage = new ContractStorage(open)
    const directory = storagePath('docker/place')

    test('what is not there is absent, and no error', async () => {
      expect(await storage.driver.stat(storagePath('docker/none'))).toBeUndefined()
      expect(await storage.driver.readSmall(storagePath('docker/none'), 10)).toBeUndefined()
      expect(await storage.driver.list(storagePath('docker/none'))).toEqual([])
    })

    test('what lies below a file is absent, or a fault where a file keeps a directory from being there', async () => {
      await storage.place(directory, { link: 'text' })

      const below = storagePath(directory, 'link/deeper')
      await expectNothing(storage.driver.stat(below))
      await expectNothing(storage.driver.readSmall(below, 10))
      await expectNothing(storage.driver.list(storagePath(directory, 'link')))
    })

    test('a file has a size and a time, a directory is one', async () => {
      await storage.place(directory, { link: 'twelve bytes' })

      const file = await storage.driver.stat(storagePath(directory, 'link'))
      expect(file).toMatchObject({ kind: 'file', size: 12 })
      expect(Math.abs((file?.changedAtMs ?? 0) - Date.now())).toBeLessThan(60_000)
      expect(await storage.driver.stat(directory)).toMatchObject({ kind: 'directory', size: 0 })
    })

    test('a small file is read up to the limit and refused above it', async () => {
      await storage.place(directory, { link: '12345', empty: '' })

      expect(await storage.driver.readSmall(storagePath(directory, 'link'), 5)).toEqual(bytesOf('12345'))
      expect(await storage.driver.readSmall(storagePath(directory, 'empty'), 0)).toEqual(bytesOf(''))
      await expect(storage.driver.readSmall(storagePath(directory, 'link'), 4)).rejects.toMatchObject({
        name: 'FileTooLargeError',
      })
    })

    test('a directory is no small file', async () => {
      await storage.place(directory, { 'deep/link': 'x' })

      expect(await storage.driver.readSmall(directory, 10)).toBeUndefined()
      expect(await storage.driver.readSmall(storagePath(directory, 'deep'), 10)).toBeUndefined()
    })

    test('content is the whole file, or the part that was asked for', async () => {
      await storage.place(directory, { data: '0123456789', empty: '' })
      const data = storagePath(directory, 'data')

      expect(await textOf(storage.driver.content(data))).toBe('0123456789')
      expect(await textOf(storage.driver.content(data, { start: 0, end: 10 }))).toBe('0123456789')
      expect(await textOf(storage.driver.content(data, { start: 0, end: 1 }))).toBe('0')
      expect(await textOf(storage.driver.content(data, { start: 3, end: 7 }))).toBe('3456')
      expect(await textOf(storage.driver.content(data, { start: 9, end: 10 }))).toBe('9')
      expect(await textOf(storage.driver.content(storagePath(directory, 'empty')))).toBe('')
    })

    test('a list has the names of one directory, files and directories, in byte order', async () => {
      const names = ['b', 'a', 'B', '_x', '.y', 'a-b', 'a.b', 'a0', 'Z', '10', '9']
      await storage.place(directory, Object.fromEntries(names.map((listed) => [listed, 'x'])))
      await storage.place(storagePath(directory, 'aa/deeper'), { link: 'x' })

      const inBytes = [...names, 'aa'].sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)))
      expect(await storage.driver.list(directory)).toEqual(inBytes)
    })

    test('space is unlimited, or has a reserve within bounds', async () => {
      const space = await storage.driver.space()

      if (space === undefined) return
      expect(space.freeBytes).toBeGreaterThanOrEqual(0)
      expect(space.reserveBytes).toBeGreaterThanOrEqual(16 * 1024 * 1024)
      expect(space.reserveBytes).toBeLessThanOrEqual(1024 * 1024 * 1024)
    })

    test('removing leftovers touches neither content nor uploads', async () => {
      await storage.place(directory, { link: 'text' })
      const state = await storage.upload('half')

      await storage.driver.removeLeftovers(0)

      expect(await storage.textAt(storagePath(directory, 'link'))).toBe('text')
      expect(await textOf(await storage.driver.readUpload(state, 4))).toBe('half')
    })
  })

  describe(`${name}: remove`, () => {
    const storage = new ContractStorage(open)
    const directory = storagePath('docker/place')

    test('takes a file, or a directory with everything in it, and nothing else', async () => {
      await storage.place(directory, { one: '1', two: '2' })
      await storage.place(storagePath('docker/placed'), { link: 'stays' })

      await storage.driver.remove(storagePath(directory, 'one'))
      expect(await storage.driver.list(directory)).toEqual(['two'])

      await storage.driver.remove(directory)
      expect(await storage.driver.stat(directory)).toBeUndefined()
      expect(await storage.driver.stat(storagePath(directory, 'two'))).toBeUndefined()
      expect(await storage.driver.list(storagePath('docker/placed'))).toEqual(['link'])
      // SeaweedFS lists a directory for a while longer than its last file.
      if (storage.driver.capabilities.keepsEmptyDirectories) expect(await storage.visible()).toEqual(['placed'])
    })

    test('takes the file that makes a directory visible, and everything beside it', async () => {
      await storage.place(directory, { 'index/a/link': 'x', 'current/link': 'x' })

      await storage.driver.remove(directory, 'current/link')

      expect(await storage.driver.stat(storagePath(directory, 'current/link'))).toBeUndefined()
      expect(await storage.driver.stat(storagePath(directory, 'index/a/link'))).toBeUndefined()
    })

    test('takes a file that lies alone in its directory, and the directory with it', async () => {
      const alone = storagePath(directory, 'alone')
      await storage.place(alone, { link: 'x' })
      await storage.place(storagePath(directory, 'beside'), { link: 'stays' })

      await storage.driver.removeOnlyFiles([storagePath(alone, 'link')])

      expect(await storage.driver.stat(storagePath(alone, 'link'))).toBeUndefined()
      expect(await storage.textAt(storagePath(directory, 'beside/link'))).toBe('stays')
      // SeaweedFS lists a directory for a while longer than its last file.
      if (storage.driver.capabilities.keepsEmptyDirectories) expect(await storage.driver.list(directory)).toEqual(['beside'])
    })

    test('of a file alone in its directory may be repeated, and does not stand in the way of the next one', async () => {
      const alone = storagePath(directory, 'alone')
      await storage.driver.removeOnlyFiles([storagePath(alone, 'link')])
      await storage.place(alone, { link: 'first' })

      await Promise.all([storage.driver, storage.other].map((driver) => driver.removeOnlyFiles([storagePath(alone, 'link')])))
      expect(await storage.textAt(storagePath(alone, 'link'))).toBeUndefined()

      await storage.place(alone, { link: 'second' })
      expect(await storage.textAt(storagePath(alone, 'link'))).toBe('second')
    })

    test('is a success when there is nothing', async () => {
      await storage.driver.remove(storagePath('docker/none'))
      await storage.driver.remove(storagePath('docker/none/deeper'))
      await storage.place(directory, { link: 'x' })
      await expectNothing(storage.driver.remove(storagePath(directory, 'link/deeper')))

      expect(await storage.textAt(storagePath(directory, 'link'))).toBe('x')
    })

    test('keeps the directory above where there are directories, empty or not', async () => {
      await storage.place(storagePath(directory, 'tag'), { link: 'x' })

      await storage.driver.remove(storagePath(directory, 'tag'))

      expect(await storage.driver.stat(storagePath(directory, 'tag/link'))).toBeUndefined()
      if (!storage.driver.capabilities.keepsEmptyDirectories) return
      expect(await storage.driver.stat(directory)).toMatchObject({ kind: 'directory' })
      expect(await storage.driver.list(directory)).toEqual([])
    })

    test('may happen twice at once', async () => {
      await storage.place(directory, { link: 'x' })

      await Promise.all([storage.driver.remove(directory), storage.other.remove(directory)])

      expect(await storage.driver.stat(directory)).toBeUndefined()
    })

    test('does not stand in the way of what is placed later, also by another process', async () => {
      const deep = storagePath(directory, 'a/b/c')
      await storage.place(deep, { link: 'first' })

      await storage.driver.remove(directory)
      await storage.place(deep, { link: 'second' })
      expect(await storage.textAt(storagePath(deep, 'link'))).toBe('second')

      await storage.other.remove(directory)
      await storage.place(deep, { link: 'third' })
      expect(await storage.textAt(storagePath(deep, 'link'))).toBe('third')
    })
  })
}

/** Where a file keeps a directory from being there, a storage of directories may say that it could not look. */
export async function expectNothing(look: Promise<unknown>): Promise<void> {
  const found = await look.catch((error: unknown) => error)
  if (!(found instanceof StorageFault)) expect(found ?? []).toEqual([])
}
