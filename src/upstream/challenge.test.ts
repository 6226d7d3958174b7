import { expect, test } from 'bun:test'
import { findChallenge } from './challenge.ts'

test.each([
  ['Basic realm="a"', { scheme: 'basic' }],
  ['basic', { scheme: 'basic' }],
  [
    'Bearer realm="https://auth.example.com/token",service="registry.example.com",scope="repository:a:pull,push"',
    {
      scheme: 'bearer',
      realm: 'https://auth.example.com/token',
      service: 'registry.example.com',
      scope: 'repository:a:pull,push',
    },
  ],
  ['BEARER Realm = https://a/t , Service=s', { scheme: 'bearer', realm: 'https://a/t', service: 's', scope: undefined }],
  [
    'Basic realm="say \\"a, b\\"", Bearer realm="https://a/t"',
    { scheme: 'bearer', realm: 'https://a/t', service: undefined, scope: undefined },
  ],
] as const)('%s is understood', (header, challenge) => {
  expect(findChallenge(header)).toEqual(challenge)
})

test.each(['', 'Negotiate', 'Digest realm="a", nonce="b"', 'Bearer', 'Bearer service="a"', `${'a=b,'.repeat(5000)}Basic`])(
  '%p is no challenge that can be met',
  (header) => {
    expect(findChallenge(header)).toBeUndefined()
  },
)
