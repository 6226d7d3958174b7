import type { Placement, StorageSpace } from '../driver.ts'
import { storageFull } from '../storage-errors.ts'
import { reserveOf } from './reserve.ts'

/** What a writer is granted at a time: the disk is looked at once for so much. */
const GRANT_BYTES = 1024 * 1024

/** A file takes a block, and so does a directory. */
const BLOCK_BYTES = 4096

/** What small files need. Berth's own records are metadata and may lie in the reserve. */
export function placedBytes(placements: readonly Placement[]): number {
  const files = placements.filter(({ directory }) => !directory.startsWith('berth/')).flatMap((placement) => placement.files)
  return files.reduce((sum, { bytes }) => sum + bytes.length + 2 * BLOCK_BYTES, 0)
}

interface Free {
  readonly freeBytes: number
  readonly totalBytes: number
}

/**
 * The one place where space is asked for. What was granted and is not written yet counts as taken, so that many writers at once leave the
 * reserve alone as one does: deletes and metadata live in it.
 */
export class DiskSpace {
  readonly #look: () => Promise<Free>
  #granted = 0

  constructor(look: () => Promise<Free>) {
    this.#look = look
  }

  async now(): Promise<StorageSpace> {
    const { freeBytes, totalBytes } = await this.#look()
    return { freeBytes: Math.max(0, freeBytes - this.#granted), reserveBytes: reserveOf(totalBytes) }
  }

  /** The caller gives the bytes back, once they are written or will not be. Throws `storageFull`. */
  async take(bytes: number): Promise<void> {
    const { freeBytes, totalBytes } = await this.#look()
    // Between this look at what was granted and the grant nothing else runs.
    if (freeBytes - this.#granted - bytes < reserveOf(totalBytes)) throw storageFull()
    this.#granted += bytes
  }

  give(bytes: number): void {
    this.#granted -= bytes
  }

  /** For writes of a known size. Nothing is asked for where that is 0. Throws `storageFull`. */
  async during<Result>(bytes: number, write: () => Promise<Result>): Promise<Result> {
    if (bytes > 0) await this.take(bytes)
    try {
      return await write()
    } finally {
      this.give(bytes)
    }
  }

  /** For a writer that does not know how much will come. */
  allowance(): Allowance {
    return new Allowance(this)
  }
}

/** What one writer may still write. Its owner ends it. */
export class Allowance {
  readonly #space: Pick<DiskSpace, 'take' | 'give'>
  #left = 0

  constructor(space: Pick<DiskSpace, 'take' | 'give'>) {
    this.#space = space
  }

  /** Before so many bytes are written. Throws `storageFull`. */
  async ask(bytes: number): Promise<void> {
    const missing = bytes - this.#left
    if (missing <= 0) return
    const granted = Math.max(missing, GRANT_BYTES)
    await this.#space.take(granted)
    this.#left += granted
  }

  /** They are written: the disk itself counts them now. */
  written(bytes: number): void {
    this.#left -= bytes
    this.#space.give(bytes)
  }

  end(): void {
    this.#space.give(this.#left)
    this.#left = 0
  }
}
