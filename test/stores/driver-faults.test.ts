import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { RunningDigest } from '../../src/oci/digest.ts'
import { type StorageDriver, storagePath } from '../../src/storage/driver.ts'
import type { S3Settings } from '../../src/storage/s3/settings.ts'
import { describeOnStores } from '../support/object-store.ts'
import type { S3Place } from '../support/s3-client.ts'
import { bucketOf, openS3Storage, s3Settings } from '../support/s3-storage.ts'
import { bytesOf, type OpenedStorage, placementOf, textOf, writeTo } from '../support/storage-driver-contract.ts'
import { always, lacking, next, refusingChecksums, SLOW_DOWN, staleLists, stalled } from '../support/store-faults.ts'
import { StoreProxy } from '../support/store-proxy.ts'

/**
 * What the driver makes of a store that fails: right answers, late ones, or none, never wrong ones. The faults are the proxy's, and the same
 * before each store: a run tries one of them.
 */

setDefaultTimeout(300_000)
const MIB = 1024 * 1024

describeOnStores('the S3 driver before a store that fails', (store) => {
  const directory = storagePath('docker/blobs/aa')
  const target = storagePath(directory, 'data')
  let place: S3Place
  let proxy: StoreProxy
  let opened: OpenedStorage
  let driver: StorageDriver

  beforeEach(async () => {
    proxy = await StoreProxy.start(store().endpoint)
    place = { ...(await store().newBucket()), endpoint: proxy.endpoint }
    await reopen()
  })
  afterEach(async () => {
    proxy.use()
    await opened.driver.close()
    await opened.other?.close()
    opened.cleanUp()
    await proxy[Symbol.asyncDispose]()
  })

  async function reopen(changes: Partial<S3Settings> = {}): Promise<void> {
    opened = await openS3Storage(s3Settings(place, changes))
    driver = opened.driver
  }

  /** Writes so many bytes, other ones for each seed, in chunks of odd sizes; gives their digest. */
  async function write(writer: Awaited<ReturnType<StorageDriver['beginUpload']>>, length: number, seed = 1): Promise<string> {
    const running = new RunningDigest('sha256')
    for (let left = length, number = 0; left > 0; number += 1) {
      const chunk = new Uint8Array(Math.min(left, 300_007)).fill((seed * 31 + number) % 256)
      running.update(chunk)
      left -= chunk.length
      await writer.write(chunk)
    }
    await writer.close()
    return running.digest()
  }

  async function digestAt(): Promise<string> {
    const running = new RunningDigest('sha256')
    const content = await driver.content(target)
    for await (const chunk of content instanceof Blob ? content.stream() : (content ?? [])) running.update(chunk)
    return running.digest()
  }

  test('bursts of 503 delay and change nothing', async () => {
    const actions = ['PutObject', 'GetObject', 'HeadObject', 'ListObjectsV2', 'DeleteObject', 'CreateMultipartUpload'] as const
    for (const action of [...actions, 'UploadPart', 'CompleteMultipartUpload', 'CopyObject'] as const) {
      proxy.use(next(2, [action], SLOW_DOWN))
      await driver.place([placementOf(storagePath('docker/some'), { link: action })])
      expect(await textOf(driver.content(storagePath('docker/some/link')))).toBe(action)
      const upload = await driver.beginUpload()
      const digest = await write(upload, 6 * MIB)
      await driver.completeUpload(upload.state, target, 6 * MIB)
      expect(await digestAt()).toBe(digest)
      await driver.remove(directory)
    }
  })

  test('a store that is down is never taken for an empty one', async () => {
    await driver.place([placementOf(directory, { data: 'there' })])
    proxy.use(() => ({ kind: 'refuse', status: 404, code: 'NoSuchBucket' }))

    const unavailable = expect.objectContaining({ code: 'UNAVAILABLE', retryAfterSeconds: 5 })
    await expect(driver.readSmall(target, 10)).rejects.toEqual(unavailable)
    await expect(driver.content(target)).rejects.toEqual(unavailable)
    await expect(driver.list(directory)).rejects.toEqual(unavailable)
    proxy.use(() => ({ kind: 'refuse', status: 403, code: 'AccessDenied' }))
    await expect(driver.stat(target)).rejects.toEqual(unavailable)
    await expect(driver.completeUpload((await upload()).state, target, 5)).rejects.toEqual(unavailable)

    async function upload() {
      proxy.use()
      const writer = await driver.beginUpload()
      await writeTo(writer, 'bytes')
      proxy.use(() => ({ kind: 'refuse', status: 403, code: 'AccessDenied' }))
      return writer
    }
  })

  test('a read that breaks off goes on where it was, and one that always does ends in an error', async () => {
    const writer = await driver.beginUpload(target)
    const digest = await write(writer, 12 * MIB)
    await driver.completeUpload(writer.state, target, 12 * MIB)

    proxy.use(next(3, ['GetObject'], { kind: 'cut-answer', afterBytes: 3 * MIB }))
    expect(await digestAt()).toBe(digest)
    expect(proxy.seen.filter(({ action }) => action === 'GetObject').length).toBe(4)

    proxy.use(always(['GetObject'], { kind: 'cut-answer', afterBytes: 0 }))
    await expect(digestAt()).rejects.toThrow()
  })

  test('a read that stops is asked for again', async () => {
    await reopen({ stallMs: 1_000 })
    const writer = await driver.beginUpload(target)
    const digest = await write(writer, 12 * MIB)
    await driver.completeUpload(writer.state, target, 12 * MIB)

    proxy.use(next(1, ['GetObject'], stalled('answer')))

    expect(await digestAt()).toBe(digest)
  })

  test.each(['direct', 'patched'])('a lost answer to Complete is settled by a look, %s', async (how) => {
    const writer = await driver.beginUpload(how === 'direct' ? target : undefined)
    const digest = await write(writer, 12 * MIB)
    proxy.use(next(1, ['CompleteMultipartUpload'], { kind: 'lose-answer' }))

    await driver.completeUpload(writer.state, target, 12 * MIB)

    expect(await digestAt()).toBe(digest)
    expect(await driver.listUploads()).toEqual([])
  })

  test('a refused Complete may be asked for again', async () => {
    const writer = await driver.beginUpload(target)
    const digest = await write(writer, 12 * MIB)
    proxy.use(next(1, ['CompleteMultipartUpload'], { kind: 'refuse', status: 403, code: 'AccessDenied' }))

    await expect(driver.completeUpload(writer.state, target, 12 * MIB)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await driver.completeUpload(writer.state, target, 12 * MIB)

    expect(await digestAt()).toBe(digest)
  })

  test('an upload whose parts failed after its bytes were read goes on, and is completed', async () => {
    const first = await driver.beginUpload()
    await write(first, 12 * MIB)
    for await (const _ of (await opened.other?.readUpload(first.state, 12 * MIB)) ?? []);
    proxy.use(({ action, query }) =>
      action === 'UploadPart' && query.get('partNumber') === '2'
        ? { kind: 'refuse', status: 403, code: 'AccessDenied' }
        : undefined,
    )
    const failing = await driver.resumeUpload(first.state, 12 * MIB)
    await failing?.write(new Uint8Array(4 * MIB)).catch(() => undefined)
    await expect(failing?.close()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    proxy.use()

    const last = await driver.resumeUpload(first.state, 12 * MIB)
    await writeTo(last ?? first, 'and more')
    await driver.completeUpload(first.state, target, 12 * MIB + 8)

    const { size } = (await driver.stat(target)) ?? {}
    expect(size).toBe(12 * MIB + 8)
    expect(await textOf(driver.content(target, { start: 12 * MIB, end: 12 * MIB + 8 }))).toBe('and more')
  })

  test.each([
    ['no copies', ['CopyObject', 'UploadPartCopy'], 6],
    ['no copies of parts', ['UploadPartCopy'], 40],
    ['no DeleteObjects', ['DeleteObjects'], 6],
  ] as const)('a store with %s takes uploads all the same', async (_, missing, mebibytes) => {
    proxy.use(lacking(...missing))
    const writer = await driver.beginUpload()
    const digest = await write(writer, mebibytes * MIB)

    await driver.completeUpload(writer.state, target, mebibytes * MIB)

    expect(await digestAt()).toBe(digest)
    expect(await driver.listUploads()).toEqual([])
  })

  test('large objects are copied in parts', async () => {
    await reopen({ copy: { chunkSize: 5 * MIB, maxConcurrency: 3, threshold: 10 * MIB } })
    const writer = await driver.beginUpload()
    const digest = await write(writer, 23 * MIB)

    await driver.completeUpload(writer.state, target, 23 * MIB)

    expect(await digestAt()).toBe(digest)
    expect(proxy.seen.filter(({ action }) => action === 'UploadPartCopy').length).toBe(5)
  })

  test('no request has a checksum of the newer kind', async () => {
    proxy.use(refusingChecksums())
    const writer = await driver.beginUpload()
    const digest = await write(writer, 6 * MIB)

    await driver.completeUpload(writer.state, target, 6 * MIB)
    await driver.remove(storagePath('docker/none'))

    expect(await digestAt()).toBe(digest)
  })

  test('what a list does not show yet is removed all the same where it makes something visible', async () => {
    await driver.place([placementOf(directory, { 'index/link': 'x', 'current/link': 'x' })])
    proxy.use(staleLists(60_000))

    await driver.remove(directory, 'current/link')

    expect(await driver.stat(storagePath(directory, 'current/link'))).toBeUndefined()
  })

  test('an upload goes on over many requests and processes, and is cut where it was acknowledged', async () => {
    const sizes = [3 * MIB, 1, 9 * MIB, 500_000, 2 * MIB]
    const running = new RunningDigest('sha256')
    const first = await driver.beginUpload()
    let offset = 0
    for (const [index, size] of sizes.entries()) {
      const from = index % 2 === 0 ? driver : (opened.other ?? driver)
      const writer = index === 0 ? first : await from.resumeUpload(first.state, offset)
      const chunk = new Uint8Array(size).fill(index + 1)
      running.update(chunk)
      await writer?.write(chunk.slice())
      await writer?.close()
      offset += size
      // A request that died: its bytes are beyond what was acknowledged.
      const lost = await from.resumeUpload(first.state, offset)
      await lost?.write(new Uint8Array(6 * MIB).fill(255))
      await lost?.close()
    }

    const cut = await driver.resumeUpload(first.state, offset)
    await cut?.close()
    await (opened.other ?? driver).completeUpload(first.state, target, offset)

    expect(await digestAt()).toBe(running.digest())
  })

  test('bytes that nobody hashed are read from the completed object, and the upload can still go on', async () => {
    const writer = await driver.beginUpload()
    const digest = await write(writer, 12 * MIB)

    const read = new RunningDigest('sha256')
    for await (const chunk of (await opened.other?.readUpload(writer.state, 12 * MIB)) ?? []) read.update(chunk)
    const resumed = await driver.resumeUpload(writer.state, 12 * MIB)
    await resumed?.write(bytesOf('and more'))
    await resumed?.close()
    await driver.completeUpload(writer.state, target, 12 * MIB + 8)

    expect(read.digest() as string).toBe(digest)
    expect((await driver.stat(target))?.size).toBe(12 * MIB + 8)
    expect(await textOf(driver.content(target, { start: 12 * MIB, end: 12 * MIB + 8 }))).toBe('and more')
  })

  test('what nobody knows of is cleaned away, and what is known stays', async () => {
    const bucket = bucketOf(s3Settings(place))
    await bucket.put('berth/uploads/forgotten-0-1', bytesOf('x'))
    const forgotten = [
      await bucket.createMultipart('berth/uploads/forgotten'),
      await bucket.createMultipart('docker/registry/v2/blobs/sha256/aa/aa/data'),
    ]
    const known = await driver.beginUpload()
    await write(known, 6 * MIB)
    // The store's clock counts in seconds.
    await Bun.sleep(2_000)

    await driver.removeLeftovers(0)

    expect(await bucket.head('berth/uploads/forgotten-0-1')).toBeUndefined()
    for (const multipart of forgotten) await expect(bucket.uploadPart(multipart, 1, bytesOf('x'))).rejects.toThrow()
    await driver.completeUpload(known.state, target, 6 * MIB)
    expect((await driver.stat(target))?.size).toBe(6 * MIB)
  })
})
