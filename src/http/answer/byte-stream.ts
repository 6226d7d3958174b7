import { TurnQueue } from '../../registry/rest.ts'

/** Of all answers of the process together: fifty that go on in one turn of the event loop hold it up fifty times as long as one. */
const turns = new TurnQueue()

/**
 * The bytes that a generator makes, as the reader asks for them, each piece in a turn of the event loop of its own; the generator ends when
 * the reader goes away.
 */
export function streamOf(parts: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      await turns.pass()
      const { done, value } = await parts.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    async cancel() {
      await parts.return(undefined)
    },
  })
}

/** Texts and bytes as pieces of at least so many bytes, but for the last one. */
export async function* gathered(parts: AsyncIterable<Uint8Array | string>, pieceBytes: number): AsyncGenerator<Uint8Array> {
  let waiting: Uint8Array[] = []
  let bytes = 0
  for await (const part of parts) {
    const more = typeof part === 'string' ? Buffer.from(part) : part
    waiting.push(more)
    bytes += more.length
    if (bytes < pieceBytes) continue
    yield joined(waiting)
    waiting = []
    bytes = 0
  }
  if (bytes > 0) yield joined(waiting)
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts
  return parts.length === 1 && first !== undefined ? first : Buffer.concat(parts)
}
