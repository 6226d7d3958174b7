import { expect, test } from 'bun:test'
import { createPublicKey } from 'node:crypto'
import { libtrustKeyId } from './key-id.ts'

test('a key has the name that libtrust gives it', () => {
  // The key of the example in the specification of signed image manifests.
  const x = '3gAwX48IQ5oaYQAYSxor6rYYc_6yjuLCjtQ9LUakg4A'
  const y = 't72ge6kIA1XOjqjVoEOiPPAURltJFBMGDSQvEGVB010'

  const key = createPublicKey({ key: { kty: 'EC', crv: 'P-256', x, y }, format: 'jwk' })

  expect(libtrustKeyId(key)).toBe('OD6I:6DRK:JXEJ:KBM4:255X:NSAA:MUSF:E4VM:ZI6W:CUN2:L4Z6:LSF4')
})
