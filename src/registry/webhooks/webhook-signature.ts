import { createHmac, randomBytes } from 'node:crypto'

/** How requests are signed, by the rules of standardwebhooks.com: an HMAC-SHA-256 over the id, the time and the body. */

const PREFIX = 'whsec_'
const MADE_BYTES = 32
const FEWEST_BYTES = 24
const MOST_BYTES = 64

export function newWebhookSecret(): string {
  return PREFIX + randomBytes(MADE_BYTES).toString('base64')
}

export function isWebhookSecret(text: string): boolean {
  if (!/^whsec_[A-Za-z0-9+/]+={0,2}$/.test(text)) return false
  const { length } = keyOf(text)
  return length >= FEWEST_BYTES && length <= MOST_BYTES
}

/** The headers of a request. `id`: the same with each try of the same event. */
export function signedHeaders(
  secret: string,
  { id, atMs, body }: { readonly id: string; readonly atMs: number; readonly body: string },
): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(atMs / 1000))
  const signature = createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.${body}`).digest('base64')
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` }
}

function keyOf(secret: string): Buffer {
  return Buffer.from(secret.slice(PREFIX.length), 'base64')
}
