import type { ReadAt } from '../../images/inside/program/elf.ts'

/** Its first bytes are kept: headers of programs lie there. */
const HEAD_BYTES = 1024 * 1024
/** The sections of a program are asked for one after another; more is a program that was made for it. */
const MOST_BEGINNINGS = 12

/** A file inside of a layer, by the place of its bytes: the layer is read from its beginning again where they lie before those read last. */
export class StreamedFile {
  readonly #open: () => AsyncIterable<Uint8Array>
  readonly #size: number
  #head: Uint8Array | undefined
  #chunks: AsyncIterator<Uint8Array> | undefined
  #rest = new Uint8Array(0)
  #position = 0
  #beginnings = 0

  constructor(open: () => AsyncIterable<Uint8Array>, size: number) {
    this.#open = open
    this.#size = size
  }

  /** Fewer bytes come at its end, and none after too many ways back. Throws what the layer's bytes throw. */
  readonly readAt: ReadAt = async (offset, length) => {
    this.#head ??= await this.#read(0, HEAD_BYTES)
    const end = Math.min(this.#size, offset + length)
    return end <= this.#head.length ? this.#head.subarray(offset, end) : await this.#read(offset, end - offset)
  }

  /** Nothing more of it is asked for. */
  async end(): Promise<void> {
    await this.#chunks?.return?.()
    this.#chunks = undefined
  }

  async #read(offset: number, length: number): Promise<Uint8Array> {
    const wanted = Math.max(0, Math.min(length, this.#size - offset))
    if (wanted === 0 || !(await this.#goTo(offset))) return new Uint8Array(0)
    const bytes = new Uint8Array(wanted)
    let filled = 0
    while (filled < wanted && (await this.#fill())) {
      const part = this.#rest.subarray(0, wanted - filled)
      bytes.set(part, filled)
      filled += part.length
      this.#pass(part.length)
    }
    return bytes.subarray(0, filled)
  }

  async #goTo(offset: number): Promise<boolean> {
    if (this.#chunks === undefined || offset < this.#position) {
      await this.end()
      this.#beginnings += 1
      if (this.#beginnings > MOST_BEGINNINGS) return false
      this.#chunks = this.#open()[Symbol.asyncIterator]()
      this.#rest = new Uint8Array(0)
      this.#position = 0
    }
    while (this.#position < offset && (await this.#fill())) this.#pass(Math.min(offset - this.#position, this.#rest.length))
    return this.#position === offset
  }

  async #fill(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const next = await this.#chunks?.next()
      if (next === undefined || next.done === true) return false
      this.#rest = next.value as Uint8Array<ArrayBuffer>
    }
    return true
  }

  #pass(bytes: number): void {
    this.#rest = this.#rest.subarray(bytes)
    this.#position += bytes
  }
}
