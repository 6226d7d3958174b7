import type { Digest } from '../../oci/digest.ts'
import type { ByteRange, StorageDriver, UploadState } from '../../storage/driver.ts'
import type { BlobStore, StoredBlob } from '../content/blob-store.ts'

/**
 * Asked for at once. The server takes several pieces ahead for each client, whatever their size, and a file comes in half megabytes otherwise: then 64
 * clients took 494 MB in place of 173.
 */
const PIECE_BYTES = 64 * 1024

export interface ArrivingBlobParts {
  readonly digest: Digest
  readonly storage: Pick<StorageDriver, 'readUpload'>
  readonly blobs: Pick<BlobStore, 'content'>
}

/**
 * A blob that one fetch brings and any number of requests read meanwhile. The fetch tells how far it is; each reader takes from the upload's
 * file what has arrived, at its own pace, and waits for the rest. The last byte is given when the digest is proven: a reader of wrong bytes never
 * has them all.
 */
export class ArrivingBlob {
  /** Bytes. Known when the upstream has said it, or at the end of the fetch. Rejects as the fetch does. */
  readonly size: Promise<number>
  readonly #parts: ArrivingBlobParts
  readonly #sized = Promise.withResolvers<number>()
  readonly #ended = Promise.withResolvers<void>()
  #changed = Promise.withResolvers<void>()
  #file: UploadState | undefined
  /** Readers may have the bytes before it. */
  #givenUpTo = 0
  #declared: number | undefined
  #stored: StoredBlob | undefined
  #failure: { readonly error: unknown } | undefined

  constructor(parts: ArrivingBlobParts) {
    this.#parts = parts
    this.size = this.#sized.promise
    // There may be no reader any more when it fails.
    this.size.catch(() => undefined)
  }

  /** The bytes will come into this file. `size` is what the upstream declares. An empty blob is told at its end: it has no last byte to keep back. */
  begin(file: UploadState, size: number | undefined): void {
    this.#file = file
    this.#declared = size
    if (size !== undefined && size > 0) this.#sized.resolve(size)
  }

  /** So many bytes are in the file. */
  arrive(bytes: number): void {
    if (this.#declared !== undefined) this.#giveUpTo(Math.min(bytes, this.#declared - 1))
  }

  /** The bytes in the file, all of them, are those of the digest. */
  prove(size: number): void {
    this.#sized.resolve(size)
    this.#giveUpTo(size)
  }

  /** The blob is in its place. */
  end(stored: StoredBlob): void {
    this.#stored = stored
    this.#sized.resolve(stored.size)
    this.#ended.resolve()
    this.#giveUpTo(stored.size)
  }

  fail(error: unknown): void {
    this.#failure = { error }
    this.#sized.reject(error)
    this.#ended.resolve()
    this.#wake()
  }

  /** A part of the blob as it arrives. Throws what made the fetch fail. */
  async *read({ start, end }: ByteRange): AsyncGenerator<Uint8Array> {
    let at = start
    while (at < end) {
      if (this.#failure !== undefined) throw this.#failure.error
      const arrived = Math.min(end, this.#givenUpTo)
      if (arrived <= at) await this.#changed.promise
      else
        for await (const bytes of this.#piece({ start: at, end: Math.min(arrived, at + PIECE_BYTES) })) {
          at += bytes.length
          yield bytes
        }
    }
  }

  async *#piece(range: ByteRange): AsyncGenerator<Uint8Array> {
    if (this.#stored === undefined) return yield* this.#bytesInFile(range)
    const content = await this.#parts.blobs.content(this.#stored, range)
    let isEmpty = true
    for await (const bytes of content instanceof Blob ? content.stream() : content) {
      isEmpty = false
      yield bytes
    }
    if (isEmpty) throw new Error('the blob has lost bytes in its place')
  }

  /** Ends early where the file has just become the blob, or has gone: then the fetch is about to end, and tells which. */
  async *#bytesInFile({ start, end }: ByteRange): AsyncGenerator<Uint8Array> {
    const { storage } = this.#parts
    const file = this.#file
    if (file === undefined) throw new Error('bytes have arrived without a file')
    try {
      const bytes = await storage.readUpload(file, end, start)
      if (bytes !== undefined) return yield* bytes
    } catch (error) {
      if ((await storage.readUpload(file, end, start)) !== undefined) throw error
    }
    await this.#ended.promise
  }

  #giveUpTo(bytes: number): void {
    if (bytes <= this.#givenUpTo) return
    this.#givenUpTo = bytes
    this.#wake()
  }

  #wake(): void {
    const { resolve } = this.#changed
    this.#changed = Promise.withResolvers()
    resolve()
  }
}
