import { fstatSync, openSync, read } from 'node:fs'
import { totalmem } from 'node:os'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'

/** Fills the bytes from there on, or with what is left, in a thread of the file pool. */
export type ReadAt = (file: number, bytes: Uint8Array, at: number) => Promise<unknown>

const readLater = promisify(read)

/** Where much else is read, or the kernel pages out what was not read for a while (DAMON), pages leave the memory again. */
const WARM_MS = 60_000
const BYTES_AT_ONCE = 1024 * 1024
/** Between two reads, so that requests have the disk and the memory first. */
const PAUSE_MS = 2
/** A file that takes more of the memory would push its own pages out again. */
const LARGEST_PART = 1 / 2

export interface WarmFileOptions {
  readonly nowMs?: () => number
  /** Bytes of memory that this process may have. */
  readonly memoryBytes?: number
  readonly readAt?: ReadAt
}

/**
 * Has the system keep the pages of the database file in memory. SQLite reads a page in the thread that asks, and while it waits for the disk no other
 * request of the process is answered: 100 to 600 ms for a page on a disk that has much to write. Here the file is read by the threads of the file pool.
 */
export class WarmFile {
  readonly #path: string
  readonly #nowMs: () => number
  readonly #mostBytes: number
  readonly #readAt: ReadAt
  /** Never closed: with any descriptor of the file that a process closes it loses the locks that SQLite holds on it. */
  #file: number | undefined
  #warmUntilMs = 0

  /** The path of the database. */
  constructor(path: string, options: WarmFileOptions = {}) {
    const { nowMs = () => performance.now(), memoryBytes = machineMemory() } = options
    this.#path = path
    this.#nowMs = nowMs
    this.#readAt = options.readAt ?? (async (file, bytes, at) => await readLater(file, bytes, 0, bytes.length, at))
    this.#mostBytes = memoryBytes * LARGEST_PART
  }

  /** Throws the reason of the signal, and what the disk says. */
  async warm(signal: AbortSignal): Promise<void> {
    if (this.#nowMs() < this.#warmUntilMs) return
    this.#file ??= openSync(this.#path, 'r')
    const { size } = fstatSync(this.#file)
    const bytes = Buffer.allocUnsafeSlow(BYTES_AT_ONCE)
    for (let at = 0; size <= this.#mostBytes && at < size; at += BYTES_AT_ONCE) {
      signal.throwIfAborted()
      await this.#readAt(this.#file, bytes, at)
      await setTimeout(PAUSE_MS)
    }
    this.#warmUntilMs = this.#nowMs() + WARM_MS
  }
}

/** Bytes of memory of the machine, or of the container if that has less. */
function machineMemory(): number {
  const limit = process.constrainedMemory()
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem()
}
