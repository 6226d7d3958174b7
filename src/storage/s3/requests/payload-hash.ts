import { setImmediate } from 'node:timers/promises'
import { sha256Of, UNSIGNED_PAYLOAD } from './signature.ts'

/** Bodies up to this size are signed with their hash; larger ones are hashed as blobs, and TLS keeps them whole on the way. */
const HASHED_BODY_BYTES = 64 * 1024
const HASHED_AT_ONCE_BYTES = 1024 * 1024

interface Payload {
  readonly body?: Uint8Array | Blob
  /** The signature covers a body of any size. */
  readonly isWhole?: boolean
}

/** What a signature in headers says of the body. */
export async function payloadHash({ body, isWhole = false }: Payload): Promise<string> {
  if (body === undefined) return sha256Of('')
  if (body instanceof Uint8Array && body.length <= HASHED_BODY_BYTES) return sha256Of(body)
  return isWhole ? await hashInTurns(body) : UNSIGNED_PAYLOAD
}

/** Other requests go on between the pieces. */
async function hashInTurns(body: Uint8Array | Blob): Promise<string> {
  const hasher = new Bun.CryptoHasher('sha256')
  const size = sizeOf(body)
  for (let start = 0; start < size; start += HASHED_AT_ONCE_BYTES) {
    const end = start + HASHED_AT_ONCE_BYTES
    hasher.update(body instanceof Uint8Array ? body.subarray(start, end) : await body.slice(start, end).bytes())
    await setImmediate()
  }
  return hasher.digest('hex')
}

export function sizeOf(body: Uint8Array | Blob | undefined): number {
  return body instanceof Uint8Array ? body.length : (body?.size ?? 0)
}
