import { randomBytes } from 'node:crypto'

/** After so long without use a credential is forgotten and looked at anew. */
const FORGET_AFTER_MS = 5 * 60_000
/** A use is noted only when the last note is so old: most requests change nothing here. */
const NOTE_AFTER_MS = 30_000
/** Beyond that the credential that was used longest ago is forgotten: some 10,000 passwords or 5,000 tokens of a usual size. */
const MAX_BYTES = 8 * 1024 * 1024
/** What an entry takes beside the size that it is remembered with, about. */
const ENTRY_BYTES = 640

interface Remembered<Value> {
  readonly value: Value
  readonly bytes: number
  readonly usedAtMs: number
}

/**
 * What came of a password or a token a moment ago, so that not every request costs a bcrypt or a signature. Kept under a hash with a key
 * that only this process has; a reader of the memory learns no credential that could not be guessed without it.
 */
export class CredentialMemory<Value> {
  readonly #key = randomBytes(32)
  /** The one used longest ago first. */
  readonly #entries = new Map<string, Remembered<Value>>()
  readonly #now: () => number
  #bytes = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  /** What all entries take, about. */
  get bytes(): number {
    return this.#bytes
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
      this.forget(name)
      return undefined
    }
    if (idleMs >= NOTE_AFTER_MS) this.#set(name, { ...entry, usedAtMs: this.#now() })
    return entry.value
  }

  /** `size` is what the value takes, in bytes, where that depends on the client. */
  remember(name: string, value: Value, size = 0): void {
    this.#set(name, { value, bytes: ENTRY_BYTES + size, usedAtMs: this.#now() })
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= MAX_BYTES) break
      this.forget(oldest)
    }
    this.#timer ??= this.#wait()
  }

  forget(name: string): void {
    this.#bytes -= this.#entries.get(name)?.bytes ?? 0
    this.#entries.delete(name)
  }

  /** Forgets what nothing has used for so long, also where no request comes any more. */
  sweep(): void {
    const before = this.#now() - FORGET_AFTER_MS
    for (const [name, { usedAtMs }] of this.#entries) {
      if (usedAtMs > before) break
      this.forget(name)
    }
  }

  #set(name: string, entry: Remembered<Value>): void {
    this.forget(name)
    this.#entries.set(name, entry)
    this.#bytes += entry.bytes
  }

  #wait(): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => {
      this.sweep()
      this.#timer = this.#entries.size > 0 ? this.#wait() : undefined
    }, FORGET_AFTER_MS)
    timer.unref()
    return timer
  }
}
