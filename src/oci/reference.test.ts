import { describe, expect, test } from 'bun:test'
import { digestOf } from './digest.ts'
import { findTag, isDigest, parseReference, parseTag } from './reference.ts'

const TAGS = ['latest', 'v1.0', '1', '_', '_x', 'A-b.c_d', 'a--b..c__d', 'sha256-abc', 'a'.repeat(128)]
const NO_TAGS = ['', '.a', '-a', 'a/b', 'a b', 'a\n', 'ä', 'a+b', 'a@b', 'a%', '..', 'a'.repeat(129)]

const DIGEST = digestOf('sha256', new Uint8Array())

describe('a tag (distribution-spec "Pulling manifests")', () => {
  test.each(TAGS)('may be %p', (text) => {
    expect(String(findTag(text))).toBe(text)
    expect(String(parseTag(text))).toBe(text)
  })

  test.each([...NO_TAGS, DIGEST])('may not be %j', (text) => {
    expect(findTag(text)).toBeUndefined()
    expect(() => parseTag(text)).toThrow(expect.objectContaining({ code: 'MANIFEST_INVALID' }))
  })

  test('that is refused is told back, but not all of a long one', () => {
    expect(() => parseTag('-'.repeat(10_000))).toThrow(expect.objectContaining({ detail: '-'.repeat(300) }))
  })
})

describe('a reference', () => {
  test('is a digest or a tag, and one knows which', () => {
    expect(isDigest(parseReference(DIGEST))).toBe(true)
    expect(isDigest(parseReference(digestOf('sha512', new Uint8Array())))).toBe(true)
    expect(isDigest(parseReference('latest'))).toBe(false)
    expect(isDigest(parseReference(`sha256-${'a'.repeat(64)}`))).toBe(false)
  })

  test.each(['sha256:', 'sha256:abc', 'latest:1', ':', `SHA256:${'a'.repeat(64)}`])(
    'with a colon announces a digest, which %p is not',
    (text) => {
      expect(() => parseReference(text)).toThrow(expect.objectContaining({ code: 'DIGEST_INVALID' }))
    },
  )

  test.each(NO_TAGS)('without a colon is a tag, which %j is not', (text) => {
    expect(() => parseReference(text)).toThrow(expect.objectContaining({ code: 'MANIFEST_INVALID' }))
  })
})
