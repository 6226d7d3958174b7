import type { IncomingMessage } from 'node:http'
import { within } from '../../runtime/deadline.ts'

/** What a client still sends of a body that was refused is read and dropped up to here, so that it comes to see the answer. */
const DRAINED_BYTES = 64 * 1024 * 1024
const DRAIN_PATIENCE_MS = 10_000
/** And for so long in all: a client may bring a byte now and then for ever. */
const DRAINED_MS = 60_000
/** After a smaller chunk more of what has come is taken with it, so much at once: with all of it the runtime would read on too early. */
const SMALL_CHUNK_BYTES = 1024
const GATHERED_BYTES = 16 * 1024

/** The body of a request of node:http. Read once, as a stream; what the reader leaves is drained. */
export class IncomingBody {
  readonly stream: ReadableStream<Uint8Array>
  readonly #incoming: IncomingMessage
  readonly #chunks: AsyncIterator<Uint8Array>
  #hasEnded = false
  #draining: Promise<boolean> | undefined
  readonly #drainMs: number

  constructor(incoming: IncomingMessage, { drainMs = DRAINED_MS }: { readonly drainMs?: number } = {}) {
    this.#incoming = incoming
    this.#drainMs = drainMs
    this.#chunks = incoming[Symbol.asyncIterator]()
    this.stream = new ReadableStream(
      {
        pull: async (controller) => {
          const next = await this.#next()
          if (next === undefined) controller.error(clientGone())
          else if (next.done === true) controller.close()
          else controller.enqueue(next.value)
        },
        cancel: () => {
          this.drain().catch(() => undefined)
        },
      },
      { highWaterMark: 0 },
    )
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** Reads what is left and drops it. False when that is too much, or does not come: then the connection is of no use any more. */
  drain(): Promise<boolean> {
    this.#draining ??= this.#drain()
    return this.#draining
  }

  async #drain(): Promise<boolean> {
    const until = performance.now() + this.#drainMs
    for (let dropped = 0; dropped <= DRAINED_BYTES; ) {
      if (this.#hasEnded) return true
      const leftMs = until - performance.now()
      if (leftMs <= 0) return false
      const next = await within(this.#next(), Math.min(DRAIN_PATIENCE_MS, leftMs), undefined)
      if (next === undefined) return this.#hasEnded
      if (next.done !== true) dropped += next.value.length
    }
    return false
  }

  /** Undefined when the client has gone. */
  async #next(): Promise<IteratorResult<Uint8Array> | undefined> {
    const next = await this.#chunks.next().catch(() => undefined)
    if (next?.done === true) this.#hasEnded = true
    if (next === undefined || next.done === true || next.value.length >= SMALL_CHUNK_BYTES) return next
    return { value: this.#withWhatHasCome(next.value) }
  }

  /** The runtime hands over each chunk as the client made it, however small, and each goes alone through every reader. */
  #withWhatHasCome(first: Uint8Array): Uint8Array {
    const size = Math.min(this.#incoming.readableLength, GATHERED_BYTES)
    const rest: Uint8Array | null = size === 0 ? null : this.#incoming.read(size)
    return rest === null ? first : Buffer.concat([first, rest])
  }
}

/** As Bun's own server says it. */
export function clientGone(): DOMException {
  return new DOMException('The connection was closed.', 'AbortError')
}
