import { randomBytes } from 'node:crypto'

/** After so long without use a password is checked anew. */
const FORGET_AFTER_MS = 5 * 60_000
/** A use is noted only when the last note is so old: most requests change nothing here. */
const NOTE_AFTER_MS = 30_000
const MAX_REMEMBERED = 10_000

interface Remembered<Record> {
  readonly record: Record
  readonly usedAtMs: number
}

/**
 * Which Authorization headers were right a moment ago, and for which record, so that not every request costs a bcrypt. Kept under a
 * hash with a key that only this process has; whoever reads the memory learns no password that he could not guess anyway.
 */
export class RememberedPasswords<Record> {
  readonly #key = randomBytes(32)
  readonly #entries = new Map<string, Remembered<Record>>()
  readonly #now: () => number

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  /** What a header is called here. */
  nameOf(authorization: string): string {
    return new Bun.CryptoHasher('sha256', this.#key).update(authorization).digest('base64')
  }

  /** The record for which the header was right. The caller looks whether that record still holds. */
  find(name: string): Record | undefined {
    const entry = this.#entries.get(name)
    if (entry === undefined) return undefined
    const idleMs = this.#now() - entry.usedAtMs
    if (idleMs >= FORGET_AFTER_MS) {
      this.#entries.delete(name)
      return undefined
    }
    if (idleMs >= NOTE_AFTER_MS) this.remember(name, entry.record)
    return entry.record
  }

  remember(name: string, record: Record): void {
    this.#entries.delete(name)
    this.#entries.set(name, { record, usedAtMs: this.#now() })
    const [oldest] = this.#entries.keys()
    if (this.#entries.size > MAX_REMEMBERED && oldest !== undefined) this.#entries.delete(oldest)
  }

  forget(name: string): void {
    this.#entries.delete(name)
  }
}
