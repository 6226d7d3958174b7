import { openSync, readSync } from 'node:fs'

/** The header of SQLite's index of its log, which stands there twice (sqlite.org/walformat.html, 2.1). */
const HEADER_BYTES = 96

/**
 * Tells whether anything was committed to a database since the last look, by any process. Every commit changes these bytes; SQLite's
 * own readers decide by them whether the pages that they keep are still right. A look takes 0.6 µs, the smallest statement 3, most of
 * it for its locks.
 */
export class CommitWatch {
  readonly #path: string
  /** Never closed: with any descriptor of the file that a process closes it loses the locks that SQLite holds on it. */
  #file: number | undefined
  readonly #seen = Buffer.alloc(HEADER_BYTES)
  readonly #now = Buffer.alloc(HEADER_BYTES)
  #revision = 0

  /** The path of the database. */
  constructor(path: string) {
    this.#path = `${path}-shm`
  }

  /** The same number as before only if nothing was committed between; another one also where that cannot be told. */
  revision(): number {
    if (!this.#isUnchanged()) this.#revision += 1
    return this.#revision
  }

  #isUnchanged(): boolean {
    try {
      this.#file ??= openSync(this.#path, 'r')
      if (readSync(this.#file, this.#now, 0, HEADER_BYTES, 0) !== HEADER_BYTES) return false
    } catch {
      return false
    }
    if (this.#now.equals(this.#seen)) return true
    this.#now.copy(this.#seen)
    return false
  }
}
