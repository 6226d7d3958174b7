import type { IncomingMessage } from 'node:http'
import { drain } from './drain.ts'

/** Smaller chunks that come in one turn of the event loop are handed on together, so much at once. */
const SMALL_CHUNK_BYTES = 1024
const GATHERED_BYTES = 16 * 1024
/** After so many of them the socket pauses until the next turn. */
const CHUNKS_IN_A_TURN = 1_000

/** The body of a request of node:http. Read once, as a stream; what the reader leaves is drained. */
export class IncomingBody {
  readonly stream: ReadableStream<Uint8Array>
  readonly #chunks: AsyncIterator<Uint8Array>
  #hasEnded = false
  #draining: Promise<boolean> | undefined

  constructor(incoming: IncomingMessage) {
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
    this.#draining ??= this.#hasEnded ? Promise.resolve(true) : drain(() => this.#next())
    return this.#draining
  }

  /** Undefined when the client has gone. */
  async #next(): Promise<IteratorResult<Uint8Array> | undefined> {
    const next = await this.#chunks.next().catch(() => undefined)
    if (next?.done === true) this.#hasEnded = true
    return next
  }
}

/**
 * The runtime pushes each chunk as the client made it, however small, and each takes a microsecond of the stream: of half a megabyte that has
 * come, 87,000 chunks of one byte. It reads up to ten times as much in one turn of the event loop, unless the socket pauses; what reads from
 * the stream would resume it, so the stream gets them when the turn ends.
 */
function gatherSmallChunks(incoming: IncomingMessage): void {
  const push = incoming.push.bind(incoming)
  let filled: Buffer[] = []
  let gathered = Buffer.alloc(0)
  let length = 0
  let chunks = 0
  const flush = () => {
    for (const bytes of filled) push(bytes)
    if (length > 0) push(gathered.subarray(0, length))
    filled = []
    length = 0
  }
  const endTurn = () => {
    if (chunks >= CHUNKS_IN_A_TURN) incoming.socket.resume()
    chunks = 0
    flush()
  }
  const gather = (chunk: Uint8Array) => {
    if (length + chunk.length > GATHERED_BYTES) filled.push(gathered.subarray(0, length))
    if (length === 0 || length + chunk.length > GATHERED_BYTES) {
      gathered = Buffer.allocUnsafeSlow(GATHERED_BYTES)
      length = 0
    }
    gathered.set(chunk, length)
    length += chunk.length
  }
  incoming.push = (chunk: Uint8Array | null) => {
    if (chunk === null || chunk.length >= SMALL_CHUNK_BYTES) {
      flush()
      return push(chunk)
    }
    if (chunks === 0) setImmediate(endTurn)
    chunks += 1
    if (chunks === CHUNKS_IN_A_TURN) incoming.socket.pause()
    gather(chunk)
    return true
  }
}

/** As Bun's own server says it. */
export function clientGone(): DOMException {
  return new DOMException('The connection was closed.', 'AbortError')
}
