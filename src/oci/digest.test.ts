import { describe, expect, test } from 'bun:test'
import {
  algorithmOf,
  digestOf,
  findDigest,
  hexOf,
  isDigestOfNothing,
  parseDigest,
  parseDigestAlgorithm,
  RunningDigest,
} from './digest.ts'

const HELLO = new TextEncoder().encode('hello')
const SHA256_OF_HELLO = 'sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'
const SHA512_OF_HELLO =
  'sha512:9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043'

const HEX = 'a'.repeat(64)
const NO_DIGESTS = [
  '',
  ':',
  'sha256',
  'sha256:',
  `sha256:${'a'.repeat(63)}`,
  `sha256:${'a'.repeat(65)}`,
  `sha256:${'A'.repeat(64)}`,
  `sha256:${'g'.repeat(64)}`,
  `SHA256:${HEX}`,
  ` sha256:${HEX}`,
  `sha256:${HEX}\n`,
  `sha256:${'a'.repeat(63)}\n`,
  `sha256:sha256:${'a'.repeat(57)}`,
  `sha512:${HEX}`,
  `sha256:${'a'.repeat(128)}`,
  `sha384:${'a'.repeat(96)}`,
  `md5:${'a'.repeat(32)}`,
  `toString:${HEX}`,
  HEX,
]

describe('a digest', () => {
  test('is an algorithm and its lower-case hex', () => {
    for (const text of [SHA256_OF_HELLO, SHA512_OF_HELLO]) {
      expect(String(parseDigest(text))).toBe(text)
      expect(String(findDigest(text))).toBe(text)
    }
  })

  test.each(NO_DIGESTS)('is not %j', (text) => {
    expect(findDigest(text)).toBeUndefined()
    expect(() => parseDigest(text)).toThrow(expect.objectContaining({ code: 'DIGEST_INVALID' }))
  })

  test('that is refused is told back, but not all of a long one', () => {
    expect(() => parseDigest('x'.repeat(10_000))).toThrow(expect.objectContaining({ detail: 'x'.repeat(200) }))
  })

  test('falls apart into its algorithm and its hex', () => {
    expect(algorithmOf(parseDigest(SHA256_OF_HELLO))).toBe('sha256')
    expect(algorithmOf(parseDigest(SHA512_OF_HELLO))).toBe('sha512')
    expect(hexOf(parseDigest(SHA256_OF_HELLO))).toBe(SHA256_OF_HELLO.slice('sha256:'.length))
    expect(hexOf(parseDigest(SHA512_OF_HELLO))).toBe(SHA512_OF_HELLO.slice('sha512:'.length))
  })

  test('of bytes is what the standards say', () => {
    expect(String(digestOf('sha256', HELLO))).toBe(SHA256_OF_HELLO)
    expect(String(digestOf('sha512', HELLO))).toBe(SHA512_OF_HELLO)
  })

  test('of nothing is known for both algorithms, and no other digest passes for it', () => {
    expect(isDigestOfNothing(digestOf('sha256', new Uint8Array()))).toBe(true)
    expect(isDigestOfNothing(digestOf('sha512', new Uint8Array()))).toBe(true)
    expect(isDigestOfNothing(parseDigest(SHA256_OF_HELLO))).toBe(false)
    expect(isDigestOfNothing(parseDigest(SHA512_OF_HELLO))).toBe(false)
  })
})

describe('a digest algorithm', () => {
  test('is sha256 or sha512', () => {
    expect(parseDigestAlgorithm('sha256')).toBe('sha256')
    expect(parseDigestAlgorithm('sha512')).toBe('sha512')
  })

  test.each(['', 'SHA256', 'sha384', 'md5', 'sha256 ', 'constructor'])('is not %j (end-4c)', (text) => {
    expect(() => parseDigestAlgorithm(text)).toThrow(
      expect.objectContaining({ code: 'DIGEST_INVALID', message: expect.stringContaining('sha512') }),
    )
  })
})

describe('a running digest', () => {
  test('may be asked at any time and goes on after it', () => {
    const running = new RunningDigest('sha256')
    running.update(HELLO.subarray(0, 2))

    expect(running.digest()).toBe(digestOf('sha256', HELLO.subarray(0, 2)))
    expect(running.digest()).toBe(digestOf('sha256', HELLO.subarray(0, 2)))

    running.update(HELLO.subarray(2))
    expect(String(running.digest())).toBe(SHA256_OF_HELLO)
  })

  test('of no bytes is the digest of nothing', () => {
    expect(isDigestOfNothing(new RunningDigest('sha512').digest())).toBe(true)
  })
})
