import { setImmediate } from 'node:timers/promises'
import { algorithmOf, type Digest, RunningDigest } from '../../oci/digest.ts'
import type { StorageDriver } from '../../storage/driver.ts'
import { layout } from '../../storage/layout.ts'
import { StorageFault } from '../../storage/storage-errors.ts'

/** More at a time would hold up the event loop: SHA-512 of a MiB takes 2 ms. */
const HASHED_AT_ONCE = 1024 * 1024
/** A blob that changes while it is read is read again so often. */
const MOST_READS = 4

/** What the storage said of a file before its bytes were read. When it says something else by now, the bytes say nothing about the file. */
export interface SeenFile {
  /** Bytes; 0 for what is no file. */
  readonly size: number
  readonly changedAtMs: number
}

export type Verdict =
  | { readonly kind: 'whole'; readonly size: number }
  /** Read twice, and both times the bytes were not those of the digest; or a directory lies where the file should be. */
  | { readonly kind: 'damaged'; readonly seen: SeenFile }
  | { readonly kind: 'absent' }
  /** A part of the disk does not answer. Nothing is known of the bytes. */
  | { readonly kind: 'unreadable'; readonly cause: unknown }

export interface BlobBytesOptions {
  readonly storage: Pick<StorageDriver, 'stat' | 'content'>
  /** Is told of bytes that were read; resolves when more may be. */
  readonly pace: (bytes: number, signal: AbortSignal) => Promise<void>
  /** Throws when the storage as a whole does not answer. */
  readonly askStorage: () => Promise<unknown>
}

/** Reads the bytes of blobs and compares them with their digests. */
export class BlobBytes {
  readonly #options: BlobBytesOptions

  constructor(options: BlobBytesOptions) {
    this.#options = options
  }

  /** `target`: the digest under which the bytes lie. Throws the reason of the signal, and what the storage as a whole throws. */
  async verify(digest: Digest, signal: AbortSignal, target: Digest = digest): Promise<Verdict> {
    let last: SeenFile | undefined
    for (let read = 1; ; read += 1) {
      try {
        const seen = await this.#look(target)
        if (seen === undefined) return { kind: 'absent' }
        if (seen === 'directory') return { kind: 'damaged', seen: { size: 0, changedAtMs: 0 } }
        if ((await this.#digestAt(target, algorithmOf(digest), signal)) === digest) return { kind: 'whole', size: seen.size }
        // The first reading may have met a push that replaced the file, or memory that was bad for a moment.
        if (last !== undefined && isSame(seen, last) && isSame(seen, await this.#look(target))) return { kind: 'damaged', seen }
        last = seen
      } catch (error) {
        signal.throwIfAborted()
        await this.#options.askStorage()
        // It was removed between the look and the reading.
        if ((await this.#lookOrFault(target)) === undefined) return { kind: 'absent' }
        return { kind: 'unreadable', cause: error instanceof StorageFault ? (error.cause ?? error) : error }
      }
      if (read === MOST_READS) return { kind: 'unreadable', cause: new Error('the bytes change each time they are read') }
    }
  }

  async #look(digest: Digest): Promise<SeenFile | 'directory' | undefined> {
    const entry = await this.#options.storage.stat(layout.blob(digest))
    if (entry === undefined) return undefined
    return entry.kind === 'directory' ? 'directory' : { size: entry.size, changedAtMs: entry.changedAtMs }
  }

  async #lookOrFault(digest: Digest): Promise<SeenFile | 'directory' | 'fault' | undefined> {
    try {
      return await this.#look(digest)
    } catch (error) {
      if (error instanceof StorageFault) return 'fault'
      throw error
    }
  }

  /** Undefined when there is nothing to read. */
  async #digestAt(target: Digest, algorithm: 'sha256' | 'sha512', signal: AbortSignal): Promise<Digest | undefined> {
    const { storage, pace } = this.#options
    const content = await storage.content(layout.blob(target), undefined, 'storage')
    if (content === undefined) return undefined
    const running = new RunningDigest(algorithm)
    for await (const chunk of content instanceof Blob ? content.stream() : content) {
      for (let start = 0; start < chunk.length; start += HASHED_AT_ONCE) {
        const part = chunk.subarray(start, start + HASHED_AT_ONCE)
        running.update(part)
        await pace(part.length, signal)
        await setImmediate()
        signal.throwIfAborted()
      }
    }
    return running.digest()
  }
}

export function isSame(one: SeenFile, other: SeenFile | 'directory' | undefined): boolean {
  return other !== undefined && other !== 'directory' && one.size === other.size && one.changedAtMs === other.changedAtMs
}
