import { pipeline, Readable } from 'node:stream'
import { decompressor, findCompression, MAGIC_BYTES } from './found-compression.ts'
import { PeekedStream } from './peeked-stream.ts'

/** The tar archive in a layer, compressed or not, as it comes. */
export async function* unpackedLayer(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const stream = new PeekedStream(chunks)
  const found = findCompression(await stream.peek(MAGIC_BYTES))
  if (found === undefined) return yield* stream.read()
  const unpacked = decompressor(found)
  // A failure of the source comes out of what reads it.
  pipeline(Readable.from(stream.read(), { objectMode: false }), unpacked, () => undefined)
  for await (const chunk of unpacked) yield chunk as Uint8Array
}
