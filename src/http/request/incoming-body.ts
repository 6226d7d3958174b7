import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { Turns } from '../../registry/uploads/turns.ts'
import { within } from '../../runtime/deadline.ts'

/** What a client still sends of a body that was refused is read and dropped up to here, so that it comes to see the answer. */
const DRAINED_BYTES = 64 * 1024 * 1024
const DRAIN_PATIENCE_MS = 10_000
/** And for so long in all: a client may bring a byte now and then for ever. */
const DRAINED_MS = 60_000
/** Smaller chunks that come in one turn of the event loop are handed on together, so much at once. */
const SMALL_CHUNK_BYTES = 1024
const GATHERED_BYTES = 16 * 1024

/** What refused clients send together is read in turns with all other requests. */
const turns = new Turns()

/** The body of a request of node:http. Read once, as a stream; what the reader leaves is drained. */
export class IncomingBody {
  readonly stream: ReadableStream<Uint8Array>
  readonly #chunks: AsyncIterator<Uint8Array>
  #hasEnded = false
  #draining: Promise<boolean> | undefined
  readonly #drainMs: number

  constructor(incoming: IncomingMessage, { drainMs = DRAINED_MS }: { readonly drainMs?: number } = {}) {
    this.#drainMs = drainMs
    gatherSmallChunks(incoming)
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
      if (next.done === true) return true
      dropped += next.value.length
      await turns.pass(next.value.length, () => true)
    }
    return false
  }

  /** Undefined when the client has gone. */
  async #next(): Promise<IteratorResult<Uint8Array> | undefined> {
    const next = await this.#chunks.next().catch(() => undefined)
    if (next?.done === true) this.#hasEnded = true
    return next
  }
}

/**
 * The runtime pushes each chunk as the client made it, however small: of half a megabyte that has come, 87,000 chunks of one byte, and each
 * takes a microsecond of the stream.
 */
function gatherSmallChunks(incoming: Readable): void {
  const push = incoming.push.bind(incoming)
  let gathered = Buffer.alloc(0)
  let length = 0
  const flush = () => {
    if (length > 0) push(gathered.subarray(0, length))
    gathered = Buffer.alloc(0)
    length = 0
  }
  incoming.push = (chunk: Uint8Array | null) => {
    if (chunk === null || chunk.length >= SMALL_CHUNK_BYTES || length + chunk.length > GATHERED_BYTES) flush()
    if (chunk === null || chunk.length >= SMALL_CHUNK_BYTES) return push(chunk)
    if (length === 0) {
      gathered = Buffer.allocUnsafeSlow(GATHERED_BYTES)
      setImmediate(flush)
    }
    gathered.set(chunk, length)
    length += chunk.length
    return incoming.readableLength < incoming.readableHighWaterMark
  }
}

/** As Bun's own server says it. */
export function clientGone(): DOMException {
  return new DOMException('The connection was closed.', 'AbortError')
}
