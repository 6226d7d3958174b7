import type { Digest } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import type { ByteRange, StorageDriver, UploadReader, UploadState } from '../../storage/driver.ts'
import type { BlobStore, StoredBlob } from '../content/blob-store.ts'
import { SharedPiece } from '../uploads/shared-piece.ts'
import type { ToldFile } from './fetch-rows.ts'

/**
 * Asked for at once. The server takes several pieces ahead for each client, whatever their size, and a file comes in half megabytes otherwise: then 64
 * clients took 494 MB in place of 173.
 */
const PIECE_BYTES = 60 * 1024
/** Readers that wait for the first bytes all have some before any of them has a whole piece. */
const FIRST_BYTES = 8 * 1024
/** Readers of a blob are about equally far: each piece is read once for all that come to it soon, for less than half the processor time of 64 readers. */
const PIECES_SHARED = 8
/** So much of what was written last is in the memory of any machine. */
const RECENT_BYTES = 64 * 1024 * 1024
/** So long a request may take from its look to its first byte. */
const LINGER_MS = 5_000
const NONE = new Uint8Array()

export interface ArrivingBlobParts {
  readonly digest: Digest
  readonly storage: Pick<StorageDriver, 'openUpload'>
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
  #readers = 0
  /** While there are readers. */
  #opened: Promise<UploadReader | undefined> | undefined
  /** Those of files into which it came before. */
  #retired: Promise<UploadReader | undefined>[] = []
  /** Those that were read last, and are the same for each reader: the oldest first. */
  readonly #pieces = new Map<string, SharedPiece>()
  /** The first bytes, which readers have from here. */
  #first = NONE
  /** Readers may have the bytes before it. */
  #givenUpTo = 0
  #declared: number | undefined
  #told: number | undefined
  #bytesId: string | undefined
  #stored: StoredBlob | undefined
  #hasPassed = false
  #failure: { readonly error: unknown } | undefined

  constructor(parts: ArrivingBlobParts) {
    this.#parts = parts
    this.size = this.#sized.promise
    // There may be no reader any more when it fails.
    this.size.catch(() => undefined)
  }

  /** Whether a request reads it now. */
  get isRead(): boolean {
    return this.#readers > 0
  }

  /** Its size, once it is in its place, or has passed. Throws what made the fetch fail. */
  async whole(): Promise<number> {
    await this.#ended.promise
    if (this.#failure !== undefined) throw this.#failure.error
    return await this.size
  }

  /** The bytes will come into this file. `size` is what the upstream declares. An empty blob is told at its end: it has no last byte to keep back. */
  begin(file: UploadState, size: number | undefined): void {
    this.#retire()
    this.#file = file
    this.#declared = size
    if (size !== undefined && size > 0) this.#tell(size)
  }

  /**
   * The bytes come into this file from now on, those that readers have among them: they wait until these are there. Throws where it is not known that
   * they are the same.
   */
  comeInto({ file, bytesId, size }: ToldFile): void {
    if (this.#bytesId !== undefined && this.#bytesId !== bytesId) throw this.givenUp()
    this.#bytesId = bytesId
    this.begin(file, size)
    this.#givenUpTo = 0
  }

  /** Its readers have bytes that no process goes on with. */
  givenUp(): RegistryError {
    return new RegistryError('UNAVAILABLE', {
      message: 'The process of this registry that fetched the blob has given up; pull it again.',
      detail: { digest: this.#parts.digest },
    })
  }

  /** The first bytes, which are about to be written to the file. */
  startWith(bytes: Uint8Array): void {
    // Their chunk is much larger.
    this.#first = bytes.slice()
    this.arrive(bytes.length)
  }

  /** So many bytes are in the file. */
  arrive(bytes: number): void {
    if (this.#declared !== undefined) this.#giveUpTo(Math.min(bytes, this.#declared - 1))
  }

  /** The bytes in the file, all of them, are those of the digest. */
  prove(size: number): void {
    this.#tell(size)
    this.#giveUpTo(size)
  }

  /**
   * The bytes in the file are those of the digest, and go to no place. When this resolves the file may lose its name: its readers have it open, and those
   * that are about to read.
   */
  async pass(size: number): Promise<void> {
    this.#readers += 1
    setTimeout(() => void this.#leave(), LINGER_MS).unref()
    await this.#open()
    this.#hasPassed = true
    this.prove(size)
    this.#ended.resolve()
  }

  /** It came whole, and is not here. */
  get hasPassed(): boolean {
    return this.#hasPassed
  }

  /** The blob is in its place. */
  end(stored: StoredBlob): void {
    this.#tell(stored.size)
    this.#stored = stored
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
    this.#readers += 1
    try {
      let at = start
      while (at < end) {
        if (this.#failure !== undefined) throw this.#failure.error
        const most = at === start ? FIRST_BYTES : PIECE_BYTES - (at % PIECE_BYTES)
        const arrived = Math.min(end, this.#givenUpTo, at + most)
        if (arrived <= at) await this.#changed.promise
        else {
          const bytes = await this.#piece({ start: at, end: arrived })
          at += bytes.length
          if (bytes.length > 0) yield bytes
        }
      }
    } finally {
      await this.#leave()
    }
  }

  async #leave(): Promise<void> {
    this.#readers -= 1
    if (this.#readers === 0) await this.#close()
  }

  /** As `#bytes`; what was read last is not read again. */
  async #piece(part: ByteRange): Promise<Uint8Array> {
    if (part.end <= this.#first.length) return this.#first.subarray(part.start, part.end)
    const name = `${part.start}-${part.end}`
    const piece = this.#pieces.get(name) ?? this.#read(part, name)
    const bytes = await piece.take().catch((error: unknown) => {
      this.#forget(name, piece)
      throw error
    })
    if (bytes.length === 0) this.#forget(name, piece)
    return bytes
  }

  #read(part: ByteRange, name: string): SharedPiece {
    const piece = new SharedPiece(this.#bytes(part))
    this.#pieces.set(name, piece)
    const [oldest] = this.#pieces
    if (this.#pieces.size > PIECES_SHARED && oldest !== undefined) this.#forget(...oldest)
    return piece
  }

  /** No further reader has it. */
  #forget(name: string, piece: SharedPiece): void {
    if (this.#pieces.get(name) !== piece) return
    this.#pieces.delete(name)
    void piece.leave()
  }

  /** None where the file has just become the blob, or has gone: the fetch is about to end then, and tells which. */
  async #bytes(part: ByteRange): Promise<Uint8Array> {
    const reader = await this.#open()
    const bytes = await reader?.read(part, { isRecent: part.start > this.#givenUpTo - RECENT_BYTES })
    if (bytes !== undefined) return bytes
    await this.#ended.promise
    if (this.#hasPassed) throw this.givenUp()
    return this.#stored === undefined ? NONE : await this.#bytesInPlace(this.#stored, part)
  }

  /** Every reader reads from the same open file. */
  async #open(): Promise<UploadReader | undefined> {
    if (this.#file === undefined) return undefined
    this.#opened ??= this.#parts.storage.openUpload(this.#file)
    return await this.#opened
  }

  /** Its readers were told a size: it is that one, in whatever file the bytes come. */
  #tell(size: number): void {
    if (this.#told !== undefined && this.#told !== size) throw new Error(`a blob has ${size} bytes, and had ${this.#told} before`)
    this.#told = size
    this.#sized.resolve(size)
  }

  /** A reader may be at work with it still. */
  #retire(): void {
    if (this.#opened !== undefined) this.#retired.push(this.#opened)
    this.#opened = undefined
    for (const [name, piece] of this.#pieces) this.#forget(name, piece)
  }

  async #close(): Promise<void> {
    this.#retire()
    const retired = this.#retired
    this.#retired = []
    for (const opened of retired) {
      // What kept it from being opened was told to the readers.
      const reader = await opened.catch(() => undefined)
      await reader?.close()
    }
  }

  async #bytesInPlace(stored: StoredBlob, part: ByteRange): Promise<Uint8Array> {
    const content = await this.#parts.blobs.content(stored, part)
    const bytes = content instanceof Blob ? await content.bytes() : Buffer.concat(await Array.fromAsync(content))
    if (bytes.length < part.end - part.start) throw new Error('the blob has lost bytes in its place')
    return bytes
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
