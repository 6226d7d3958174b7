import { Semaphore } from '../../runtime/semaphore.ts'
import {
  type BeginUploadOptions,
  type ByteRange,
  type ListedUpload,
  type StorageCapabilities,
  type StorageDriver,
  type StoragePath,
  type StorageSpace,
  storagePath,
  type UploadReader,
  type UploadState,
  type UploadWriter,
} from '../driver.ts'
import { findBlobAt } from '../layout.ts'
import { StorageFault } from '../storage-errors.ts'
import type { UploadLedger } from '../upload-ledger.ts'
import { readerByStreams } from '../upload-reader.ts'
import type { Bucket } from './bucket.ts'
import type { BlobCache } from './cache/blob-cache.ts'
import { KeySpace } from './key-space.ts'
import { S3Objects } from './s3-objects.ts'
import type { CopySettings, S3Settings } from './settings.ts'
import { copyWithin } from './uploads/object-copy.ts'
import { ObjectUploads } from './uploads/object-uploads.ts'
import { PartSpace } from './uploads/part-space.ts'

/** All uploads of a process together have so much memory for their parts; what does not fit is gathered in files. */
const PARTS_IN_MEMORY_BYTES = 48 * 1024 * 1024
/** As long as those of registry:2 are good. */
const REDIRECT_SECONDS = 20 * 60
const PARTS_SENT_AT_ONCE = 6
/** Bytes that were sent before a process died, or were given up on, have come by then or never will. */
const LATE_BYTES_MS = 2_000
const BUCKET = {
  lateBytesMs: LATE_BYTES_MS,
  questionsAtOnce: 32,
  listsWhole: true,
  completesByCopy: true,
  keepsEmptyDirectories: false,
  removesEmptyDirectories: true,
  isReachedByOtherMachines: true,
}

/** Blobs of registry:2's layout: where direct uploads are put together. */
const BLOBS = storagePath('docker/registry/v2/blobs')

export interface S3DriverOptions {
  readonly settings: S3Settings
  readonly bucket: Bucket
  readonly ledger: UploadLedger
  /** A directory of this process's own for parts that do not fit into memory; made when needed, removed at the end. */
  readonly partDirectory: string
  /** Copies of blobs on this machine; undefined: none. */
  readonly cache?: BlobCache | undefined
  /** The process, as its life lock names it; undefined where none is held. */
  readonly owner?: string | undefined
}

/** A bucket under the keys that registry:2 uses. */
export class S3Driver extends S3Objects implements StorageDriver {
  readonly capabilities: StorageCapabilities
  readonly #bucket: Bucket
  readonly #keys: KeySpace
  readonly #redirects: boolean
  readonly #uploads: ObjectUploads
  readonly #cache: BlobCache | undefined
  readonly #copy: CopySettings

  constructor({ settings, bucket, ledger, partDirectory, cache, owner }: S3DriverOptions) {
    const keys = new KeySpace(settings.rootDirectory)
    super(bucket, keys)
    this.#bucket = bucket
    this.#keys = keys
    this.#redirects = settings.redirects
    this.#cache = cache
    this.#copy = settings.copy
    // Of a process that has died it is not known which of its requests had an answer.
    this.capabilities = { ...BUCKET, lateMs: bucket.lateMs }
    const space = new PartSpace({ directory: partDirectory, memoryLimit: PARTS_IN_MEMORY_BYTES })
    const means = { bucket, ledger, space, sending: new Semaphore(PARTS_SENT_AT_ONCE) }
    const { chunkSize, copy } = settings
    this.#uploads = new ObjectUploads({ means, keys, chunkSize, copy, owner })
  }

  /** A blob that this machine has a copy of comes from there; one that is pulled whole leaves a copy. */
  override async content(
    path: StoragePath,
    range?: ByteRange,
    from?: 'storage',
  ): Promise<Blob | ReadableStream<Uint8Array> | undefined> {
    const cache = from === 'storage' ? undefined : this.#cache
    const digest = cache && findBlobAt(path)
    if (cache === undefined || digest === undefined) return await super.content(path, range)
    const kept = await cache.find(digest, range, (part) => this.#partOf(path, part))
    if (kept !== undefined) return kept
    if (range !== undefined) return await super.content(path, range)
    return await this.contentThrough(path, range, ({ size, stream }) => (size === 0 ? stream : cache.keep(digest, size, stream)))
  }

  /** Signed for the address under which clients see the store. */
  async redirectUrl(path: StoragePath): Promise<string | undefined> {
    if (!this.#redirects) return undefined
    return (await this.#bucket.presign('GET', this.#keys.keyOf(path), REDIRECT_SECONDS)).href
  }

  async move(from: StoragePath, to: StoragePath): Promise<void> {
    const size = (await this.#bucket.head(this.#keys.keyOf(from)))?.size
    if (size === undefined) return
    const keys = { from: this.#keys.keyOf(from), to: this.#keys.keyOf(to) }
    if (!(await copyWithin(this.#bucket, this.#copy, { ...keys, length: size, size })))
      throw new StorageFault({ message: 'The object store cannot copy an object, so that nothing can be moved in it.' })
    await this.removeOnlyFiles([from])
  }

  async makeDurable(): Promise<void> {
    // What the store has answered is durable.
  }

  async beginUpload(target?: StoragePath, options?: BeginUploadOptions): Promise<UploadWriter> {
    return await this.#uploads.begin(target, options)
  }

  async resumeUpload(state: UploadState, offset: number): Promise<UploadWriter | undefined> {
    return await this.#uploads.resume(state, offset)
  }

  async readUpload(state: UploadState, length: number, start = 0): Promise<ReadableStream<Uint8Array> | undefined> {
    return await this.#uploads.read(state, length, start)
  }

  async openUpload(state: UploadState): Promise<UploadReader | undefined> {
    return (await this.#uploads.openSpool(state)) ?? (await readerByStreams(this, state))
  }

  async completeUpload(
    state: UploadState,
    target: StoragePath,
    size: number,
    options?: { readonly isUnknown: boolean },
  ): Promise<void> {
    await this.#uploads.complete(state, target, size, options)
  }

  async abortUpload(state: UploadState): Promise<void> {
    await this.#uploads.abort(state)
  }

  async listUploads(): Promise<readonly ListedUpload[]> {
    return await this.#uploads.list()
  }

  async removeLeftovers(untouchedForMs: number): Promise<void> {
    await this.#uploads.removeLeftovers(untouchedForMs, BLOBS)
  }

  async removeLeftoversOf(isGone: (owner: string) => Promise<boolean>): Promise<void> {
    await this.#uploads.removePartsOf(isGone)
  }

  async space(): Promise<StorageSpace | undefined> {
    return undefined
  }

  async close(): Promise<void> {
    await this.#uploads.close()
    await this.#cache?.close()
  }

  async #partOf(path: StoragePath, range: ByteRange): Promise<ReadableStream<Uint8Array>> {
    const object = await this.#bucket.open(this.#keys.keyOf(path), range)
    if (object === undefined) throw new Error(`${path} has gone while it was read`)
    return object.stream
  }
}
