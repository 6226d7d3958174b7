/** A stream whose first bytes can be looked at, and whose bytes are counted. */
export class PeekedStream {
  readonly #chunks: AsyncIterator<Uint8Array>
  readonly #ahead: Uint8Array[] = []
  /** So many have been read. */
  bytes = 0

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  async peek(count: number): Promise<Uint8Array> {
    while (this.#ahead.reduce((sum, { length }) => sum + length, 0) < count) {
      const next = await this.#chunks.next()
      if (next.done) break
      this.#ahead.push(next.value.slice())
    }
    return Buffer.concat(this.#ahead).subarray(0, count)
  }

  /** All bytes. The stream is ended where its reader stops early. */
  async *read(): AsyncGenerator<Uint8Array> {
    try {
      for (const chunk of this.#ahead) yield this.#counted(chunk)
      for (let next = await this.#chunks.next(); !next.done; next = await this.#chunks.next()) yield this.#counted(next.value)
    } finally {
      await this.#chunks.return?.()
    }
  }

  #counted(chunk: Uint8Array): Uint8Array {
    this.bytes += chunk.length
    return chunk
  }
}
