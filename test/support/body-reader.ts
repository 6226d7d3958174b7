/** A client that reads as much as it is told to. */
export class BodyReader {
  readonly #reader: AsyncIterator<Uint8Array>
  readonly #parts: Uint8Array[] = []
  #bytes = 0

  private constructor(reader: AsyncIterator<Uint8Array>) {
    this.#reader = reader
  }

  static async of(asking: Promise<Response>): Promise<BodyReader> {
    const { body } = await asking
    if (body === null) throw new Error('an answer without a body')
    return new BodyReader(body[Symbol.asyncIterator]())
  }

  async until(bytes: number): Promise<void> {
    while (this.#bytes < bytes) if (!(await this.#read())) throw new Error(`the body ended after ${this.#bytes} bytes`)
  }

  async whole(): Promise<Buffer> {
    while (await this.#read());
    return Buffer.concat(this.#parts)
  }

  async leave(): Promise<void> {
    await this.#reader.return?.()
  }

  async #read(): Promise<boolean> {
    const { done, value } = await this.#reader.next()
    if (done || value === undefined) return false
    this.#parts.push(value)
    this.#bytes += value.length
    return true
  }
}
