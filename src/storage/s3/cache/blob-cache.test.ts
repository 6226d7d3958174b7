import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { readdirSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { TemporaryFolder } from '../../../../test/support/temporary-folder.ts'
import { type Digest, digestOf } from '../../../oci/digest.ts'
import { BlobCache } from './blob-cache.ts'
import { CacheSpace } from './cache-space.ts'

const KIB = 1024
let folder: TemporaryFolder
let failures: unknown[]

beforeEach(() => {
  folder = new TemporaryFolder()
  failures = []
})
afterEach(() => folder[Symbol.dispose]())

/** As each process of a Berth has one. */
function openCache(maxBytes = 1000 * KIB, directory = folder.join('cache')): BlobCache {
  return new BlobCache({ space: new CacheSpace({ directory, maxBytes }), onFailure: (error) => failures.push(error) })
}

interface TestBlob {
  readonly digest: Digest
  readonly bytes: Uint8Array
}

function blobOf(seed: number, size = 100 * KIB): TestBlob {
  const bytes = new Uint8Array(size).fill(seed)
  return { digest: digestOf('sha256', bytes), bytes }
}

function streamOf(bytes: Uint8Array, chunk = 30 * KIB): ReadableStream<Uint8Array> {
  let at = 0
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(bytes.slice(at, at + chunk))
      at += chunk
      if (at >= bytes.length) controller.close()
    },
  })
}

async function pull(cache: BlobCache, { digest, bytes }: TestBlob, sent = bytes): Promise<Uint8Array> {
  const received = await new Response(cache.keep(digest, bytes.length, streamOf(sent))).bytes()
  await cache.close()
  return received
}

async function find(cache: BlobCache, { digest, bytes }: TestBlob, range?: { start: number; end: number }) {
  const stream = await cache.find(digest, range, async ({ start, end }) => streamOf(bytes.slice(start, end)))
  return stream && (await new Response(stream).bytes())
}

function filesIn(directory = folder.join('cache')): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

/** What becomes whole at this moment is counted by its next look. */
function bytesIn(): number {
  return filesIn().reduce((sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0)
}

describe('a copy of a blob', () => {
  test('is there once the blob was pulled whole, for every process and after a restart, in parts as well', async () => {
    const blob = blobOf(1)
    const cache = openCache()

    expect(await find(cache, blob)).toBeUndefined()
    expect(await pull(cache, blob)).toEqual(blob.bytes)

    expect(await find(cache, blob)).toEqual(blob.bytes)
    expect(await find(openCache(), blob, { start: 5, end: 99 * KIB })).toEqual(blob.bytes.slice(5, 99 * KIB))
    expect(failures).toEqual([])
  })

  test.each([
    ['other bytes came than the digest says', (bytes: Uint8Array) => bytes.with(7, 255)],
    ['fewer came', (bytes: Uint8Array) => bytes.slice(1)],
  ])('is not kept when %s', async (_, change) => {
    const blob = blobOf(1)
    const cache = openCache()

    await pull(cache, blob, change(blob.bytes))

    expect(await find(cache, blob)).toBeUndefined()
    expect(filesIn()).toEqual([])
  })

  test('is not kept when the client goes away, or the store breaks off', async () => {
    const blob = blobOf(1)
    const cache = openCache()
    const broken = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        if (controller.desiredSize === 1) controller.enqueue(blob.bytes.slice(0, 10))
        controller.error(new Error('the store has gone'))
      },
    })

    const reader = cache.keep(blob.digest, blob.bytes.length, streamOf(blob.bytes)).getReader()
    await reader.read()
    await reader.cancel()
    await cache.close()
    await expect(new Response(cache.keep(blob.digest, blob.bytes.length, broken)).bytes()).rejects.toThrow()
    await cache.close()

    expect(await find(cache, blob)).toBeUndefined()
    expect(filesIn()).toEqual([])
  })

  test('that is shorter than it was is none, and goes; another pull makes it anew', async () => {
    const blob = blobOf(1)
    const cache = openCache()
    await pull(cache, blob)
    const [path = ''] = filesIn()
    truncateSync(path, 5)

    expect(await find(cache, blob)).toBeUndefined()
    expect(filesIn()).toEqual([])
    await pull(cache, blob)
    expect(await find(cache, blob)).toEqual(blob.bytes)
  })

  test('that becomes unreadable while it is read goes on from the store', async () => {
    const blob = blobOf(1, 2048 * KIB)
    const cache = openCache(4000 * KIB)
    await pull(cache, blob)
    const [path = ''] = filesIn()

    const stream = await cache.find(blob.digest, undefined, async ({ start, end }) => streamOf(blob.bytes.slice(start, end)))
    truncateSync(path, 700 * KIB)

    expect(await new Response(stream).bytes()).toEqual(blob.bytes)
    expect(failures.length).toBe(1)
  })

  test('is written once when several ask at once', async () => {
    const blob = blobOf(1)
    const cache = openCache()

    const received = await Promise.all(Array.from({ length: 8 }, () => pull(cache, blob)))

    expect(received).toEqual(Array(8).fill(blob.bytes))
    expect(filesIn().length).toBe(1)
  })
})

describe('the room of the cache', () => {
  test('is kept by processes that fill it at once', async () => {
    const caches = [openCache(), openCache()]
    const most = { bytes: 0 }

    for (let round = 0; round < 12; round += 1) {
      await Promise.all(
        caches.map(async (cache, process) => {
          await pull(cache, blobOf(round * 2 + process, 150 * KIB))
          most.bytes = Math.max(most.bytes, bytesIn())
        }),
      )
    }

    expect(most.bytes).toBeWithin(500 * KIB, 1000 * KIB + 1)
    expect(failures).toEqual([])
  })

  test('goes to what was used last', async () => {
    const cache = openCache()
    const blobs = Array.from({ length: 10 }, (_, seed) => blobOf(seed))
    for (const blob of blobs) await pull(cache, blob)
    const [first, second] = blobs
    if (first === undefined || second === undefined) throw new Error('there are ten')
    for (const path of filesIn()) utimesSync(path, 1000, 1000)
    await find(cache, first)

    await pull(cache, blobOf(77))

    expect(await find(cache, first)).toEqual(first.bytes)
    expect(await find(cache, blobOf(77))).toEqual(blobOf(77).bytes)
    expect(filesIn().length).toBe(9)
  })

  test('leaves alone what it did not put into its directory, and does not count it', async () => {
    const others = ['cache/whole/00/notes.txt', 'cache/whole/00/report-2000000', 'cache/arriving/mine-2000000', 'cache/data']
    for (const path of others) await folder.file(path, 'kept')
    const old = Date.now() / 1000 - 3600
    for (const path of others) utimesSync(folder.join(path), old, old)
    const cache = openCache(150 * KIB)

    for (let seed = 0; seed < 3; seed += 1) await pull(cache, blobOf(seed))

    expect(await find(cache, blobOf(2))).toEqual(blobOf(2).bytes)
    expect(filesIn()).toEqual(expect.arrayContaining(others.map((path) => folder.join(path))))
  })

  test('is not taken by a blob that is larger, and that of a process that died comes back', async () => {
    const cache = openCache()
    await mkdir(folder.join('cache/arriving'), { recursive: true })
    const dead = folder.join(`cache/arriving/${crypto.randomUUID()}-${950 * KIB}`)
    writeFileSync(dead, 'half')

    await pull(cache, blobOf(1))
    expect(await find(cache, blobOf(1))).toBeUndefined()
    utimesSync(dead, Date.now() / 1000 - 3600, Date.now() / 1000 - 3600)
    await pull(cache, blobOf(1))
    await pull(cache, blobOf(2, 1001 * KIB))

    expect(await find(cache, blobOf(1))).toEqual(blobOf(1).bytes)
    expect(await find(cache, blobOf(2, 1001 * KIB))).toBeUndefined()
    expect(await readdir(folder.join('cache/arriving'))).toEqual([])
  })
})

test('a disk that fails is nothing to whoever pulls', async () => {
  const file = await folder.file('file', 'not a folder')
  const cache = openCache(1000 * KIB, join(file, 'cache'))

  expect(await pull(cache, blobOf(1))).toEqual(blobOf(1).bytes)
  expect(await find(cache, blobOf(1))).toBeUndefined()
  expect(failures.length).toBeGreaterThan(0)
})
