import type { BeginUploadOptions, ListedUpload, StoragePath, UploadReader, UploadState, UploadWriter } from '../../driver.ts'
import { openToRead } from '../../filesystem/open-file.ts'
import { newOwnedName, ownerOf } from '../../owned-name.ts'
import { UploadGoneError, uploadGone } from '../../storage-errors.ts'
import type { LedgerEntry, Multipart, Piece } from '../../upload-ledger.ts'
import type { KeySpace } from '../key-space.ts'
import { S3Error } from '../requests/s3-error.ts'
import type { CopySettings } from '../settings.ts'
import { copyWithin } from './object-copy.ts'
import { ObjectUpload, type UploadMeans } from './object-upload.ts'
import { cutPieces, lengthOf, piecesEnd, readPieces } from './pieces.ts'

/** Below it lie the pieces of uploads, and what is put together before it is copied to its place. */
const UPLOADS = 'berth/uploads'

export interface ObjectUploadsOptions {
  readonly means: UploadMeans
  readonly keys: KeySpace
  readonly chunkSize: number
  readonly copy: CopySettings
  /** This process. */
  readonly owner: string | undefined
}

/** All uploads of one process. What they need to go on elsewhere is in the ledger. */
export class ObjectUploads {
  readonly #options: ObjectUploadsOptions
  readonly #means: UploadMeans
  /** Uploads whose place was known from the start: no other process can go on with them. */
  readonly #direct = new Map<UploadState, ObjectUpload>()
  readonly #background = new Set<Promise<void>>()

  constructor(options: ObjectUploadsOptions) {
    this.#options = options
    this.#means = options.means
  }

  async begin(target: StoragePath | undefined, options?: BeginUploadOptions): Promise<UploadWriter> {
    const state = `${UPLOADS}/${newOwnedName(this.#options.owner)}` as UploadState
    const { ledger } = this.#means
    await ledger.begin(state, this.#options.chunkSize)
    const entry = newEntry(state, this.#options.chunkSize)
    const upload = this.#open(entry, 0, target, options)
    if (target !== undefined) this.#direct.set(state, upload)
    return upload
  }

  /** Undefined for an upload without a spool. */
  async openSpool(state: UploadState): Promise<UploadReader | undefined> {
    const path = this.#direct.get(state)?.spoolPath
    return path === undefined ? undefined : await openToRead(path, true)
  }

  async resume(state: UploadState, offset: number): Promise<UploadWriter | undefined> {
    const entry = await this.#means.ledger.find(state)
    if (entry === undefined || lengthOf(entry) < offset || this.#direct.has(state)) return undefined
    const { parts, pieces, partSize } = entry
    const wholeParts = Math.min(parts.length, Math.floor(offset / partSize))
    // Where the offset lies inside a part that was sent, only the store can give its beginning back.
    const isCovered = piecesEnd(pieces, wholeParts * partSize) >= offset
    const kept = isCovered ? pieces : [await this.#freeze(entry, offset)]
    const cut = { ...entry, parts: isCovered ? parts.slice(0, wholeParts) : [], pieces: cutPieces(kept, offset) }
    await this.#means.ledger.cut(state, cut.parts.length, cut.pieces)
    return this.#open(isCovered ? cut : { ...cut, multipart: undefined }, offset, undefined)
  }

  async read(state: UploadState, length: number, start: number): Promise<ReadableStream<Uint8Array> | undefined> {
    const entry = await this.#means.ledger.find(state)
    if (entry === undefined || lengthOf(entry) < length || this.#direct.has(state)) return undefined
    const pieces = piecesEnd(entry.pieces, 0) >= length ? entry.pieces : [await this.#freeze(entry, length)]
    return streamOf(readPieces(this.#means.bucket, pieces, start, length))
  }

  async complete(state: UploadState, target: StoragePath, size: number, { isUnknown } = { isUnknown: false }): Promise<void> {
    const { bucket, ledger } = this.#means
    const key = this.#options.keys.keyOf(target)
    const isThere = async () => (await bucket.head(key))?.size === size
    if (!isUnknown && (await isThere())) return await this.abort(state)
    const direct = this.#direct.get(state)
    if (direct !== undefined) {
      await direct.finish()
      this.#direct.delete(state)
      return await ledger.remove(state)
    }
    const entry = await ledger.find(state)
    if (entry === undefined || lengthOf(entry) < size) {
      // It was completed before.
      if (isUnknown && (await isThere())) return await this.abort(state)
      throw uploadGone(state)
    }
    await this.#place(entry, key, size)
    await this.abort(state)
  }

  async abort(state: UploadState): Promise<void> {
    const { ledger } = this.#means
    await this.#direct.get(state)?.dispose()
    this.#direct.delete(state)
    const entry = await ledger.find(state)
    if (entry === undefined) return
    await ledger.remove(state)
    this.#inBackground(this.#delete(entry))
  }

  async list(): Promise<readonly ListedUpload[]> {
    const entries = await this.#means.ledger.list()
    return entries.map(({ state, changedAtMs }) => ({ state, changedAtMs, owner: ownerOf(state.slice(UPLOADS.length + 1)) }))
  }

  /** The files in which processes that are gone gathered parts. */
  async removePartsOf(isGone: (owner: string) => Promise<boolean>): Promise<void> {
    await this.#means.space.removeOthers(isGone)
  }

  /** Removes what no upload of the ledger has: from a process that died between two steps, or a ledger that was lost. */
  async removeLeftovers(untouchedForMs: number, blobs: StoragePath): Promise<void> {
    const { bucket, ledger } = this.#means
    const { keys } = this.#options
    const known = await ledger.list()
    const before = bucket.storeTimeMs() - untouchedForMs
    for await (const { key, changedAtMs } of bucket.listAll(keys.prefixOf(UPLOADS as StoragePath))) {
      const isKnown = known.some(({ state }) => key.startsWith(keys.keyOf(state as string as StoragePath)))
      if (!isKnown && changedAtMs <= before) await bucket.delete(key)
    }
    for (const place of [UPLOADS as StoragePath, blobs]) {
      for (const { key, uploadId, beganAtMs } of await bucket.listMultiparts(keys.prefixOf(place))) {
        const isKnown = known.some(({ multipart }) => multipart?.uploadId === uploadId)
        if (!isKnown && beganAtMs <= before) await bucket.abort({ key, uploadId })
      }
    }
  }

  async close(): Promise<void> {
    for (const upload of this.#direct.values()) await upload.dispose()
    await Promise.all(this.#background)
    await this.#means.space.close()
  }

  #open(entry: LedgerEntry, offset: number, target: StoragePath | undefined, options?: BeginUploadOptions): ObjectUpload {
    const key = this.#options.keys.keyOf(target ?? (entry.state as string as StoragePath))
    const isDirect = target !== undefined
    const isSpooled = isDirect && options?.isReadMeanwhile === true
    return new ObjectUpload({ means: this.#means, entry, offset, key, isDirect, isSpooled })
  }

  async #place(entry: LedgerEntry, key: string, size: number): Promise<void> {
    const { bucket } = this.#means
    const { pieces, multipart, partSize } = entry
    const isInPieces = piecesEnd(pieces, 0) >= size
    // Nothing cannot be copied.
    if (size === 0) return await this.#assemble(entry, key, size)
    if (isInPieces && pieces.length !== 1 && size <= partSize) return await this.#assemble(entry, key, size)
    if (isInPieces && pieces.length !== 1 && multipart === undefined) return await this.#sendAgain(entry, key, size)
    const whole = await this.#freeze(entry, size)
    if (await copyWithin(bucket, this.#options.copy, { from: whole.key, length: whole.length, to: key, size })) return
    await this.#sendAgain({ ...entry, pieces: [whole] }, key, size)
  }

  /** Puts an object together from a few pieces, or from none. */
  async #assemble({ pieces, partSize }: LedgerEntry, key: string, size: number): Promise<void> {
    const { bucket, space, sending } = this.#means
    const buffer = space.open(partSize)
    try {
      for await (const bytes of readPieces(bucket, pieces, 0, size)) await buffer.append(bytes)
      await sending.run(() => bucket.put(key, buffer.body()))
    } finally {
      await buffer.dispose()
    }
  }

  /** For a store that cannot copy, or pieces that are no object together: the bytes come here and go back. */
  async #sendAgain(entry: LedgerEntry, key: string, size: number): Promise<void> {
    const state = `${entry.state}-${crypto.randomUUID().slice(0, 8)}` as UploadState
    await this.#means.ledger.begin(state, entry.partSize)
    const upload = new ObjectUpload({
      means: this.#means,
      entry: newEntry(state, entry.partSize),
      offset: 0,
      key,
      isDirect: true,
      isSpooled: false,
    })
    try {
      for await (const bytes of readPieces(this.#means.bucket, entry.pieces, 0, size)) await upload.write(bytes)
      await upload.close()
      await upload.finish()
    } finally {
      await upload.dispose()
      await this.abort(state)
    }
  }

  /**
   * Makes one object that begins with the first `size` bytes, and can be read and copied. The multipart upload ends with it. Where the last
   * of these bytes lie inside a part that was sent, only the whole part can be had.
   */
  async #freeze(entry: LedgerEntry, size: number): Promise<Piece> {
    const { bucket, ledger } = this.#means
    const { state, multipart, pieces, partSize } = entry
    const whole = pieces.find(({ start, length }) => start === 0 && length >= size)
    if (whole !== undefined) return whole
    if (multipart === undefined) throw new UploadGoneError(`upload ${state} has no whole object and no parts`)
    const before = Math.min(entry.parts.length, Math.floor(size / partSize))
    const isCovered = piecesEnd(pieces, before * partSize) >= size
    const parts = entry.parts.slice(0, isCovered ? before : before + 1)
    const length = isCovered ? size : parts.length * partSize
    try {
      await this.#putTogether({ ...entry, multipart, parts }, length)
    } catch (error) {
      // A process that completed it before may have died before the ledger knew.
      if (!(error instanceof S3Error && error.isUploadUnknown) || (await bucket.head(multipart.key))?.size !== length) throw error
    }
    const frozen = { key: multipart.key, start: 0, length }
    await ledger.endMultipart(state, [frozen])
    this.#inBackground(this.#deletePieces(pieces))
    return frozen
  }

  /** Of parts that were sent, and of pieces from their end on: where a part failed, these may be longer than one part. */
  async #putTogether(entry: LedgerEntry & { readonly multipart: Multipart }, size: number): Promise<void> {
    const { bucket, sending, space } = this.#means
    const { multipart, partSize, pieces } = entry
    const parts = [...entry.parts]
    for (let start = parts.length * partSize; start < size; start += partSize) {
      const buffer = space.open(partSize)
      try {
        for await (const bytes of readPieces(bucket, pieces, start, Math.min(size, start + partSize))) await buffer.append(bytes)
        parts.push(await sending.run(() => bucket.uploadPart(multipart, parts.length + 1, buffer.body())))
      } finally {
        await buffer.dispose()
      }
    }
    await bucket.complete(multipart, parts, size)
  }

  async #delete({ multipart, pieces }: LedgerEntry): Promise<void> {
    const { bucket } = this.#means
    // One that became an object at its place, or at the key of the upload, is unknown by now.
    if (multipart !== undefined) await bucket.abort(multipart)
    await this.#deletePieces(pieces)
  }

  async #deletePieces(pieces: readonly Piece[]): Promise<void> {
    await Promise.all(pieces.map(({ key }) => this.#means.bucket.delete(key)))
  }

  /** What fails stays for the next sweep of leftovers. */
  #inBackground(task: Promise<void>): void {
    const settled = task.catch(() => undefined).finally(() => this.#background.delete(settled))
    this.#background.add(settled)
  }
}

function newEntry(state: UploadState, partSize: number): LedgerEntry {
  return { state, multipart: undefined, partSize, parts: [], pieces: [], changedAtMs: Date.now() }
}

function streamOf(parts: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await parts.next()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      async cancel() {
        await parts.return(undefined)
      },
    },
    { highWaterMark: 0 },
  )
}
