const CHUNK_BYTES = 64 * 1024

/** Short texts as bytes, one after another: a string of its own takes several times as much memory for each. */
export class TextChunks {
  readonly #chunks: Buffer[] = []
  #used = CHUNK_BYTES

  /** Gives the place. No text is longer than a chunk. */
  add(bytes: Uint8Array): number {
    if (this.#used + bytes.length > CHUNK_BYTES) {
      this.#chunks.push(Buffer.alloc(CHUNK_BYTES))
      this.#used = 0
    }
    const offset = this.#used
    this.#chunks.at(-1)?.set(bytes, offset)
    this.#used += bytes.length
    return (this.#chunks.length - 1) * CHUNK_BYTES + offset
  }

  /** Whether these bytes lie there. */
  isAt(place: number, bytes: Uint8Array): boolean {
    const chunk = this.#chunks[Math.floor(place / CHUNK_BYTES)]
    for (let at = 0; at < bytes.length; at += 1) if (chunk?.[(place % CHUNK_BYTES) + at] !== bytes[at]) return false
    return true
  }

  /** The bytes themselves, and no copy. */
  at(place: number, length: number): Buffer {
    const offset = place % CHUNK_BYTES
    return this.#chunks[(place - offset) / CHUNK_BYTES]?.subarray(offset, offset + length) ?? Buffer.alloc(0)
  }
}
