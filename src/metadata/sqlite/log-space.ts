import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs'
import { hasCode } from '../../runtime/error-code.ts'
import type { Metadata } from '../query.ts'

/**
 * What SQLite's log keeps of the disk, so that rows can be changed when another program has filled it: a delete must work then. The log is
 * written from its beginning again after each checkpoint, over what is there.
 */
export const KEPT_LOG_BYTES = 8 * 1024 * 1024
/** Written in one transaction: a millisecond. */
const BYTES_AT_ONCE = 1024 * 1024
const ZEROS = new Uint8Array(BYTES_AT_ONCE)

/**
 * Makes the log as long as that, with zeros that SQLite takes for the end of what was written. Inside transactions that write nothing: no
 * process appends to the log meanwhile. `isOurs`: no other file has come in the place of the database, with a log that its own processes
 * write. False when there is no room.
 */
export async function keepLogSpace(path: string, metadata: Metadata, isOurs: () => boolean): Promise<boolean> {
  for (;;) {
    const size = Bun.file(`${path}-wal`).size
    // SQLite has yet to begin it.
    if (size === 0 || size >= KEPT_LOG_BYTES) return true
    if (!(await metadata.write(async () => isOurs() && lengthen(`${path}-wal`)))) return false
  }
}

/** False when the disk is full. */
function lengthen(log: string): boolean {
  const file = openSync(log, 'r+')
  try {
    const { size } = fstatSync(file)
    const missing = Math.min(BYTES_AT_ONCE, KEPT_LOG_BYTES - size)
    return missing <= 0 || writeSync(file, ZEROS, 0, missing, size) > 0
  } catch (error) {
    if (hasCode(error, 'ENOSPC') || hasCode(error, 'EDQUOT')) return false
    throw error
  } finally {
    closeSync(file)
  }
}

/** Up to the count of pages that were folded in (sqlite.org/walformat.html, 2.2). */
const INDEX_BYTES = 100
const [PAGE_SIZE_AT, WRITTEN_AT, FOLDED_AT] = [14, 16, 96]
const LARGEST_PAGE = 65_536

/** How much of the log is in use, as SQLite's index of it tells. */
export class LogIndex {
  readonly #path: string
  /** Never closed: with any descriptor of the file that a process closes it loses the locks that SQLite holds on it. */
  #file: number | undefined
  readonly #bytes = Buffer.alloc(INDEX_BYTES)

  /** The path of the database. */
  constructor(path: string) {
    this.#path = `${path}-shm`
  }

  /** Bytes of the log, while some of them are not folded in yet. */
  bytesToFold(): number {
    this.#file ??= openSync(this.#path, 'r')
    if (readSync(this.#file, this.#bytes, 0, INDEX_BYTES, 0) !== INDEX_BYTES) return 0
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, INDEX_BYTES)
    const written = view.getUint32(WRITTEN_AT, IS_LITTLE_ENDIAN)
    if (view.getUint32(FOLDED_AT, IS_LITTLE_ENDIAN) >= written) return 0
    return written * (view.getUint16(PAGE_SIZE_AT, IS_LITTLE_ENDIAN) || LARGEST_PAGE)
  }
}

/** The index is in the byte order of the machine. */
const IS_LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1
