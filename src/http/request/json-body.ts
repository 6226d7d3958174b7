import { restAfterSmallChunk } from '../../registry/rest.ts'
import { Refusal } from '../answer/error-response.ts'
import { contentLength } from './incoming-chunk.ts'

const MAX_BYTES = 64 * 1024

/** The JSON that a client has sent. Throws PARAMETER_INVALID for what is none, and for what is longer than any request of the API. */
export async function readJson(request: Request): Promise<unknown> {
  const { headers } = request
  const type = headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/json') throw refused(415, 'The body is to be JSON: send Content-Type: application/json.')
  if ((contentLength(headers) ?? 0) > MAX_BYTES) throw tooLong()
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request.body ?? []) {
    size += chunk.length
    if (size > MAX_BYTES) throw tooLong()
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

function tooLong(): Refusal {
  return refused(413, `The body is longer than ${MAX_BYTES} bytes.`)
}

function refused(status: number, message: string, cause?: unknown): Refusal {
  return new Refusal('PARAMETER_INVALID', { status, message, cause })
}
