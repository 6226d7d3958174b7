import { RegistryError } from '../../../oci/errors.ts'
import type { Semaphore } from '../../../runtime/semaphore.ts'
import type { UploadState, UploadWriter } from '../../driver.ts'
import { UploadGoneError } from '../../storage-errors.ts'
import type { LedgerEntry, Multipart, Piece, UploadedPart, UploadLedger } from '../../upload-ledger.ts'
import type { Bucket } from '../bucket.ts'
import { S3Error } from '../requests/s3-error.ts'
import { createOwnMultipart } from './own-multipart.ts'
import type { PartBuffer, PartSpace, Spool } from './part-space.ts'
import { readPieces } from './pieces.ts'

/** What all uploads of a process share. */
export interface UploadMeans {
  readonly bucket: Bucket
  readonly ledger: UploadLedger
  readonly space: PartSpace
  /** As many parts are on their way at once. */
  readonly sending: Semaphore
}

export interface ObjectUploadOptions {
  readonly means: UploadMeans
  readonly entry: LedgerEntry
  readonly offset: number
  /** The key of the object; where it is not direct, what the keys of its parts and pieces begin with. */
  readonly key: string
  /** Nothing is kept for a later writer: `finish` ends it, or nothing was. */
  readonly isDirect: boolean
  /** All of it goes to a file of this machine as well, until it is disposed of. */
  readonly isSpooled: boolean
}

/** Parts of one upload that are on their way while the next one is gathered. */
const PARTS_ON_THEIR_WAY = 3
/** S3's own limit. */
const MOST_PARTS = 10_000

/** Writes one upload: gathers parts of equal size and sends each while the next one comes in. */
export class ObjectUpload implements UploadWriter {
  readonly state: UploadState
  readonly #means: UploadMeans
  readonly #options: ObjectUploadOptions
  readonly #partSize: number
  readonly #pieces: readonly Piece[]
  readonly #parts: UploadedPart[]
  readonly #onTheirWay = new Set<Promise<void>>()
  #multipart: Multipart | undefined
  #offset: number
  /** The bytes from here to the offset are in the buffer; those of the same part before it are in pieces. */
  #bufferStart: number
  #buffer: PartBuffer | undefined
  #spool: Spool | undefined
  #failure: { readonly error: unknown } | undefined

  constructor(options: ObjectUploadOptions) {
    const { means, entry, offset } = options
    this.state = entry.state
    this.#means = means
    this.#options = options
    this.#partSize = entry.partSize
    this.#pieces = entry.pieces
    this.#parts = [...entry.parts]
    this.#multipart = entry.multipart
    this.#offset = offset
    this.#bufferStart = offset
  }

  get offset(): number {
    return this.#offset
  }

  /** Where what was handed over can be read. */
  get spoolPath(): string | undefined {
    return this.#spool?.path
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#options.isSpooled) {
      this.#spool ??= await this.#means.space.openSpool()
      await this.#spool.append(bytes)
    }
    let rest = bytes
    while (rest.length > 0) {
      this.#throwFailure()
      const taken = rest.subarray(0, this.#partSize - (this.#offset % this.#partSize))
      this.#buffer ??= this.#means.space.open(this.#partSize)
      await this.#buffer.append(taken)
      this.#offset += taken.length
      rest = rest.subarray(taken.length)
      if (this.#offset % this.#partSize === 0) await this.#sendPart()
    }
    release(bytes)
  }

  /** What is not a whole part becomes a piece, so that any process can go on. A direct upload keeps it in hand for `finish`. */
  async close(): Promise<void> {
    try {
      await this.#settle()
      if (!this.#options.isDirect && this.#buffer !== undefined) await this.#keepPiece(this.#buffer)
    } finally {
      if (!this.#options.isDirect) await this.dispose()
    }
  }

  /** Makes the object at the key of everything that was written, directly. May be repeated after an error. */
  async finish(): Promise<void> {
    const { bucket } = this.#means
    if (this.#multipart === undefined) {
      await bucket.put(this.#options.key, this.#buffer?.body() ?? new Uint8Array(0))
    } else {
      if (this.#buffer !== undefined) await this.#sendPart()
      await this.#settle()
      await bucket.complete(this.#multipart, this.#sortedParts(), this.#offset)
    }
    await this.dispose()
  }

  /** Gives back the memory of what was not sent, and the file beside it: what has that open reads on. */
  async dispose(): Promise<void> {
    await Promise.allSettled(this.#onTheirWay)
    await this.#buffer?.dispose()
    this.#buffer = undefined
    await this.#spool?.dispose()
    this.#spool = undefined
  }

  async #settle(): Promise<void> {
    await Promise.all(this.#onTheirWay)
    this.#throwFailure()
  }

  async #keepPiece(buffer: PartBuffer): Promise<void> {
    const { bucket, ledger, sending } = this.#means
    const start = this.#bufferStart
    // A request of a writer that died may arrive late: no other writer uses this key.
    const piece = { key: `${this.#options.key}-${start}-${crypto.randomUUID().slice(0, 8)}`, start, length: buffer.length }
    await sending.run(() => bucket.put(piece.key, buffer.body()))
    await ledger.addPiece(this.state, piece).catch(async (error: unknown) => {
      if (error instanceof UploadGoneError) await bucket.delete(piece.key)
      throw error
    })
  }

  /** Sends the part that ends at the offset, and waits only when enough of them are on their way. */
  async #sendPart(): Promise<void> {
    this.#throwFailure()
    const end = this.#offset
    const start = Math.floor((end - 1) / this.#partSize) * this.#partSize
    for (let number = this.#parts.length + this.#onTheirWay.size + 1; number <= start / this.#partSize; number += 1) {
      await this.#send(number, await this.#fromPieces((number - 1) * this.#partSize, number * this.#partSize))
    }
    const buffer = this.#bufferStart > start ? await this.#fromPieces(start, this.#bufferStart, this.#buffer) : this.#buffer
    this.#buffer = undefined
    this.#bufferStart = end
    if (buffer !== undefined) await this.#send(start / this.#partSize + 1, buffer)
  }

  async #send(number: number, buffer: PartBuffer): Promise<void> {
    if (number > MOST_PARTS) throw tooManyParts(this.#partSize)
    this.#multipart ??= await this.#begin()
    const sent = this.#upload(this.#multipart, number, buffer).finally(() => this.#onTheirWay.delete(sent))
    this.#onTheirWay.add(sent)
    if (this.#onTheirWay.size >= PARTS_ON_THEIR_WAY) await Promise.race(this.#onTheirWay)
  }

  async #begin(): Promise<Multipart> {
    const { key, isDirect } = this.#options
    // The object that an earlier one became may be among the pieces.
    const { bucket, ledger } = this.#means
    const ownKey = `${key}-${crypto.randomUUID().slice(0, 8)}`
    const multipart = await (isDirect ? bucket.createMultipart(key) : createOwnMultipart(bucket, ownKey))
    await ledger.setMultipart(this.state, multipart).catch((error: unknown) => this.#abortIfGone(multipart, error))
    return multipart
  }

  /** Never rejects: a failure is thrown by the next write, or by close. */
  async #upload(multipart: Multipart, number: number, buffer: PartBuffer): Promise<void> {
    const { bucket, ledger, sending } = this.#means
    try {
      const part = await sending.run(() => bucket.uploadPart(multipart, number, buffer.body()))
      await ledger.addPart(this.state, part).catch((error: unknown) => this.#abortIfGone(multipart, error))
      this.#parts.push(part)
    } catch (error) {
      this.#failure ??= { error: await this.#asGone(error) }
    } finally {
      await buffer.dispose()
    }
  }

  /** That the store does not know the multipart upload any more is no failure where another request has ended the upload. */
  async #asGone(error: unknown): Promise<unknown> {
    if (!(error instanceof S3Error) || !error.isUploadUnknown) return error
    const isKnown = (await this.#means.ledger.find(this.state)) !== undefined
    return isKnown ? error : new UploadGoneError(`upload ${this.state} has ended`, { cause: error })
  }

  /** A part that arrived while the multipart upload was aborted may have outlived that. */
  async #abortIfGone(multipart: Multipart, error: unknown): Promise<never> {
    if (error instanceof UploadGoneError) await this.#means.bucket.abort(multipart)
    throw error
  }

  /** A part that begins in pieces, and goes on with what is in hand. */
  async #fromPieces(start: number, end: number, rest?: PartBuffer): Promise<PartBuffer> {
    const buffer = this.#means.space.open(this.#partSize)
    for await (const bytes of readPieces(this.#means.bucket, this.#pieces, start, end)) await buffer.append(bytes)
    if (rest === undefined) return buffer
    const body = rest.body()
    if (body instanceof Uint8Array) await buffer.append(body)
    else for await (const bytes of body.stream()) await buffer.append(bytes)
    await rest.dispose()
    return buffer
  }

  #sortedParts(): readonly UploadedPart[] {
    return this.#parts.toSorted((left, right) => left.number - right.number)
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }
}

/** The collector does not see how much memory hangs on small objects; what shares its memory with others is left alone. */
function release(bytes: Uint8Array): void {
  const { buffer } = bytes
  if (buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength) buffer.transfer(0)
}

function tooManyParts(partSize: number): RegistryError {
  const mebibytes = Math.floor((partSize * MOST_PARTS) / (1024 * 1024))
  return new RegistryError('SIZE_INVALID', {
    message: `The blob is larger than ${mebibytes} MiB, the most that the object store takes; the operator can raise storage.s3.chunksize.`,
  })
}
