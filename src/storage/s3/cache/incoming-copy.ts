import type { Digest } from '../../../oci/digest.ts'
import { within } from '../../../runtime/deadline.ts'
import type { CacheSpace } from './cache-space.ts'

/** A client waits for the disk of the cache no longer than this; then the copy is given up. */
const PATIENCE_MS = 500

export interface IncomingCopyOptions {
  readonly space: CacheSpace
  readonly size: number
  readonly onFailure: (error: unknown) => void
}

type Reserved = NonNullable<Awaited<ReturnType<CacheSpace['reserve']>>>

/** The file of a blob that is being pulled. Its owner calls `end`, whatever happened; nothing here throws. */
export class IncomingCopy {
  readonly #options: IncomingCopyOptions
  /** What the disk does, one after the other; undefined once there is no file, or no more. */
  #work: Promise<Reserved | undefined>
  #position = 0
  #isGivenUp = false

  constructor(options: IncomingCopyOptions) {
    this.#options = options
    this.#work = options.space.reserve(options.size).catch((error: unknown) => this.#fail(error))
  }

  /** Writes them to the file, if there is one, and gives bytes that are the caller's: the same, unless the disk still needs them. */
  async write(bytes: Uint8Array): Promise<Uint8Array> {
    if (this.#isGivenUp) return bytes
    const position = this.#position
    this.#position += bytes.length
    this.#work = this.#work.then((file) => file && this.#writeTo(file, bytes, position))
    if ((await within(this.#work, PATIENCE_MS, 'late')) !== 'late') return bytes
    this.#isGivenUp = true
    return bytes.slice()
  }

  /** Makes the file that of the digest; without one it goes. */
  async end(digest: Digest | undefined): Promise<void> {
    const isKept = digest !== undefined && !this.#isGivenUp
    this.#isGivenUp = true
    const file = await this.#work
    this.#work = Promise.resolve(undefined)
    if (file === undefined) return
    try {
      if (isKept) await this.#options.space.place(file, digest)
      else await this.#options.space.remove(file.path, file.handle)
    } catch (error) {
      this.#options.onFailure(error)
      await this.#options.space.remove(file.path, file.handle).catch(() => undefined)
    }
  }

  async #writeTo(file: Reserved, bytes: Uint8Array, position: number): Promise<Reserved | undefined> {
    if (this.#isGivenUp) return file
    try {
      for (let written = 0; written < bytes.length; ) {
        written += (await file.handle.write(bytes, written, bytes.length - written, position + written)).bytesWritten
      }
      return file
    } catch (error) {
      await this.#options.space.remove(file.path, file.handle).catch(() => undefined)
      return this.#fail(error)
    }
  }

  #fail(error: unknown): undefined {
    this.#isGivenUp = true
    this.#options.onFailure(error)
  }
}
