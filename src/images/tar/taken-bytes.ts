const NO_BYTES = new Uint8Array(0)

/** A stream, by the number of bytes. */
export class TakenBytes {
  readonly #chunks: AsyncIterator<Uint8Array>
  #chunk = NO_BYTES
  /** Of the chunk: what comes before was taken. */
  #at = 0

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  /** Whether so many bytes are here already. */
  has(count: number): boolean {
    return this.#left >= count
  }

  /** So many bytes where they are here already, and no copy: they stay as they are until more are asked for. */
  find(count: number): Uint8Array | undefined {
    if (this.#left < count) return undefined
    this.#at += count
    return this.#chunk.subarray(this.#at - count, this.#at)
  }

  /** So many bytes, or fewer at the end of the stream. */
  async take(count: number): Promise<Uint8Array> {
    const taken = new Uint8Array(count)
    let filled = 0
    while (filled < count && (await this.#fill())) {
      const part = this.#chunk.subarray(this.#at, this.#at + count - filled)
      taken.set(part, filled)
      filled += part.length
      this.#at += part.length
    }
    return taken.subarray(0, filled)
  }

  /** At most so many bytes as they came, and no copy: they stay as they are until more are asked for. None at the end of the stream. */
  async some(most: number): Promise<Uint8Array> {
    const isThere = most > 0 && (await this.#fill())
    return (isThere ? this.find(Math.min(most, this.#left)) : undefined) ?? NO_BYTES
  }

  /** Passes over so many bytes; false where the stream ends before. */
  async skip(count: number): Promise<boolean> {
    let left = count
    while (left > 0 && (await this.#fill())) left -= this.pass(left)
    return left === 0
  }

  /** Passes over so many bytes, of those that are here. Gives how many it were. */
  pass(most: number): number {
    const passed = Math.min(most, this.#left)
    this.#at += passed
    return passed
  }

  /** Tells the source of the bytes that no more are wanted. */
  async end(): Promise<void> {
    await this.#chunks.return?.()
  }

  get #left(): number {
    return this.#chunk.length - this.#at
  }

  async #fill(): Promise<boolean> {
    while (this.#left === 0) {
      const next = await this.#chunks.next()
      if (next.done) return false
      this.#chunk = next.value as Uint8Array<ArrayBuffer>
      this.#at = 0
    }
    return true
  }
}
