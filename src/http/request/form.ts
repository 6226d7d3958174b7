import { restAfterSmallChunk } from '../../registry/rest.ts'
import { Refusal } from '../answer/error-response.ts'

const MAX_FORM_BYTES = 64 * 1024

/** The fields of a form that a client has sent. Throws 400 for one that is too long. */
export async function readForm(request: Request): Promise<URLSearchParams> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request.body ?? []) {
    size += chunk.length
    if (size > MAX_FORM_BYTES) {
      const message = 'The form is too long.'
      throw new Refusal('UNSUPPORTED', { status: 400, message, detail: { maxBytes: MAX_FORM_BYTES } })
    }
    chunks.push(chunk)
    await restAfterSmallChunk(chunk.length)
  }
  return new URLSearchParams(Buffer.concat(chunks, size).toString())
}
