const NO_BYTES = new Uint8Array(0)

/** A stream, by the number of bytes. */
export class TakenBytes {
  readonly #chunks: AsyncIterator<Uint8Array>
  #rest = new Uint8Array(0)

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  /** Whether so many bytes are here already. */
  has(count: number): boolean {
    return this.#rest.length >= count
  }

  /** So many bytes where they are here already, and no copy: they stay as they are until more are asked for. */
  find(count: number): Uint8Array | undefined {
    if (this.#rest.length < count) return undefined
    const found = this.#rest.subarray(0, count)
    this.#rest = this.#rest.subarray(count)
    return found
  }

  /** So many bytes, or fewer at the end of the stream. */
  async take(count: number): Promise<Uint8Array> {
    const taken = new Uint8Array(count)
    let filled = 0
    while (filled < count && (await this.#fill())) {
      const part = this.#rest.subarray(0, count - filled)
      taken.set(part, filled)
      filled += part.length
      this.#rest = this.#rest.subarray(part.length)
    }
    return taken.subarray(0, filled)
  }

  /** At most so many bytes as they came, and no copy: they stay as they are until more are asked for. None at the end of the stream. */
  async some(most: number): Promise<Uint8Array> {
    const isThere = most > 0 && (await this.#fill())
    return (isThere ? this.find(Math.min(most, this.#rest.length)) : undefined) ?? NO_BYTES
  }

  /** Passes over so many bytes; false where the stream ends before. */
  async skip(count: number): Promise<boolean> {
    let left = count
    while (left > 0 && (await this.#fill())) {
      const passed = Math.min(left, this.#rest.length)
      left -= passed
      this.#rest = this.#rest.subarray(passed)
    }
    return left === 0
  }

  /** Tells the source of the bytes that no more are wanted. */
  async end(): Promise<void> {
    await this.#chunks.return?.()
  }

  async #fill(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const next = await this.#chunks.next()
      if (next.done) return false
      this.#rest = next.value as Uint8Array<ArrayBuffer>
    }
    return true
  }
}
