import { fstatSync, openSync, read } from 'node:fs'
import { totalmem } from 'node:os'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'

/** Fills the bytes from there on, or with what is left, in a thread of the file pool. */
export type ReadAt = (file: number, bytes: Uint8Array, at: number) => Promise<unknown>

const readLater = promisify(read)

const BYTES_AT_ONCE = 1024 * 1024
/** 128 MiB in a second: a fortieth of a core. On a machine that reads and writes much else, pages leave the memory again within a minute. */
const MS_FOR_EACH = 8
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
  #nextAt = 0
  /** As of then all that was due has been read. */
  #readMs = Number.NEGATIVE_INFINITY

  /** The path of the database. */
  constructor(path: string, options: WarmFileOptions = {}) {
    const { nowMs = () => performance.now(), memoryBytes = machineMemory() } = options
    this.#path = path
    this.#nowMs = nowMs
    this.#readAt = options.readAt ?? (async (file, bytes, at) => await readLater(file, bytes, 0, bytes.length, at))
    this.#mostBytes = memoryBytes * LARGEST_PART
  }

  /**
   * The whole file at first, and then as much of it, going on where the last call ended, as falls to the time since then. Throws the reason of the
   * signal, and what the disk says.
   */
  async warm(signal: AbortSignal): Promise<void> {
    this.#file ??= openSync(this.#path, 'r')
    const { size } = fstatSync(this.#file)
    if (size > this.#mostBytes) return
    const nowMs = this.#nowMs()
    const pieces = Math.min(Math.ceil(size / BYTES_AT_ONCE), Math.floor((nowMs - this.#readMs) / MS_FOR_EACH))
    const bytes = Buffer.allocUnsafeSlow(BYTES_AT_ONCE)
    for (let piece = 0; piece < pieces; piece += 1) {
      signal.throwIfAborted()
      if (this.#nextAt >= size) this.#nextAt = 0
      await this.#readAt(this.#file, bytes, this.#nextAt)
      this.#nextAt += BYTES_AT_ONCE
      await setTimeout(PAUSE_MS)
    }
    if (pieces > 0) this.#readMs = nowMs
  }
}

/** Bytes of memory of the machine, or of the container if that has less. */
function machineMemory(): number {
  const limit = process.constrainedMemory()
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem()
}
