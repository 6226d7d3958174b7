import { describe, expect, test } from 'bun:test'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { digestOf } from '../../oci/digest.ts'
import { type ByteRange, type StorageDriver, storagePath, type UploadReader, type UploadState } from '../../storage/driver.ts'
import { openDisk } from '../../storage/filesystem/disk.ts'
import { FilesystemDriver } from '../../storage/filesystem/filesystem.ts'
import { MemoryDriver } from '../../storage/memory/memory.ts'
import type { StoredBlob } from '../content/blob-store.ts'
import { ArrivingBlob } from './arriving-blob.ts'

const TEXT = 'one fetch and many readers'
const BYTES = new TextEncoder().encode(TEXT)
const DIGEST = digestOf('sha256', BYTES)
const STORED: StoredBlob = { digest: DIGEST, size: BYTES.length, target: DIGEST }
const PLACE = storagePath('blob')
const WHOLE: ByteRange = { start: 0, end: BYTES.length }

/** A blob whose bytes are in a storage, as far as a test has written them there. */
async function arrivingIn(storage: MemoryDriver, readFrom: Pick<StorageDriver, 'openUpload'> = storage) {
  const writer = await storage.beginUpload()
  const blobs = {
    content: async (_: StoredBlob, range?: ByteRange) => {
      const content = await storage.content(PLACE, range)
      if (content === undefined) throw new Error('the blob is not in its place')
      return content
    },
  }
  const arriving = new ArrivingBlob({ digest: DIGEST, storage: readFrom, blobs })
  const write = async (from: number, to: number) => {
    await writer.write(BYTES.slice(from, to))
    arriving.arrive(to)
  }
  const place = async () => await storage.completeUpload(writer.state, PLACE, BYTES.length)
  return { arriving, write, place, file: writer.state }
}

async function textOf(parts: AsyncIterable<Uint8Array>): Promise<string> {
  return Buffer.concat(await Array.fromAsync(parts)).toString()
}

/** What a reader has had so far. */
function reader(parts: AsyncGenerator<Uint8Array>) {
  const has = { text: '', ended: false, failure: undefined as unknown }
  const reading = (async () => {
    for await (const bytes of parts) has.text += new TextDecoder().decode(bytes)
    has.ended = true
  })().catch((error: unknown) => {
    has.failure = error
  })
  return { has, reading }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

describe('a blob that arrives', () => {
  test('is read as far as it has come, but for its last byte until the digest is proven', async () => {
    const { arriving, write, file } = await arrivingIn(new MemoryDriver())
    const { has, reading } = reader(arriving.read(WHOLE))

    arriving.begin(file, BYTES.length)
    expect(await arriving.size).toBe(BYTES.length)
    await write(0, 9)
    await settled()
    expect(has.text).toBe('one fetch')
    await write(9, BYTES.length)
    await settled()
    expect([has.text, has.ended]).toEqual([TEXT.slice(0, -1), false])

    arriving.prove(BYTES.length)
    await reading
    expect(has).toEqual({ text: TEXT, ended: true, failure: undefined })
  })

  test('whose digest is wrong is never read to its end', async () => {
    const { arriving, write, file } = await arrivingIn(new MemoryDriver())
    const { has, reading } = reader(arriving.read(WHOLE))
    arriving.begin(file, BYTES.length)
    await write(0, BYTES.length)
    await settled()

    arriving.fail(new Error('other bytes'))
    await reading

    expect(has).toEqual({ text: TEXT.slice(0, -1), ended: false, failure: new Error('other bytes') })
    await expect(textOf(arriving.read({ start: 0, end: 1 }))).rejects.toThrow('other bytes')
  })

  test('that goes to its place while it is read is read on there', async () => {
    const { arriving, write, place, file } = await arrivingIn(new MemoryDriver())
    arriving.begin(file, BYTES.length)
    await write(0, BYTES.length)
    const parts = arriving.read(WHOLE)
    const first = await parts.next()
    arriving.prove(BYTES.length)
    await place()

    const rest = textOf(parts)
    await settled()
    arriving.end(STORED)

    expect(`${new TextDecoder().decode(first.value)}${await rest}`).toBe(TEXT)
    expect(await textOf(arriving.read({ start: 4, end: 9 }))).toBe('fetch')
  })

  test('that is shorter in its place than it was is an error, and no wait without end', async () => {
    const short = new ArrivingBlob({ digest: DIGEST, storage: new MemoryDriver(), blobs: { content: async () => new Blob([]) } })
    short.end(STORED)

    await expect(textOf(short.read(WHOLE))).rejects.toThrow('has lost bytes')
  })

  test('that goes to no place is read to its end from the file that has lost its name, also by a reader that only comes then', async () => {
    using folder = new TemporaryFolder()
    const storage = await FilesystemDriver.open(await openDisk(folder.path), folder.path)
    const blobs = { content: () => Promise.reject(new Error('no place')) }
    const passing = async <Begun>(read: (arriving: ArrivingBlob) => Promise<Begun>) => {
      const arriving = new ArrivingBlob({ digest: DIGEST, storage, blobs })
      const writer = await storage.beginUpload()
      arriving.begin(writer.state, BYTES.length)
      await writer.write(BYTES.slice())
      arriving.arrive(BYTES.length)
      const begun = await read(arriving)
      await arriving.pass(BYTES.length)
      await writer.close()
      await storage.abortUpload(writer.state)
      return { arriving, begun }
    }

    const read = await passing(async (arriving) => {
      const parts = arriving.read(WHOLE)
      return { first: new TextDecoder().decode((await parts.next()).value), parts }
    })
    const unread = await passing(async () => undefined)

    expect(read.begun.first + (await textOf(read.begun.parts))).toBe(TEXT)
    expect([await textOf(read.arriving.read(WHOLE)), await textOf(unread.arriving.read(WHOLE))]).toEqual([TEXT, TEXT])
    expect([await read.arriving.whole(), read.arriving.hasPassed]).toEqual([BYTES.length, true])
    await storage.close()
  })

  test('has no size before its end when none was declared, or none to keep a byte back of', async () => {
    const { arriving } = await arrivingIn(new MemoryDriver())
    const has: number[] = []
    void arriving.size.then((size) => has.push(size))

    arriving.begin('file' as UploadState, 0)
    await settled()
    expect(has).toEqual([])
    arriving.end({ ...STORED, size: 0 })
    await settled()

    expect(has).toEqual([0])
  })

  test('gives each of its readers a few bytes before any of them has a whole piece', async () => {
    using folder = new TemporaryFolder()
    const storage = await FilesystemDriver.open(await openDisk(folder.path), folder.path)
    const blobs = { content: () => Promise.reject(new Error('no place')) }
    const arriving = new ArrivingBlob({ digest: DIGEST, storage, blobs })
    const size = 1024 * 1024
    const writer = await storage.beginUpload()
    arriving.begin(writer.state, size)
    const taken: { readonly reader: number; readonly bytes: number }[] = []
    const readers = Array.from({ length: 8 }, async (_, reader) => {
      for await (const { length: bytes } of arriving.read({ start: 0, end: size })) taken.push({ reader, bytes })
    })

    await writer.write(new Uint8Array(size))
    arriving.arrive(size)
    arriving.prove(size)
    await Promise.all(readers)

    const first = taken.slice(0, readers.length)
    expect(new Set(first.map(({ reader }) => reader)).size).toBe(readers.length)
    expect(Math.max(...first.map(({ bytes }) => bytes))).toBeLessThan(16 * 1024)
    expect(taken.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(readers.length * size)
    await writer.close()
    await storage.close()
  })

  test('is read from its file once for readers that are equally far', async () => {
    const storage = new MemoryDriver()
    let reads = 0
    const counted = {
      openUpload: async (state: UploadState) => {
        const reader = await storage.openUpload(state)
        const read: UploadReader['read'] = async (...part) => {
          reads += 1
          return await reader?.read(...part)
        }
        return reader && { ...reader, read, size: () => reader.size(), close: () => reader.close() }
      },
    }
    const { arriving, write, file } = await arrivingIn(storage, counted)
    arriving.begin(file, BYTES.length)
    const readers = Array.from({ length: 64 }, () => reader(arriving.read(WHOLE)))

    await write(0, 10)
    await settled()
    await write(10, BYTES.length)
    await settled()

    expect(new Set(readers.map(({ has }) => has.text))).toEqual(new Set([TEXT.slice(0, -1)]))
    expect(reads).toBe(2)
    arriving.fail(new Error('enough'))
  })
})
