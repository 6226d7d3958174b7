import { setImmediate } from 'node:timers/promises'

/** SHA-512 of so much takes 5 ms. */
const BYTES_AT_ONCE = 2 * 1024 * 1024
const MS_AT_ONCE = 5
/** A client that sends so little at a time is no quicker for being read at once. */
const SMALL_CHUNK_BYTES = 1024

/** Lets other requests have the event loop while one goes through much data: after so many bytes, and after so much time. */
export class Rest {
  #bytes = 0
  #sinceMs = performance.now()

  /** Counts bytes that were worked on; resolves when the work may go on. */
  async after(bytes: number): Promise<void> {
    this.#bytes += bytes
    if (this.#bytes < BYTES_AT_ONCE && performance.now() - this.#sinceMs < MS_AT_ONCE) return
    await setImmediate()
    this.#bytes = 0
    this.#sinceMs = performance.now()
  }
}

/**
 * Waits one turn of the event loop after a chunk of a few bytes; the runtime then hands over as one what has come meanwhile. Without it a
 * body of two million chunks of one byte is read two million times before any other request is looked at.
 */
export async function restAfterSmallChunk(bytes: number): Promise<void> {
  if (bytes < SMALL_CHUNK_BYTES) await setImmediate()
}

/** Runs works one after another, each in a turn of the event loop of its own, with what its caller does at once with the result. */
export class OneATurn {
  #last: Promise<void> = Promise.resolve()

  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    const before = this.#last
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#last = promise
    await before
    try {
      return await work()
    } finally {
      void setImmediate().then(resolve)
    }
  }
}

/** Lets pieces of work go on one after another, each in a turn of the event loop of its own, whatever their owners wait for between them. */
export class TurnQueue {
  readonly #waiting: (() => void)[] = []

  /** Resolves in the order of the calls, one in a turn. */
  async pass(): Promise<void> {
    await new Promise<void>((resume) => {
      if (this.#waiting.push(resume) === 1) void setImmediate().then(() => this.#next())
    })
  }

  #next(): void {
    this.#waiting.shift()?.()
    if (this.#waiting.length > 0) void setImmediate().then(() => this.#next())
  }
}
