import { createHash, randomBytes } from 'node:crypto'
import { type Digest, RunningDigest } from '../oci/digest.ts'
import { CheckFailure, CheckLimit, type CheckStep } from './check-step.ts'
import { type StorageDriver, type StoragePath, storagePath } from './driver.ts'

const MIB = 1024 * 1024
/** More than two parts of the size that object stores get by default. */
const UPLOAD_BYTES = 21 * MIB
const FIRST_REQUEST_BYTES = 8 * MIB + 1
/** Around the end of the first part. */
const RANGE = { start: 10 * MIB - 7, end: 10 * MIB + 9 }

/** What a registry does with any storage, as it does it, in a directory of its own that is removed in the end. */
export function contractSteps(driver: StorageDriver): readonly CheckStep[] {
  const directory = storagePath(`berth/check-${crypto.randomUUID()}`)
  const links = storagePath(directory, 'links')
  const blob = storagePath(directory, 'blob/data')
  const bytes = new PatternedBytes()
  return [
    { name: 'write small files', essential: true, run: () => writeLinks(driver, links, 'one') },
    { name: 'read them', run: () => expectText(driver, storagePath(links, 'current/link'), 'one') },
    { name: 'list them', run: () => expectList(driver, links, ['current', 'index']) },
    { name: 'list all that lies below', run: () => listBelow(driver, links, 'one') },
    { name: 'replace one', run: () => replace(driver, links) },
    { name: 'upload 21 MiB in one request', run: () => upload(driver, blob, bytes, [UPLOAD_BYTES]) },
    {
      name: 'upload 21 MiB in two requests',
      run: () => upload(driver, blob, bytes, [FIRST_REQUEST_BYTES, UPLOAD_BYTES - FIRST_REQUEST_BYTES]),
    },
    { name: 'read a part of it', run: () => readRange(driver, blob, bytes) },
    { name: 'give up an upload', run: () => giveUp(driver) },
    { name: 'remove it all', run: () => remove(driver, directory, [storagePath(links, 'current/link'), blob]) },
  ]
}

/** Bytes that no storage has seen before; each is known by its place. */
class PatternedBytes {
  readonly #pattern = randomBytes(MIB)
  readonly #twice = Buffer.concat([this.#pattern, this.#pattern])

  /** At most 1 MiB. */
  at(start: number, length: number): Uint8Array {
    const offset = start % MIB
    return new Uint8Array(this.#twice.subarray(offset, offset + Math.min(length, MIB)))
  }
}

async function writeLinks(driver: StorageDriver, directory: StoragePath, text: string): Promise<undefined> {
  const names = ['index/sha256/aa/link', 'current/link']
  await driver.place([{ directory, files: names.map((name) => ({ name, bytes: new TextEncoder().encode(text) })) }])
}

async function expectText(driver: StorageDriver, path: StoragePath, expected: string): Promise<undefined> {
  const bytes = await driver.readSmall(path, 1024)
  if (bytes === undefined) throw new CheckFailure('What was written a moment ago is not there: the storage forgets what it took.')
  const text = new TextDecoder().decode(bytes)
  if (text !== expected)
    throw new CheckFailure(`The storage gives back '${text}' in place of '${expected}', which was written last.`)
}

async function expectList(driver: StorageDriver, directory: StoragePath, expected: readonly string[]): Promise<undefined> {
  const listed = (await driver.list(directory)).join(', ')
  if (listed === expected.join(', ')) return
  throw new CheckLimit(
    `A list shows ${listed || 'nothing'} in place of ${expected.join(', ')}; Berth asks again before it believes a list, but a scan of such a storage is slow.`,
  )
}

/** A first start believes a link whose MD5 a list shows. */
async function listBelow(driver: StorageDriver, directory: StoragePath, text: string): Promise<string | undefined> {
  const { files } = await driver.listFiles(directory)
  const paths = files.map(({ path }) => path.slice(directory.length + 1)).sort()
  if (paths.join(', ') !== 'current/link, index/sha256/aa/link') {
    throw new CheckLimit(
      `A list shows ${paths.join(', ') || 'nothing'} in place of two links; what it lacks is found when it is asked for, and not before.`,
    )
  }
  if (!driver.capabilities.listsWhole) return undefined
  const md5 = createHash('md5').update(text).digest('hex')
  return files.every((file) => file.md5 === md5)
    ? 'its ETags tell what is in a link'
    : 'its ETags are no MD5s: each link is read once'
}

async function replace(driver: StorageDriver, directory: StoragePath): Promise<undefined> {
  await writeLinks(driver, directory, 'two')
  await expectText(driver, storagePath(directory, 'current/link'), 'two')
}

/** Each length is what one request brings. */
async function upload(
  driver: StorageDriver,
  target: StoragePath,
  bytes: PatternedBytes,
  lengths: readonly number[],
): Promise<string> {
  await driver.remove(target)
  const digest = new RunningDigest('sha256')
  let writer = await driver.beginUpload(lengths.length === 1 ? target : undefined)
  try {
    for (const length of lengths) {
      if (writer.offset > 0) writer = (await driver.resumeUpload(writer.state, writer.offset)) ?? lost()
      const end = writer.offset + length
      while (writer.offset < end) {
        const piece = bytes.at(writer.offset, end - writer.offset)
        digest.update(piece)
        await writer.write(piece)
      }
      await writer.close()
    }
    const startedAt = performance.now()
    await driver.completeUpload(writer.state, target, UPLOAD_BYTES)
    const durationMs = Math.round(performance.now() - startedAt)
    await expectBlob(driver, target, digest.digest())
    return `put in its place in ${durationMs} ms`
  } catch (error) {
    await driver.abortUpload(writer.state).catch(() => undefined)
    throw error
  }
}

function lost(): never {
  throw new CheckFailure('The bytes of an upload that was begun are gone when it is to go on.')
}

async function expectBlob(driver: StorageDriver, path: StoragePath, expected: Digest): Promise<void> {
  const size = (await driver.stat(path))?.size
  if (size !== UPLOAD_BYTES) throw new CheckFailure(`A blob of ${UPLOAD_BYTES} bytes has ${size ?? 'no'} bytes in the storage.`)
  const digest = new RunningDigest('sha256')
  for await (const chunk of await read(driver, path)) digest.update(chunk)
  if (digest.digest() !== expected) throw new CheckFailure('The storage gives back other bytes than were uploaded.')
}

async function readRange(driver: StorageDriver, path: StoragePath, bytes: PatternedBytes): Promise<undefined> {
  const received = Buffer.concat(await Array.fromAsync(await read(driver, path, RANGE)))
  if (received.equals(bytes.at(RANGE.start, RANGE.end - RANGE.start))) return
  throw new CheckFailure('A part of a blob comes back as other bytes; clients that go on with a pull would get a broken layer.')
}

async function read(driver: StorageDriver, path: StoragePath, range?: typeof RANGE): Promise<ReadableStream<Uint8Array>> {
  const content = await driver.content(path, range)
  if (content === undefined) throw new CheckFailure('A blob that was uploaded a moment ago is not there.')
  return content instanceof Blob ? content.stream() : content
}

async function giveUp(driver: StorageDriver): Promise<undefined> {
  const writer = await driver.beginUpload()
  await writer.write(new Uint8Array(100))
  await writer.close()
  await driver.abortUpload(writer.state)
  if ((await driver.resumeUpload(writer.state, 100)) !== undefined)
    throw new CheckFailure('An upload that was given up is still there.')
}

/** Directories without files may still be seen: some object stores forget them later. */
async function remove(driver: StorageDriver, directory: StoragePath, files: readonly StoragePath[]): Promise<undefined> {
  await driver.remove(directory)
  for (const path of files) {
    if ((await driver.stat(path)) !== undefined) throw new CheckFailure(`${path} was removed and is still there.`)
  }
}
