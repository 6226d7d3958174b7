import { setTimeout as pause, setImmediate } from 'node:timers/promises'
import { ownWork } from '../../observe/actor.ts'
import type { Log } from '../../observe/log.ts'
import { algorithmOf, type Digest, RunningDigest } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { StorageDriver, UploadWriter } from '../../storage/driver.ts'
import { layout } from '../../storage/layout.ts'
import type { NamedUpstream, UpstreamBlob } from '../../upstream/upstream.ts'
import { noAnswer, UpstreamFailure, wrongAnswer } from '../../upstream/upstream-failure.ts'
import type { PulledRegistry } from '../../upstream/upstreams.ts'
import type { BlobPush } from '../content/blob-push.ts'
import type { BlobStore } from '../content/blob-store.ts'
import { restAfterSmallChunk } from '../rest.ts'
import { requireSpace } from '../uploads/incoming.ts'
import type { Turns } from '../uploads/turns.ts'
import type { UploadFiles } from '../uploads/upload-files.ts'
import type { ArrivingBlob } from './arriving-blob.ts'
import type { FetchRows, ToldFile } from './fetch-rows.ts'
import type { MirrorEvents } from './mirror-events.ts'
import type { MirrorSpace } from './space/mirror-space.ts'

export interface BlobFetchParts {
  readonly upstream: PulledRegistry
  readonly storage: StorageDriver
  readonly blobs: Pick<BlobStore, 'find' | 'content'>
  readonly pushes: BlobPush
  readonly files: UploadFiles
  readonly turns: Turns
  readonly rows: Pick<FetchRows, 'tell'>
  /** Undefined: it has no limit. */
  readonly space: Pick<MirrorSpace, 'admit' | 'isTooLarge'> | undefined
  readonly events: MirrorEvents
  /** Of what a rule brings: resolves when more bytes may come that no request waits for. Undefined: a client asks for it, and they come at once. */
  readonly pace: ((bytes: number) => Promise<void>) | undefined
  /** Ends the fetch where it is. */
  readonly signal: AbortSignal
  readonly log: Log
}

/** How often a fetch that broke off is tried again before another byte has come: half a minute in all. */
const MOST_FAILURES = 8
const FIRST_PAUSE_MS = 100
const COPIED_AT_ONCE = 1024 * 1024
/** Readers wait for them: they have these before they are in the file, and before the rest of what came is hashed and written. */
const FIRST_BYTES = 16 * 1024

/** Brings one blob of one repository from the upstream into the storage, whether or not a request still waits for it. */
export class BlobFetch {
  readonly #repository: RepositoryName
  readonly #digest: Digest
  readonly #arriving: ArrivingBlob
  readonly #parts: BlobFetchParts
  readonly #running: RunningDigest
  /** As the upstream declared it first. */
  #size: number | undefined
  /** Its readers know of its file and size: the runtime may have lost the first bytes of an answer that broke off. */
  #hasBegun = false
  /** Other processes are told of its file while this one has its first bytes. */
  #telling: Promise<void> = Promise.resolve()
  /** It is larger than all of its mirror: it goes through, and nothing goes for it. */
  #passes = false
  #bytesId: string = crypto.randomUUID()
  /** What sent the last bytes. */
  #from: NamedUpstream

  constructor(repository: RepositoryName, digest: Digest, arriving: ArrivingBlob, parts: BlobFetchParts) {
    this.#repository = repository
    this.#digest = digest
    this.#arriving = arriving
    this.#parts = parts
    this.#running = new RunningDigest(algorithmOf(digest))
    this.#from = parts.upstream
  }

  /** Never rejects: `arriving` tells its readers how it ended. `left`: what the fetch of a process that died has brought. */
  async run(left: ToldFile | undefined): Promise<void> {
    const { blobs, storage, events, signal, log } = this.#parts
    const fields = () => ({ upstream: this.#from.origin, ...this.#name })
    try {
      // The fetch before this one may have ended since the request looked.
      const found = await blobs.find(this.#repository, this.#digest)
      if (found !== undefined) return this.#arriving.end(found)
      await requireSpace(storage)
      const size = await this.#fetch(left)
      if (!this.#passes) this.#arriving.end({ digest: this.#digest, size, target: this.#digest })
      events.fetched(size, this.#from.origin)
      const message = this.#passes ? 'a blob was fetched and not kept: it is larger than all of its mirror' : 'a blob was fetched'
      log.info(message, { ...fields(), size })
    } catch (cause) {
      // What is broken off fails in many ways.
      const error = signal.aborted ? signal.reason : cause
      this.#arriving.fail(error)
      if (!isAnswer(error)) log.warn('a blob was not fetched', { ...fields(), error })
    }
  }

  get #name() {
    return { repository: this.#repository, digest: this.#digest }
  }

  /** Gives its size. The file of the upload belongs to this fetch until then, and goes with it when it fails. */
  async #fetch(left: ToldFile | undefined): Promise<number> {
    const { files } = this.#parts
    const own = files.enter()
    try {
      const writer = await files.begin(own, layout.blob(this.#digest), { isReadMeanwhile: true })
      try {
        await this.#bringAll(writer, left)
        await this.#place(writer)
        if (this.#passes) await files.abandon(writer.state)
        return writer.offset
      } catch (error) {
        await files.abandon(writer.state)
        throw error
      }
    } finally {
      await files.leave(own)
    }
  }

  async #bringAll(writer: UploadWriter, left: ToldFile | undefined): Promise<void> {
    try {
      if (left !== undefined) await this.#takeOver(left, writer)
      await this.#bringInto(writer)
    } finally {
      // Also where it failed: told any later, the row of the next fetch would name this file.
      await this.#telling.catch(() => undefined)
      await writer.close()
    }
  }

  /** What has come before is hashed anew, and goes on in a file of this process: that of a dead one is removed by any other. */
  async #takeOver({ file, bytesId, size }: ToldFile, writer: UploadWriter): Promise<void> {
    const { storage, turns, log } = this.#parts
    const reader = await storage.openUpload(file)
    if (reader === undefined) return
    try {
      this.#size = size
      this.#bytesId = bytesId
      await this.#begin(writer)
      await this.#telling
      const end = Math.min((await reader.size()) ?? 0, size ?? Number.POSITIVE_INFINITY)
      while (writer.offset < end) {
        const part = { start: writer.offset, end: Math.min(end, writer.offset + COPIED_AT_ONCE) }
        const bytes = await reader.read(part, { isRecent: false })
        if (bytes === undefined) break
        await this.#keep(bytes, writer)
        await turns.pass(bytes.length, () => true)
      }
    } finally {
      await reader.close()
    }
    log.info('a fetch goes on for a process that has ended', { ...this.#name, offset: writer.offset })
  }

  async #keep(bytes: Uint8Array, writer: UploadWriter): Promise<void> {
    const offset = writer.offset + bytes.length
    this.#running.update(bytes)
    await writer.write(bytes)
    this.#arriving.arrive(offset)
  }

  /** A fetch that broke off goes on where it was; one of which no client has heard yet is for its clients to repeat. */
  async #bringInto(writer: UploadWriter): Promise<void> {
    const { log, signal } = this.#parts
    let failures = 0
    while (this.#size === undefined || writer.offset < this.#size || !this.#hasBegun) {
      const before = writer.offset
      try {
        return await this.#bringRest(writer)
      } catch (error) {
        failures = writer.offset > before ? 1 : failures + 1
        const mayGoOn = error instanceof UpstreamFailure && error.mayPass && this.#hasBegun && failures < MOST_FAILURES
        if (!mayGoOn) throw error
        log.warn('a fetch broke off, it goes on', {
          upstream: this.#from.origin,
          digest: this.#digest,
          offset: writer.offset,
          error,
        })
        await pause(FIRST_PAUSE_MS * 2 ** (failures - 1), undefined, { signal })
      }
    }
  }

  async #bringRest(writer: UploadWriter): Promise<void> {
    const { upstream, signal } = this.#parts
    const blob = await upstream.openBlob(this.#repository, this.#digest, writer.offset, signal)
    if (blob === undefined) throw unknownUpstream(upstream, this.#digest)
    try {
      await this.#takeAll(blob, writer)
    } finally {
      blob.discard()
    }
  }

  async #takeAll(blob: UpstreamBlob, writer: UploadWriter): Promise<void> {
    this.#from = blob.from
    const isFirst = !this.#hasBegun
    if (isFirst) this.#size = blob.size
    else if (isOther(blob.size, this.#size)) throw this.#wrong(`says ${blob.size} bytes, and before ${this.#size},`)
    if (isFirst) await this.#begin(writer)
    await this.#take(blob, writer)
    await this.#telling
    if (this.#size !== undefined && writer.offset < this.#size) throw noAnswer(this.#from.asked, new Error('a blob ended early'))
  }

  async #begin({ state: file }: UploadWriter): Promise<void> {
    const { space, rows, pace } = this.#parts
    const told = { file, bytesId: this.#bytesId, size: this.#size }
    this.#passes = pace === undefined && space?.isTooLarge(this.#size) === true
    if (!this.#passes) await space?.admit(this.#name, this.#size ?? 0)
    this.#hasBegun = true
    this.#arriving.comeInto(told)
    this.#telling = rows.tell(this.#name, told)
    // It is waited for when the first bytes are kept.
    this.#telling.catch(() => undefined)
  }

  async #take({ start, chunks }: UpstreamBlob, writer: UploadWriter): Promise<void> {
    const { turns, pace } = this.#parts
    // An upstream that does not know Range sends what is here already.
    let known = writer.offset - start
    for await (const chunk of chunks) {
      const bytes = chunk.subarray(Math.min(known, chunk.length))
      known -= chunk.length - bytes.length
      const { length } = bytes
      if (length === 0) continue
      const offset = writer.offset + length
      if (this.#size !== undefined && offset > this.#size)
        throw this.#wrong(`sends more than the ${this.#size} bytes that it says`)
      const first = writer.offset === 0 ? Math.min(length, FIRST_BYTES) : 0
      if (first > 0) await this.#keepFirst(bytes.subarray(0, first), writer)
      if (first < length) await this.#keep(bytes.subarray(first), writer)
      await turns.pass(length, () => true)
      await restAfterSmallChunk(length)
      if (!this.#arriving.isRead) await pace?.(length)
    }
  }

  async #keepFirst(bytes: Uint8Array, writer: UploadWriter): Promise<void> {
    this.#arriving.startWith(bytes)
    await this.#keep(bytes, writer)
    await this.#telling
    await setImmediate()
  }

  async #place({ offset: size, state }: UploadWriter): Promise<void> {
    const { pushes } = this.#parts
    const digest = this.#digest
    const actual = this.#running.digest()
    if (actual !== digest) throw this.#wrong(`sends ${size} bytes whose digest is ${actual}`)
    if (this.#passes) return await this.#arriving.pass(size)
    this.#arriving.prove(size)
    await pushes.complete(this.#repository, { digest, size, state, uploadId: undefined, actor: ownWork('mirror') })
  }

  #wrong(what: string): UpstreamFailure {
    return wrongAnswer(this.#from.asked, `${what} for the blob ${this.#digest}`)
  }
}

export function unknownUpstream({ asked }: Pick<NamedUpstream, 'asked'>, digest: Digest): RegistryError {
  return new RegistryError('BLOB_UNKNOWN', { message: `${asked} has no such blob in this repository (404).`, detail: { digest } })
}

/** An upstream may say a size at one time and none at another. */
function isOther(size: number | undefined, before: number | undefined): boolean {
  return size !== undefined && before !== undefined && size !== before
}

/** What an upstream says of content is no failure of this registry. */
function isAnswer(error: unknown): boolean {
  return error instanceof RegistryError && error.code !== 'UNAVAILABLE' && error.code !== 'UNKNOWN'
}
