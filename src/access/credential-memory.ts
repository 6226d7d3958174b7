import { randomBytes } from 'node:crypto'

/** After so long without use a credential is looked at anew. */
const FORGET_AFTER_MS = 5 * 60_000
/** A use is noted only when the last note is so old: most requests change nothing here. */
const NOTE_AFTER_MS = 30_000
const MAX_REMEMBERED = 10_000

interface Remembered<Value> {
  readonly value: Value
  readonly usedAtMs: number
}

/**
 * What came of a password or a token a moment ago, so that not every request costs a bcrypt or a signature. Kept under a hash with a key
 * that only this process has; whoever reads the memory learns no credential that he could not guess anyway.
 */
export class CredentialMemory<Value> {
  readonly #key = randomBytes(32)
  readonly #entries = new Map<string, Remembered<Value>>()
  readonly #now: () => number

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  /** What a credential is called here. */
  nameOf(credential: string): string {
    return new Bun.CryptoHasher('sha256', this.#key).update(credential).digest('base64')
  }

  /** What came of it. The caller looks whether that still holds. */
  find(name: string): Value | undefined {
    const entry = this.#entries.get(name)
    if (entry === undefined) return undefined
    const idleMs = this.#now() - entry.usedAtMs
    if (idleMs >= FORGET_AFTER_MS) {
      this.#entries.delete(name)
      return undefined
    }
    if (idleMs >= NOTE_AFTER_MS) this.remember(name, entry.value)
    return entry.value
  }

  remember(name: string, value: Value): void {
    this.#entries.delete(name)
    this.#entries.set(name, { value, usedAtMs: this.#now() })
    const [oldest] = this.#entries.keys()
    if (this.#entries.size > MAX_REMEMBERED && oldest !== undefined) this.#entries.delete(oldest)
  }

  forget(name: string): void {
    this.#entries.delete(name)
  }
}
