import { Rest } from '../../registry/rest.ts'
import { streamOf } from './byte-stream.ts'
import { type BodyRange, contentRange } from './ranges.ts'

/** Of all answers together: fifty with a thousand parts each would keep the event loop busy for over a second. */
const rest = new Rest()

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
  const encoder = new TextEncoder()

  async function* parts(): AsyncGenerator<Uint8Array> {
    for (const range of ranges) {
      yield encoder.encode(partHeader(boundary, range, size))
      const content = await contentOf(range)
      yield* content instanceof Blob ? content.stream() : content
      yield encoder.encode('\r\n')
      await rest.after(range.end - range.start)
    }
    yield encoder.encode(`--${boundary}--\r\n`)
  }

  return { contentType: `multipart/byteranges; boundary=${boundary}`, body: streamOf(parts()) }
}

function partHeader(boundary: string, range: BodyRange, size: number): string {
  return `--${boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: ${contentRange(range, size)}\r\n\r\n`
}
