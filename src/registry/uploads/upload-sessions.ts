import type { Liveness } from '../../metadata/processes.ts'
import type { Metadata } from '../../metadata/query.ts'
import {
  deleteUpload,
  deleteUploadOf,
  findUpload,
  insertUpload,
  recordProgress,
  setUploadWriter,
} from '../../metadata/uploads.ts'
import type { Actor } from '../../observe/actor.ts'
import { algorithmOf, type Digest, type DigestAlgorithm, RunningDigest } from '../../oci/digest.ts'
import type { RegistryError } from '../../oci/errors.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { StorageDriver, UploadState, UploadWriter } from '../../storage/driver.ts'
import { layout } from '../../storage/layout.ts'
import { UploadGoneError } from '../../storage/storage-errors.ts'
import type { BlobPush } from '../content/blob-push.ts'
import type { BlobStore } from '../content/blob-store.ts'
import { QuotaReached } from '../quotas/quota-words.ts'
import type { Quotas, RequireRoom } from '../quotas/quotas.ts'
import { type IncomingChunk, receive, requireSpace } from './incoming.ts'
import { RunningDigests } from './running-digests.ts'
import { Turns } from './turns.ts'
import { digestMismatch, outOfOrder, uploadUnknown } from './upload-errors.ts'
import { type OpenUpload, UploadFiles } from './upload-files.ts'
import { WaitingPlaces } from './waiting-places.ts'

export interface UploadStatus {
  readonly uploadId: string
  /** Bytes held so far: the next chunk starts here. */
  readonly offset: number
}

export interface UploadSessionsOptions {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly blobs: BlobStore
  readonly pushes: BlobPush
  readonly quotas: Pick<Quotas, 'findRoom'>
  readonly processId: string
  readonly epoch: number
  readonly liveness: Liveness
  /** For so long a process that is taken for dead may still begin something; left out, it has ended. */
  readonly lostForMs?: number
}

/** A chunk for a session; `closing` is the digest of a blob that ends with it. */
interface SentChunk {
  readonly repository: RepositoryName
  readonly uploadId: string
  readonly chunk: IncomingChunk
  readonly closing?: Digest
}

/** The end of an upload: its last chunk, which may be empty or the whole blob. */
export interface LastChunk {
  readonly digest: Digest
  readonly chunk: IncomingChunk
  readonly actor: Actor
}

/**
 * Upload sessions (distribution-spec "Pushing blobs"). A session is a row: offset, digest so far, file, and the one request that may
 * write. A request that finds another writer takes over with a file of its own, so that no file ever has two writers.
 */
export class UploadSessions {
  readonly #options: UploadSessionsOptions
  readonly #digests = new RunningDigests()
  readonly #turns = new Turns()
  readonly #places = new WaitingPlaces()
  readonly #files: UploadFiles

  constructor(options: UploadSessionsOptions) {
    this.#options = options
    this.#files = new UploadFiles(options, this.#digests)
  }

  /** end-4a, end-4c. Throws UNAVAILABLE when the storage is in its reserve. */
  async start(repository: RepositoryName, algorithm: DigestAlgorithm): Promise<UploadStatus> {
    await requireSpace(this.#options.storage)
    const id = Bun.randomUUIDv7()
    await this.#options.metadata.write((query) => insertUpload(query, { id, repository, algorithm }), repository)
    return { uploadId: id, offset: 0 }
  }

  /** end-13. Throws BLOB_UPLOAD_UNKNOWN. */
  async status(repository: RepositoryName, uploadId: string): Promise<UploadStatus> {
    const row = await findUpload(this.#options.metadata.read, repository, uploadId)
    if (row === undefined) throw uploadUnknown(uploadId)
    return { uploadId, offset: row.byteOffset }
  }

  /**
   * end-5. Bytes that arrived before the client went away are kept. Throws BLOB_UPLOAD_UNKNOWN; RANGE_INVALID for a chunk that does
   * not start at the offset, with the offset in its detail; SIZE_INVALID; UNAVAILABLE; QuotaReached, which ends the session.
   */
  async append(repository: RepositoryName, uploadId: string, chunk: IncomingChunk): Promise<UploadStatus> {
    return await this.#withChunk({ repository, uploadId, chunk }, async (upload) => {
      if (await this.#record(upload)) return { uploadId, offset: upload.file.offset }
      throw await this.#lostTo(repository, uploadId)
    })
  }

  /**
   * end-6: takes a last chunk, compares the digest and makes the blob live. A wrong digest ends the session. Throws as `append`, and
   * DIGEST_INVALID.
   */
  async close(repository: RepositoryName, uploadId: string, { digest, chunk, actor }: LastChunk): Promise<void> {
    await this.#withChunk({ repository, uploadId, chunk, closing: digest }, async (upload) => {
      const actual = await this.#digestOf(upload, algorithmOf(digest))
      if (actual === digest) return await this.#complete(repository, upload, { digest, actor })
      await this.#end(upload)
      throw digestMismatch(digest, actual)
    })
  }

  /** end-14. Throws BLOB_UPLOAD_UNKNOWN. */
  async cancel(repository: RepositoryName, uploadId: string): Promise<void> {
    const ended = await this.#options.metadata.write(async (query) => {
      const found = await findUpload(query, repository, uploadId)
      return found && (await deleteUpload(query, uploadId))
    }, repository)
    if (ended === undefined) throw uploadUnknown(uploadId)
    this.#digests.forget(uploadId)
    // At once, also where a request still writes to it: that one is told at its end that the session is unknown.
    if (ended.state !== null) await this.#options.storage.abortUpload(ended.state as UploadState)
  }

  /** end-4b: a whole blob in one request. Throws DIGEST_INVALID, SIZE_INVALID, UNAVAILABLE, QuotaReached. */
  async push(repository: RepositoryName, last: LastChunk): Promise<void> {
    const requireRoom = await this.#options.quotas.findRoom(repository, last.digest)
    requireRoom?.(last.chunk.length ?? 0)
    const own = this.#files.enter()
    try {
      const writer = await this.#files.begin(own, layout.blob(last.digest))
      await this.#pushTo(writer, repository, last, requireRoom)
    } finally {
      await this.#files.leave(own)
    }
  }

  async #pushTo(
    writer: UploadWriter,
    repository: RepositoryName,
    { digest, chunk, actor }: LastChunk,
    requireRoom: RequireRoom | undefined,
  ): Promise<void> {
    const { pushes } = this.#options
    try {
      const running = new RunningDigest(algorithmOf(digest))
      try {
        await receive(chunk, { writer, digest: running, turns: this.#turns, places: this.#places, requireRoom })
      } finally {
        await writer.close()
      }
      if (running.digest() !== digest) throw digestMismatch(digest, running.digest())
      await pushes.complete(repository, { digest, size: writer.offset, state: writer.state, uploadId: undefined, actor })
    } catch (error) {
      await this.#files.abandon(writer.state)
      throw error
    }
  }

  /** Whether a request of this process works on the file of an upload. */
  isOpen(state: UploadState): boolean {
    return this.#files.isOpen(state)
  }

  /** Makes this request the writer of the session, takes the chunk, and goes on with the file closed. */
  async #withChunk<Result>(sent: SentChunk, goOn: (upload: OpenUpload) => Promise<Result>): Promise<Result> {
    // What brings nothing is measured in the plan of its end.
    const isEmpty = sent.chunk.length === 0
    const requireRoom = isEmpty ? undefined : await this.#options.quotas.findRoom(sent.repository, sent.closing)
    const own = this.#files.enter()
    try {
      const upload = await this.#takeOver(own, sent)
      await this.#write(upload, sent.chunk, requireRoom)
      return await goOn(upload)
    } finally {
      await this.#files.leave(own)
    }
  }

  /** Opens the file of the session at the acknowledged offset. */
  async #takeOver(own: string, { repository, uploadId, chunk, closing }: SentChunk): Promise<OpenUpload> {
    const { row, writer } = await this.#options.metadata.write(async (query) => {
      const found = await findUpload(query, repository, uploadId)
      if (found === undefined) throw uploadUnknown(uploadId)
      if (chunk.start !== undefined && chunk.start !== found.byteOffset) throw outOfOrder(found)
      const newWriter = this.#files.succeed(own, found.writer)
      await setUploadWriter(query, uploadId, newWriter)
      return { row: found, writer: newWriter }
    }, repository)
    const upload = await this.#files.open(row, writer, { closing, bringsBytes: chunk.length !== 0 })
    if (upload !== undefined) return upload
    const ended = await this.#options.metadata.write((query) => deleteUploadOf(query, uploadId, writer), repository)
    // It may be there, and only shorter than it was.
    if (ended !== undefined && row.state !== null) await this.#files.abandon(row.state as UploadState)
    throw uploadUnknown(uploadId)
  }

  /** What came of a chunk that broke off is kept; but for what a quota has no room for. */
  async #write(upload: OpenUpload, chunk: IncomingChunk, requireRoom: RequireRoom | undefined): Promise<void> {
    const { file: writer, running: digest } = upload
    try {
      try {
        await receive(chunk, { writer, digest, turns: this.#turns, places: this.#places, requireRoom })
      } finally {
        await upload.close()
      }
    } catch (error) {
      if (error instanceof QuotaReached) await this.#end(upload)
      else await this.#record(upload)
      if (error instanceof UploadGoneError) throw await this.#lostTo(upload.row.repository, upload.row.id)
      throw error
    }
  }

  /** False when another request has taken over, or the session has ended: this request's file is of no use then. */
  async #record(upload: OpenUpload): Promise<boolean> {
    const { metadata, epoch } = this.#options
    const { row, writer, file } = upload
    const { offset, state, digest } = upload.progress
    const isOwn = state === file.state
    const progress = {
      byteOffset: offset,
      digest: digest?.digest() ?? null,
      state,
      // Back to the file of which this request made a copy: it may be open as it was.
      writer: isOwn || file.state === row.state ? null : row.writer,
      epoch,
    }
    const { isRecorded, named } = await metadata.write(async (query) => {
      if (await recordProgress(query, row.id, writer, progress)) return { isRecorded: true, named: state }
      const found = await findUpload(query, row.repository, row.id)
      return { isRecorded: false, named: (found?.state ?? null) as UploadState | null }
    }, row.repository)
    if (isRecorded && state !== null && digest !== undefined) this.#digests.keep(row.id, { state, offset, digest })
    await this.#files.keepOnly(named, upload)
    return isRecorded
  }

  async #digestOf(upload: OpenUpload, algorithm: DigestAlgorithm): Promise<Digest> {
    try {
      return await this.#files.digestOf(upload, algorithm)
    } catch (error) {
      if (!(error instanceof UploadGoneError)) throw error
      await this.#end(upload)
      throw uploadUnknown(upload.row.id, error)
    }
  }

  async #complete(
    repository: RepositoryName,
    upload: OpenUpload,
    { digest, actor }: Pick<LastChunk, 'digest' | 'actor'>,
  ): Promise<void> {
    const { state } = upload.file
    try {
      const ended = await this.#options.pushes.complete(repository, {
        digest,
        size: upload.file.offset,
        state,
        uploadId: upload.row.id,
        actor,
      })
      // Another request may have gone on in a file of its own meanwhile, or this one in a copy.
      const named = (ended?.state ?? null) as UploadState | null
      if (named !== null && named !== state) await this.#files.abandon(named)
    } catch (error) {
      if (error instanceof QuotaReached) await this.#end(upload)
      else if (!(error instanceof UploadGoneError)) await this.#record(upload)
      if (!(error instanceof UploadGoneError)) throw error
      await this.#end(upload)
      // A push of the same session, perhaps one that was never answered, may have placed the bytes already.
      if ((await this.#options.blobs.find(repository, digest)) === undefined) throw uploadUnknown(upload.row.id)
    }
  }

  /** The session ends with this request, unless another one has taken it over. */
  async #end(upload: OpenUpload): Promise<void> {
    const { row, writer } = upload
    const named = await this.#options.metadata.write(async (query) => {
      if ((await deleteUploadOf(query, row.id, writer)) !== undefined) return null
      return ((await findUpload(query, row.repository, row.id))?.state ?? null) as UploadState | null
    }, row.repository)
    await this.#files.keepOnly(named, upload)
  }

  async #lostTo(repository: RepositoryName, uploadId: string): Promise<RegistryError> {
    const row = await findUpload(this.#options.metadata.read, repository, uploadId)
    return row === undefined ? uploadUnknown(uploadId) : outOfOrder(row)
  }
}
