/** What an upload that has waited brings at once: the runtime has gathered about so much of its body meanwhile. */
const BYTES_AFTER_A_WAIT = 1024 * 1024

interface Waiting {
  readonly resume: () => void
}

/** Bytes that all uploads together may have in memory on their way to the disk. Taking is never refused; whoever is over waits. */
export class ByteBudget {
  readonly #limit: number
  #used = 0
  /** Promised to uploads that were let go on and have not brought their bytes yet. */
  #promised = 0
  readonly #waiting: Waiting[] = []

  constructor(limit: number) {
    this.#limit = limit
  }

  /** The part of one upload. */
  share(): BudgetShare {
    let promised = 0
    const keepPromise = () => {
      this.#promised -= promised
      promised = 0
    }
    return {
      take: async (bytes) => {
        keepPromise()
        this.#used += bytes
        if (this.#used <= this.#limit) return
        await new Promise<void>((resume) => this.#waiting.push({ resume }))
        promised = BYTES_AFTER_A_WAIT
      },
      give: (bytes) => {
        this.#used -= bytes
        this.#letGo()
      },
      close: () => {
        keepPromise()
        this.#letGo()
      },
    }
  }

  /** One after the other, so that not all of them bring a mebibyte at once. */
  #letGo(): void {
    while (this.#waiting.length > 0) {
      const isIdle = this.#used === 0 && this.#promised === 0
      if (!isIdle && this.#used + this.#promised + BYTES_AFTER_A_WAIT > this.#limit) return
      this.#promised += BYTES_AFTER_A_WAIT
      this.#waiting.shift()?.resume()
    }
  }
}

export interface BudgetShare {
  /** Counts bytes in; resolves at once, or when the others have brought the sum below the limit again. */
  take(bytes: number): Promise<void>
  give(bytes: number): void
  /** The upload brings nothing more. */
  close(): void
}
