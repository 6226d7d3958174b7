import { restAfterSmallChunk } from '../../registry/rest.ts'
import { Refusal } from '../answer/error-response.ts'
import { contentLength } from './incoming-chunk.ts'

const USUAL_BYTES = 64 * 1024

/** The JSON that a client has sent. Throws PARAMETER_INVALID for what is none, and for what is longer than this request may be. */
export async function readJson(request: Request, maxBytes = USUAL_BYTES): Promise<unknown> {
  const { headers } = request
  const type = headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/json') throw refused(415, 'The body is to be JSON: send Content-Type: application/json.')
  if ((contentLength(headers) ?? 0) > maxBytes) throw tooLong(maxBytes)
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request.body ?? []) {
    size += chunk.length
    if (size > maxBytes) throw tooLong(maxBytes)
    chunks.push(chunk)
    await restAfterSmallChunk(chunk.length)
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks, size)))
  } catch (cause) {
    if (cause instanceof SyntaxError || cause instanceof TypeError) throw refused(400, 'The body is no JSON in UTF-8.', cause)
    throw cause
  }
}

function tooLong(maxBytes: number): Refusal {
  return refused(413, `The body is longer than ${maxBytes} bytes.`)
}

function refused(status: number, message: string, cause?: unknown): Refusal {
  return new Refusal('PARAMETER_INVALID', { status, message, cause })
}
