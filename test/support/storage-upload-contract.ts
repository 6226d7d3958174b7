import { describe, expect, test } from 'bun:test'
import { storagePath, type UploadState } from '../../src/storage/driver.ts'
import { bytesOf, ContractStorage, type OpenedStorage, textOf, writeTo } from './storage-driver-contract.ts'

const MIB = 1024 * 1024

/** What every driver promises about uploads. */
export function describeStorageUploads(name: string, open: () => Promise<OpenedStorage>): void {
  describe(`${name}: uploads`, () => {
    const storage = new ContractStorage(open)
    const directory = storagePath('docker/blobs/aa')
    const target = storagePath(directory, 'data')

    test('count their bytes from the start and give them back from the start', async () => {
      const writer = await storage.driver.beginUpload()
      expect(writer.offset).toBe(0)

      await writer.write(bytesOf('hello '))
      await writer.write(bytesOf(''))
      await writer.write(bytesOf('world'))
      expect(writer.offset).toBe(11)
      await writer.close()

      expect(await textOf(await storage.driver.readUpload(writer.state, 11))).toBe('hello world')
      expect(await textOf(await storage.driver.readUpload(writer.state, 5))).toBe('hello')
      expect(await textOf(await storage.driver.readUpload(writer.state, 0))).toBe('')
      expect(await textOf(await storage.driver.readUpload(writer.state, 8, 5))).toBe(' wo')
      expect(await textOf(await storage.driver.readUpload(writer.state, 11, 11))).toBe('')
    })

    test('keep many chunks of any size in their order', async () => {
      const writer = await storage.driver.beginUpload()
      const expected = new Bun.CryptoHasher('sha256')
      for (const [index, size] of [1, 300_000, 5, 262_144, 262_143, 1, 700_000, 64, 0, 100_000].entries()) {
        const chunk = new Uint8Array(size).fill(index + 1)
        expected.update(chunk)
        await writer.write(chunk)
      }
      await writer.close()

      const read = new Bun.CryptoHasher('sha256')
      for await (const chunk of (await storage.driver.readUpload(writer.state, writer.offset)) ?? []) read.update(chunk)
      expect(read.digest('hex')).toBe(expected.digest('hex'))
    })

    test('are as long as what was written: more cannot be read', async () => {
      const state = await storage.upload('12345')

      expect(await storage.driver.readUpload(state, 6)).toBeUndefined()
      expect(await storage.driver.resumeUpload(state, 6)).toBeUndefined()
    })

    test('are read in several places at once, and on or not at all when they have ended', async () => {
      const writer = await storage.driver.beginUpload()
      await writer.write(bytesOf('hello world'))
      await writer.close()
      const reader = await storage.driver.openUpload(writer.state)
      expect([11, undefined]).toContain(await reader?.size())
      const read = async (start: number, end: number, isRecent: boolean) => {
        const bytes = await reader?.read({ start, end }, { isRecent })
        return bytes && Buffer.from(bytes).toString()
      }

      expect(await Promise.all([read(0, 5, true), read(6, 11, false), read(4, 7, true)])).toEqual(['hello', 'world', 'o w'])
      await storage.driver.completeUpload(writer.state, target, 11)

      expect(['world', undefined]).toContain(await read(6, 11, true))
      expect(['hello', undefined]).toContain(await read(0, 5, false))
      await reader?.close()
      expect(await storage.driver.openUpload(writer.state)).toBeUndefined()
    })

    test('that are read meanwhile show what was handed over at once, and become a file', async () => {
      const writer = await storage.driver.beginUpload(target, { isReadMeanwhile: true })
      await writer.write(bytesOf('hello'))
      const reader = await storage.driver.openUpload(writer.state)
      const read = async (start: number, end: number) =>
        Buffer.from((await reader?.read({ start, end }, { isRecent: true })) ?? [])

      expect((await read(0, 5)).toString()).toBe('hello')
      await writer.write(bytesOf(' world'))
      expect((await read(3, 8)).toString()).toBe('lo wo')
      await writer.close()
      await storage.driver.completeUpload(writer.state, target, 11)

      expect(await storage.textAt(target)).toBe('hello world')
      await reader?.close()
      expect(await storage.driver.listUploads()).toEqual([])
    })

    test('go on where they ended', async () => {
      const state = await storage.upload('one ')

      const writer = await storage.other.resumeUpload(state, 4)
      expect(writer?.offset).toBe(4)
      if (writer !== undefined) await writeTo(writer, 'two')

      expect(await textOf(await storage.driver.readUpload(state, 7))).toBe('one two')
    })

    test('go on before their end, and what lies beyond is cut off', async () => {
      const state = await storage.upload('one lost')

      const writer = await storage.driver.resumeUpload(state, 4)
      if (writer !== undefined) await writeTo(writer, 'x')

      expect(await textOf(await storage.driver.readUpload(state, 5))).toBe('one x')
      expect(await storage.driver.readUpload(state, 6)).toBeUndefined()
    })

    /** On an object store the bytes around such a place are in one part. */
    test('of any length go on, are read and become a file anywhere before their end', async () => {
      const [whole, offset] = [manyBytes(12 * MIB), 7 * MIB + 1]
      const states = await Promise.all([1, 2, 3].map(() => uploadOf(whole)))
      const [resumed, read, completed] = states

      const writer = resumed && (await storage.driver.resumeUpload(resumed, offset))
      if (writer !== undefined) await writeTo(writer, 'x')
      if (completed !== undefined) await storage.driver.completeUpload(completed, target, offset)

      const expected = whole.subarray(0, offset)
      const ofResumed = await bytesIn(resumed && storage.driver.readUpload(resumed, offset + 1))
      expect(ofResumed.equals(Buffer.concat([expected, bytesOf('x')]))).toBe(true)
      expect((await bytesIn(read && storage.driver.readUpload(read, offset))).equals(expected)).toBe(true)
      const content = await storage.driver.content(target)
      expect((await bytesIn(content instanceof Blob ? content.stream() : content)).equals(expected)).toBe(true)

      async function uploadOf(bytes: Uint8Array): Promise<UploadState> {
        const begun = await storage.driver.beginUpload()
        await begun.write(new Uint8Array(bytes))
        await begun.close()
        return begun.state
      }
    })

    test('may start over', async () => {
      const state = await storage.upload('all of it')

      const writer = await storage.driver.resumeUpload(state, 0)
      if (writer !== undefined) await writeTo(writer, 'new')

      expect(await textOf(await storage.driver.readUpload(state, 3))).toBe('new')
    })

    test('do not mix', async () => {
      const writers = await Promise.all(
        ['a', 'b', 'c'].map(async (text) => ({ text, writer: await storage.driver.beginUpload() })),
      )
      await Promise.all(writers.map(({ text, writer }) => writeTo(writer, text.repeat(1000), text.repeat(1000))))

      for (const { text, writer } of writers) {
        expect(await textOf(await storage.driver.readUpload(writer.state, 2000))).toBe(text.repeat(2000))
      }
    })

    test('are listed with the time of their last change until they end', async () => {
      const states = [await storage.upload('x'), await storage.upload()]

      const listed = await storage.other.listUploads()

      expect(listed.map(({ state }) => state).sort()).toEqual([...states].sort())
      for (const { changedAtMs } of listed) expect(Math.abs(changedAtMs - Date.now())).toBeLessThan(60_000)
      await Promise.all(states.map((state) => storage.driver.abortUpload(state)))
      expect(await storage.driver.listUploads()).toEqual([])
    })

    test('are gone when they are aborted, however often', async () => {
      const state = await storage.upload('x')

      await storage.driver.abortUpload(state)
      await storage.other.abortUpload(state)

      expect(await storage.driver.readUpload(state, 0)).toBeUndefined()
      expect(await storage.driver.resumeUpload(state, 0)).toBeUndefined()
      await expect(storage.driver.completeUpload(state, target, 1)).rejects.toMatchObject({ name: 'UploadGoneError' })
    })

    test('become a file at their place, and are uploads no more', async () => {
      const state = await storage.upload('content')

      await storage.driver.completeUpload(state, target, 7)

      expect(await storage.textAt(target)).toBe('content')
      expect(await storage.driver.list(directory)).toEqual(['data'])
      expect(await storage.driver.listUploads()).toEqual([])
      expect(await storage.driver.readUpload(state, 7)).toBeUndefined()
    })

    test('become a file of the size that was asked for, without what lies beyond', async () => {
      const state = await storage.upload('content and more')

      await storage.driver.completeUpload(state, target, 7)

      expect(await storage.textAt(target)).toBe('content')
    })

    test('of no bytes become an empty file', async () => {
      await storage.driver.completeUpload(await storage.upload(), target, 0)

      expect(await storage.driver.stat(target)).toMatchObject({ kind: 'file', size: 0 })
    })

    test('of which nothing is asked for become an empty file', async () => {
      await storage.driver.completeUpload(await storage.upload('content'), target, 0)

      expect(await storage.driver.stat(target)).toMatchObject({ kind: 'file', size: 0 })
    })

    test('are dropped where a file of their size is there already', async () => {
      await storage.place(directory, { data: 'present' })
      const state = await storage.upload('content')

      await storage.driver.completeUpload(state, target, 7)

      expect(await storage.textAt(target)).toBe('present')
      expect(await storage.driver.listUploads()).toEqual([])
    })

    test.each(['', 'short', 'longer than it should be'])('replace a file of another size: %j', async (damaged) => {
      await storage.place(directory, { data: damaged })

      await storage.driver.completeUpload(await storage.upload('content'), target, 7)

      expect(await storage.textAt(target)).toBe('content')
    })

    test('may be completed again, also when nobody knows whether they were', async () => {
      const state = await storage.upload('content')

      await storage.driver.completeUpload(state, target, 7)
      await storage.other.completeUpload(state, target, 7)

      expect(await storage.textAt(target)).toBe('content')
    })

    test('that are too short, or not there, are gone', async () => {
      const state = await storage.upload('short')

      const gone = expect.objectContaining({ name: 'UploadGoneError' })
      await expect(storage.driver.completeUpload(state, target, 7)).rejects.toEqual(gone)
      const unknown = state.replace(/[0-9a-f]{12}$/, '000000000000') as UploadState
      await expect(storage.driver.completeUpload(unknown, target, 7)).rejects.toEqual(gone)
      expect(await storage.driver.stat(target)).toBeUndefined()
    })

    test('whose place is known become a file there, and nothing where they are given up', async () => {
      const text = 'content'.repeat(1000)
      const [kept, dropped] = [await storage.driver.beginUpload(target), await storage.driver.beginUpload(target)]
      await writeTo(kept, text)
      await writeTo(dropped, text)
      expect(await storage.driver.stat(target)).toBeUndefined()

      await storage.driver.abortUpload(dropped.state)
      expect(await storage.driver.stat(target)).toBeUndefined()
      await storage.driver.completeUpload(kept.state, target, text.length)

      expect(await storage.textAt(target)).toBe(text)
      expect(await storage.driver.listUploads()).toEqual([])
    })

    test('of the same content may complete at once: the file is whole', async () => {
      const drivers = [storage.driver, storage.other]
      const states = await Promise.all(Array.from({ length: 8 }, () => storage.upload('content')))

      await Promise.all(states.map((state, index) => drivers[index % 2]?.completeUpload(state, target, 7)))

      expect(await storage.textAt(target)).toBe('content')
      expect(await storage.driver.listUploads()).toEqual([])
    })
  })
}

/** No two places in them look alike. */
function manyBytes(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32LE(at, at)
  return bytes
}

async function bytesIn(stream: Promise<ReadableStream<Uint8Array> | undefined> | ReadableStream<Uint8Array> | undefined) {
  return Buffer.concat(await Array.fromAsync((await stream) ?? []))
}
