/** Bytes that all uploads together may have in memory on their way to the disk. Taking is never refused; whoever is over waits. */
export class ByteBudget {
  readonly #limit: number
  #used = 0
  readonly #waiting: (() => void)[] = []

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Counts bytes in; resolves at once, or when the others have brought the sum below the limit again. */
  async take(bytes: number): Promise<void> {
    this.#used += bytes
    if (this.#used > this.#limit) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  give(bytes: number): void {
    this.#used -= bytes
    while (this.#used <= this.#limit && this.#waiting.length > 0) this.#waiting.shift()?.()
  }
}
