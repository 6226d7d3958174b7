import { algorithmOf, type Digest, RunningDigest } from '../oci/digest.ts'
import type { StorageDriver, UploadWriter } from '../storage/driver.ts'
import { layout } from '../storage/layout.ts'
import type { CopyProblem, CopyProgress } from './copy-progress.ts'

export interface CopyOptions {
  readonly source: StorageDriver
  readonly target: StorageDriver
  readonly progress: CopyProgress
  readonly onProblem: (problem: CopyProblem) => void
  /** Ends the copy soon; nothing half-made stays visible. */
  readonly signal: AbortSignal
}

/** The source cannot be read any more. */
export class SourceGoneError extends Error {
  override readonly name = 'SourceGoneError'
}

/** So many blobs in a row that cannot be read mean that the source is not there, and not that they are broken. */
const MOST_UNREADABLE_IN_A_ROW = 20

/** What became of a blob: the target has it; the source has none; it was named as a problem. */
export type BlobFate = 'whole' | 'absent' | 'bad'

/** Copies blobs, each once, and lets none into the target but with the bytes of its digest. */
export class BlobCopy {
  readonly #options: CopyOptions
  /** In the target, whole. A million of them take about 100 MB. */
  readonly #whole = new Set<Digest>()
  readonly #running = new Map<Digest, Promise<BlobFate>>()
  /** Named as problems already. */
  readonly #bad = new Set<Digest>()
  #unreadableInARow = 0

  constructor(options: CopyOptions) {
    this.#options = options
  }

  /** Copies a blob unless that has been tried. Throws what the target says. */
  async ensure(digest: Digest): Promise<BlobFate> {
    if (this.#whole.has(digest)) return 'whole'
    if (this.#bad.has(digest)) return 'bad'
    const running = this.#running.get(digest) ?? this.#copy(digest).finally(() => this.#running.delete(digest))
    this.#running.set(digest, running)
    return await running
  }

  async #copy(digest: Digest): Promise<BlobFate> {
    const { source, target, progress, signal } = this.#options
    signal.throwIfAborted()
    const path = layout.blob(digest)
    try {
      const entry = await fromSource(source.stat(path))
      if (entry?.kind !== 'file') return 'absent'
      const there = await target.stat(path)
      const isThere = there?.kind === 'file' && there.size === entry.size
      if (isThere) progress.blobsPresent += 1
      else if (!(await this.#copyBytes(digest, entry.size))) return 'bad'
      this.#whole.add(digest)
      this.#unreadableInARow = 0
      return 'whole'
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw error
      // Removed since it was listed: no problem, its links are going as well.
      if ((await source.stat(path).catch(() => 'unknown')) === undefined) return 'absent'
      this.#report({ kind: 'unreadable-blob', digest, reason: error.message })
      this.#unreadableInARow += 1
      if (this.#unreadableInARow >= MOST_UNREADABLE_IN_A_ROW) throw new SourceGoneError(error.message, { cause: error })
      return 'bad'
    }
  }

  /** False when the bytes are not those of the digest. */
  async #copyBytes(digest: Digest, size: number): Promise<boolean> {
    const { target, progress } = this.#options
    const writer = await target.beginUpload(layout.blob(digest))
    try {
      const { actual, length } = await this.#stream(digest, writer)
      await writer.close()
      if (actual === digest && length === size) {
        await target.completeUpload(writer.state, layout.blob(digest), size)
        progress.blobsCopied += 1
        return true
      }
      await target.abortUpload(writer.state)
      this.#report({ kind: 'damaged-blob', digest, size: length, actual })
      return false
    } catch (error) {
      await writer.close().catch(() => undefined)
      await target.abortUpload(writer.state).catch(() => undefined)
      throw error
    }
  }

  async #stream(digest: Digest, writer: UploadWriter): Promise<{ readonly actual: Digest; readonly length: number }> {
    const { source, signal, progress } = this.#options
    const running = new RunningDigest(algorithmOf(digest))
    let length = 0
    for await (const chunk of chunksFrom(() => source.content(layout.blob(digest)))) {
      signal.throwIfAborted()
      running.update(chunk)
      length += chunk.length
      progress.bytesCopied += chunk.length
      await writer.write(chunk)
    }
    return { actual: running.digest(), length }
  }

  #report(problem: CopyProblem & { readonly digest: Digest }): void {
    this.#bad.add(problem.digest)
    this.#options.onProblem(problem)
  }
}

/** The source failed, and not the target. */
class UnreadableError extends Error {
  override readonly name = 'UnreadableError'
}

/** A generator that its reader leaves fails no more: what is caught here comes from the source. */
async function* chunksFrom(open: () => Promise<Blob | ReadableStream<Uint8Array> | undefined>): AsyncGenerator<Uint8Array> {
  try {
    const content = await open()
    if (content === undefined) throw new Error('it is not there any more')
    yield* content instanceof Blob ? content.stream() : content
  } catch (cause) {
    throw unreadable(cause)
  }
}

async function fromSource<Result>(reading: Promise<Result>): Promise<Result> {
  try {
    return await reading
  } catch (cause) {
    throw unreadable(cause)
  }
}

function unreadable(cause: unknown): UnreadableError {
  return new UnreadableError(cause instanceof Error ? cause.message : String(cause), { cause })
}
