import { expect, test } from 'bun:test'
import { Webhook, WebhookVerificationError } from 'standardwebhooks'
import { isWebhookSecret, newWebhookSecret, signedHeaders } from './webhook-signature.ts'

const BODY = JSON.stringify({ type: 'berth.manifest.push', data: { repository: 'team/äpp' } })

test('the library of Standard Webhooks verifies what is signed, and neither another body nor another secret', () => {
  for (let count = 0; count < 20; count += 1) {
    const secret = newWebhookSecret()
    const headers = signedHeaders(secret, { id: crypto.randomUUID(), atMs: Date.now(), body: BODY })

    expect(new Webhook(secret).verify(BODY, { ...headers })).toEqual(JSON.parse(BODY))
    expect(() => new Webhook(secret).verify(`${BODY} `, { ...headers })).toThrow(WebhookVerificationError)
    expect(() => new Webhook(newWebhookSecret()).verify(BODY, { ...headers })).toThrow(WebhookVerificationError)
  }
})

test('a signature is of its time: one that is a day old is refused', () => {
  const secret = newWebhookSecret()
  const headers = signedHeaders(secret, { id: 'an id', atMs: Date.now() - 86_400_000, body: BODY })

  expect(() => new Webhook(secret).verify(BODY, { ...headers })).toThrow('timestamp too old')
})

test.each([
  [newWebhookSecret(), true],
  [`whsec_${Buffer.alloc(24).toString('base64')}`, true],
  [`whsec_${Buffer.alloc(64).toString('base64')}`, true],
  [`whsec_${Buffer.alloc(23).toString('base64')}`, false],
  [`whsec_${Buffer.alloc(65).toString('base64')}`, false],
  [Buffer.alloc(32).toString('base64'), false],
  ['whsec_', false],
  ['whsec_not base64 at all, but long enough', false],
])('%s is a secret: %p', (text, isSecret) => {
  expect(isWebhookSecret(text)).toBe(isSecret)
})
