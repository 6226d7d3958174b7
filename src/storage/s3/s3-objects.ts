import { allEnded } from '../all-ended.ts'
import {
  type ByteRange,
  type FilePage,
  type ListedFile,
  type Placement,
  type StorageEntry,
  type StoragePath,
  storagePath,
} from '../driver.ts'
import { findBlobAt, isContent } from '../layout.ts'
import { FileTooLargeError } from '../storage-errors.ts'
import type { Bucket, ListedObject } from './bucket.ts'
import type { KeySpace } from './key-space.ts'
import type { OpenedObject } from './object-stream.ts'

const DELETED_AT_ONCE = 16
const SMALL_BYTES = 64 * 1024
const READ_WHOLE_BYTES = 256 * 1024
/** That of an object which came in one part and is not encrypted with a key of its own is the MD5 of its bytes. */
const PLAIN_ETAG = /^"?([0-9a-f]{32})"?$/i

/** Files below a root as objects in a bucket. Directories are what their keys have in common: an empty one is absent. */
export class S3Objects {
  readonly #bucket: Bucket
  readonly #keys: KeySpace

  constructor(bucket: Bucket, keys: KeySpace) {
    this.#bucket = bucket
    this.#keys = keys
  }

  async stat(path: StoragePath): Promise<StorageEntry | undefined> {
    const object = path === '' ? undefined : await this.#bucket.head(this.#keys.keyOf(path))
    if (object !== undefined) return { kind: 'file', size: object.size, changedAtMs: object.changedAtMs }
    const { objects } = await this.#bucket.list(this.#keys.prefixOf(path), { limit: 1 })
    const [first] = objects
    return first && { kind: 'directory', size: 0, changedAtMs: first.changedAtMs }
  }

  async readSmall(path: StoragePath, maxBytes: number): Promise<Uint8Array | undefined> {
    const object = await this.#bucket.open(this.#keys.keyOf(path))
    if (object === undefined) return undefined
    if (object.size <= maxBytes) return await new Response(object.stream).bytes()
    await object.stream.cancel()
    throw new FileTooLargeError(`${path} has ${object.size} bytes, more than ${maxBytes}`)
  }

  /** What is small is read whole: it goes out with its length, and a break on the way is mended before the answer begins. */
  async content(path: StoragePath, range?: ByteRange): Promise<Blob | ReadableStream<Uint8Array> | undefined> {
    return await this.contentThrough(path, range, ({ stream }) => stream)
  }

  /** As `content`, by way of something that sees the bytes as they come. */
  protected async contentThrough(
    path: StoragePath,
    range: ByteRange | undefined,
    through: (object: OpenedObject) => ReadableStream<Uint8Array>,
  ): Promise<Blob | ReadableStream<Uint8Array> | undefined> {
    const object = await this.#bucket.open(this.#keys.keyOf(path), range)
    if (object === undefined) return undefined
    const length = range === undefined ? object.size : range.end - range.start
    const stream = through(object)
    return length > READ_WHOLE_BYTES ? stream : new Blob([await new Response(stream).bytes()])
  }

  async list(path: StoragePath): Promise<readonly string[]> {
    const prefix = this.#keys.prefixOf(path)
    const names = new Set<string>()
    let after: string | undefined
    do {
      const page = await this.#bucket.list(prefix, { delimiter: '/', ...(after === undefined ? {} : { after }) })
      for (const { key } of page.objects) names.add(key.slice(prefix.length))
      for (const below of page.prefixes) names.add(below.slice(prefix.length, -1))
      after = page.next
    } while (after !== undefined)
    // Some tools make an object for the directory itself.
    names.delete('')
    return [...names].sort()
  }

  async listFiles(path: StoragePath, after?: string): Promise<FilePage> {
    const { objects, next } = await this.#bucket.list(this.#keys.prefixOf(path), after === undefined ? {} : { after })
    const files: ListedFile[] = []
    const unnamed: string[] = []
    for (const object of objects) {
      const file = this.#listedFile(object)
      // A key that ends in a slash is an object for the directory itself, which some tools make.
      if (file !== undefined) files.push(file)
      else if (!object.key.endsWith('/')) unnamed.push(this.#keys.textOf(object.key) ?? object.key)
    }
    return { files, unnamed, next }
  }

  async place(placements: readonly Placement[]): Promise<void> {
    for (const { directory, files } of placements) {
      for (const { name, bytes } of files) await this.#put(storagePath(directory, name), bytes)
    }
  }

  /** A list may not show yet what was placed a moment ago; what makes the directory visible is removed in any case. */
  async remove(path: StoragePath, visibleBy?: string): Promise<void> {
    const first = visibleBy === undefined ? path : storagePath(path, visibleBy)
    const isGuarded = isContent(path)
    await this.#bucket.deleteInTime(this.#keys.keyOf(first), { isGuarded })
    let batch: string[] = []
    for await (const { key } of this.#bucket.listAll(this.#keys.prefixOf(path))) {
      batch.push(key)
      if (batch.length < DELETED_AT_ONCE) continue
      await this.#deleteAll(batch, isGuarded)
      batch = []
    }
    await this.#deleteAll(batch, isGuarded)
  }

  async removeOnlyFiles(paths: readonly StoragePath[]): Promise<void> {
    for (let start = 0; start < paths.length; start += DELETED_AT_ONCE) {
      const some = paths.slice(start, start + DELETED_AT_ONCE)
      await allEnded(some.map((path) => this.#bucket.deleteInTime(this.#keys.keyOf(path), { isGuarded: isContent(path) })))
    }
  }

  async untilFreed(): Promise<void> {
    // What is removed is gone at once.
  }

  async removeEmptyDirectories(paths: readonly StoragePath[]): Promise<number> {
    return paths.length
  }

  #listedFile({ key, size, changedAtMs, etag }: ListedObject): ListedFile | undefined {
    const path = this.#keys.pathOf(key)
    return path && { path, size, changedAtMs, md5: PLAIN_ETAG.exec(etag)?.[1]?.toLowerCase() }
  }

  /** What is small, as links are, decides what is there: it must not come late. Bytes under their digest may. */
  async #put(path: StoragePath, bytes: Uint8Array): Promise<void> {
    const key = this.#keys.keyOf(path)
    if (findBlobAt(path) !== undefined || bytes.length > SMALL_BYTES) return await this.#bucket.put(key, bytes)
    await this.#bucket.putInTime(key, bytes, { isGuarded: isContent(path) })
  }

  async #deleteAll(keys: readonly string[], isGuarded: boolean): Promise<void> {
    await allEnded(keys.map((key) => this.#bucket.deleteInTime(key, { isGuarded })))
  }
}
