const pieces = new WeakMap<ArrayBufferLike, SharedPiece>()
/** Streams whose reader has sent each chunk, or has a copy of it, when it asks for the next one. */
const sentInOrder = new WeakSet<ReadableStream<Uint8Array>>()

/**
 * Bytes that several answers send from one place in memory, which goes back when the last of them has left. Left to the collector of the runtime, pieces
 * that nobody needs any more come to 90 MB in each process. Where an answer does not say that it is done, the collector takes them as it takes all else.
 */
export class SharedPiece {
  readonly #reading: Promise<Uint8Array>
  /** Answers that are to be done with it, and who made it. */
  #holders = 1

  /** `reading` gives memory that nothing else uses. */
  constructor(reading: Promise<Uint8Array>) {
    this.#reading = reading
  }

  /** For one answer more. Throws what the reading throws. */
  async take(): Promise<Uint8Array> {
    this.#holders += 1
    const bytes = await this.#reading
    if (isWhole(bytes)) pieces.set(bytes.buffer, this)
    return bytes
  }

  /** One of those that hold it is done with it. */
  async leave(): Promise<void> {
    this.#holders -= 1
    if (this.#holders > 0) return
    const bytes = await this.#reading.catch(() => undefined)
    if (bytes !== undefined) free(bytes)
  }
}

/**
 * For a chunk that an answer has sent, and does not touch again. The memory of one that no other answer shares goes back at once where it has `fromBytes`, of
 * a shared one with the last that gives it back. Parts of larger memory are left to the collector.
 */
export function giveBack(bytes: Uint8Array, { fromBytes = Number.POSITIVE_INFINITY } = {}): void {
  if (!isWhole(bytes)) return
  const piece = pieces.get(bytes.buffer)
  if (piece !== undefined) void piece.leave()
  else if (bytes.length >= fromBytes) free(bytes)
}

function free(bytes: Uint8Array): void {
  const { buffer } = bytes
  if (isWhole(bytes) && buffer instanceof ArrayBuffer) buffer.transfer(0)
}

/** Its memory is all of a buffer, and has not gone back. */
function isWhole({ buffer, length }: Uint8Array): boolean {
  return length > 0 && buffer.byteLength === length
}

/** Of a stream from `streamOfPieces`: who reads it has sent each chunk, or has a copy of it, when it asks for the next one. */
export function giveBackAsSent(stream: ReadableStream<Uint8Array>): void {
  sentInOrder.add(stream)
}

/** Pieces as fast as they are read, and no faster. */
export function streamOfPieces(pieces: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  const given: Uint8Array[] = []
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      // The reader has asked for the last one, and so has sent the one before.
      const sent = given.length > 1 ? given.shift() : undefined
      if (sent !== undefined && sentInOrder.has(stream)) giveBack(sent)
      const { done, value } = await pieces.next()
      if (done) return controller.close()
      given.push(value)
      controller.enqueue(value)
    },
    async cancel() {
      await pieces.return(undefined)
    },
  })
  return stream
}
