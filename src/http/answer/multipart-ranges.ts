import { gathered, streamOf } from './byte-stream.ts'
import { type BodyRange, contentRange } from './ranges.ts'

/** Small parts are sent together: each piece costs a turn of the event loop. */
const PIECE_BYTES = 16 * 1024

interface MultipartBody {
  readonly contentType: string
  readonly body: ReadableStream<Uint8Array>
}

/** A `multipart/byteranges` body (RFC 9110 section 14.6). `contentOf` is asked for one part after the other, as the client reads. */
export function multipartRanges(
  ranges: readonly BodyRange[],
  size: number,
  contentOf: (range: BodyRange) => Promise<Blob | ReadableStream<Uint8Array>>,
): MultipartBody {
  const boundary = crypto.getRandomValues(new Uint8Array(16)).toHex()

  async function* parts(): AsyncGenerator<Uint8Array | string> {
    for (const range of ranges) {
      yield partHeader(boundary, range, size)
      const content = await contentOf(range)
      if (!(content instanceof Blob)) yield* content
      else if (content.size <= PIECE_BYTES) yield await content.bytes()
      else yield* content.stream()
      yield '\r\n'
    }
    yield `--${boundary}--\r\n`
  }

  return { contentType: `multipart/byteranges; boundary=${boundary}`, body: streamOf(gathered(parts(), PIECE_BYTES)) }
}

function partHeader(boundary: string, range: BodyRange, size: number): string {
  return `--${boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: ${contentRange(range, size)}\r\n\r\n`
}
