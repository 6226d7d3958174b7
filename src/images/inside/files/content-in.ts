import { unpackedLayer } from '../../layers/unpacked-layer.ts'
import { tarEntriesOf } from '../../tar/tar-stream.ts'

const CHUNK_BYTES = 256 * 1024

/** The bytes of an entry of a layer, by its place, out of the layer's as they come. Throws ImageError for a damaged layer, and what its source throws. */
export async function* contentIn(chunks: AsyncIterable<Uint8Array>, place: number): AsyncGenerator<Uint8Array> {
  let passed = 0
  for await (const entry of tarEntriesOf(unpackedLayer(chunks), 'the layer')) {
    if (passed++ < place) continue
    for (let bytes = await entry.take(CHUNK_BYTES); bytes.length > 0; bytes = await entry.take(CHUNK_BYTES)) yield bytes
    return
  }
}
