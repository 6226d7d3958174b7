import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import fc from 'fast-check'
import {
  algorithmOf,
  digestOf,
  findDigest,
  hexOf,
  parseDigest,
  parseDigestAlgorithm,
  RunningDigest,
} from '../../src/oci/digest.ts'
import { RegistryError } from '../../src/oci/errors.ts'
import { MAX_MANIFEST_BYTES, parseManifest, parseStoredManifest } from '../../src/oci/manifest.ts'
import { MANIFEST_MEDIA_TYPES } from '../../src/oci/media-types.ts'
import { findRepositoryName, parseRepositoryName } from '../../src/oci/name.ts'
import { findTag, isDigest, parseReference, parseTag } from '../../src/oci/reference.ts'
import { PROPERTY_TIMEOUT_MS, runs } from '../support/property-runs.ts'

setDefaultTimeout(PROPERTY_TIMEOUT_MS)

const ALNUM = 'abcdefghijklmnopqrstuvwxyz0123456789'
const HEX = '0123456789abcdef'

/** Texts of a few characters each of which matters, so that right ones and nearly right ones are both frequent. */
function textsOf(characters: string, maxLength: number): fc.Arbitrary<string> {
  return fc.string({ unit: fc.constantFrom(...characters), maxLength })
}

function anyText(): fc.Arbitrary<string> {
  return fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }))
}

/** What a parser gives, or the code of the RegistryError that it threw; anything else that is thrown fails the test. */
function outcome<Result>(parse: () => Result): Result | { readonly code: string } {
  try {
    return parse()
  } catch (error) {
    if (error instanceof RegistryError) return { code: error.code }
    throw error
  }
}

function consistsOf(text: string, characters: string): boolean {
  return [...text].every((character) => characters.includes(character))
}

describe('repository names', () => {
  /** The rule of the spec once more, read character by character. */
  function isName(text: string): boolean {
    return text.length <= 255 && text.split('/').every(isComponent)
  }

  /** Letters and digits, with one separator between two runs of them: a dot, one or two underscores, any number of hyphens. */
  function isComponent(component: string): boolean {
    const pieces: string[] = []
    for (const character of component) {
      const [last] = pieces.slice(-1)
      if (last !== undefined && ALNUM.includes(last[0] ?? '') === ALNUM.includes(character))
        pieces.push(`${pieces.pop()}${character}`)
      else pieces.push(character)
    }
    return (
      pieces.length % 2 === 1 && pieces.every((piece, index) => (index % 2 === 0 ? consistsOf(piece, ALNUM) : isSeparator(piece)))
    )
  }

  function isSeparator(piece: string): boolean {
    return ['.', '_', '__'].includes(piece) || consistsOf(piece, '-')
  }

  test('are those that the rule of the spec allows, and no others', () => {
    const texts = fc.oneof(textsOf('ab0._-/', 12), textsOf('a_/A\n%ä', 8), textsOf('a/', 300), anyText())
    const check = fc.property(texts, (text) => {
      expect(findRepositoryName(text) !== undefined).toBe(isName(text))
      expect<unknown>(outcome(() => parseRepositoryName(text))).toEqual(isName(text) ? text : { code: 'NAME_INVALID' })
    })
    fc.assert(check, runs(5000))
  })
})

describe('digests', () => {
  const LENGTHS: Readonly<Record<string, number>> = { sha256: 64, sha512: 128 }
  const nearlyDigests = fc
    .record({
      algorithm: fc.constantFrom('sha256', 'sha512', 'SHA256', 'sha384', '', 'sha256:sha256'),
      length: fc.constantFrom(64, 128, 63, 65, 0),
      character: fc.constantFrom(...HEX, 'A', 'g', ' ', '\n'),
      at: fc.nat(127),
    })
    .map(({ algorithm, length, character, at }) => {
      const hex = 'a'.repeat(length)
      return `${algorithm}:${hex.slice(0, at)}${at < length ? character : ''}${hex.slice(at + 1)}`
    })

  function isDigestText(text: string): boolean {
    const [algorithm = '', hex = '', ...rest] = text.split(':')
    return rest.length === 0 && Object.hasOwn(LENGTHS, algorithm) && hex.length === LENGTHS[algorithm] && consistsOf(hex, HEX)
  }

  test('are an algorithm that we compute and hex of its length, and nothing else', () => {
    const check = fc.property(fc.oneof(nearlyDigests, textsOf(`${HEX}sh:`, 140), anyText()), (text) => {
      expect(findDigest(text) !== undefined).toBe(isDigestText(text))
      expect<unknown>(outcome(() => parseDigest(text))).toEqual(isDigestText(text) ? text : { code: 'DIGEST_INVALID' })
    })
    fc.assert(check, runs(5000))
  })

  test('of bytes are the same however the bytes come, and fall apart into what they were made of', () => {
    const check = fc.property(fc.constantFrom('sha256', 'sha512'), fc.array(fc.uint8Array()), (algorithm, chunks) => {
      const running = new RunningDigest(algorithm)
      for (const chunk of chunks) {
        running.update(chunk)
        running.digest()
      }

      const digest = digestOf(algorithm, Buffer.concat(chunks))
      expect(running.digest()).toBe(digest)
      expect(parseDigest(digest)).toBe(digest)
      expect(`${algorithmOf(digest)}:${hexOf(digest)}`).toBe(digest)
    })
    fc.assert(check, runs(500))
  })

  test('have algorithms that are known or refused', () => {
    const check = fc.property(fc.oneof(textsOf('sha256512', 7), anyText()), (text) => {
      const expected = Object.hasOwn(LENGTHS, text) ? text : { code: 'DIGEST_INVALID' }
      expect<unknown>(outcome(() => parseDigestAlgorithm(text))).toEqual(expected)
    })
    fc.assert(check, runs(1000))
  })
})

describe('tags and references', () => {
  function isTag(text: string): boolean {
    const letters = `${ALNUM}ABCDEFGHIJKLMNOPQRSTUVWXYZ_`
    return text.length >= 1 && text.length <= 128 && letters.includes(text[0] ?? '-') && consistsOf(text, `${letters}.-`)
  }

  const texts = fc.oneof(textsOf('aZ0_.-', 10), textsOf('aA.-/:\n +', 6), textsOf('a.', 140), anyText())

  test('tags are what the rule of the spec allows, and never a digest', () => {
    const check = fc.property(texts, (text) => {
      expect(findTag(text) !== undefined).toBe(isTag(text))
      expect<unknown>(outcome(() => parseTag(text))).toEqual(isTag(text) ? text : { code: 'MANIFEST_INVALID' })
      if (findTag(text) !== undefined) expect(findDigest(text)).toBeUndefined()
    })
    fc.assert(check, runs(5000))
  })

  test('a reference is a digest exactly when it has a colon', () => {
    const digests = fc.uint8Array().map((bytes) => digestOf('sha256', bytes) as string)
    const check = fc.property(fc.oneof(texts, digests), (text) => {
      const parsed = outcome(() => parseReference(text))
      if (typeof parsed === 'string') expect(isDigest(parsed)).toBe(text.includes(':'))
      else expect(parsed.code).toBe(text.includes(':') ? 'DIGEST_INVALID' : 'MANIFEST_INVALID')
    })
    fc.assert(check, runs(2000))
  })
})

describe('manifests', () => {
  const digests = fc.constantFrom(`sha256:${'a'.repeat(64)}`, `sha512:${'b'.repeat(128)}`, 'sha256:short', '', 7, null)
  const fields = {
    mediaType: fc.option(fc.constantFrom<unknown>(...MANIFEST_MEDIA_TYPES, 'application/json', '', 7, null), { nil: undefined }),
    digest: digests,
    size: fc.constantFrom<unknown>(0, 1, -1, 1.5, 2 ** 60, 'x', null),
    annotations: fc.constantFrom<unknown>(undefined, null, {}, { a: 'b' }, { a: 1 }, { __proto__: 'x' }, []),
    artifactType: fc.constantFrom<unknown>(undefined, null, '', 'a/b', 7),
  }
  const descriptors = fc.oneof(fc.record(fields, { requiredKeys: [] }), fc.jsonValue())
  const lists = fc.oneof(fc.array(descriptors, { maxLength: 4 }), fc.constantFrom(null, undefined, {}, 'x'))
  const bodies = fc.oneof(
    fc.record(
      {
        ...fields,
        schemaVersion: fc.constantFrom<unknown>(2, 2, 2, 1, '2', null),
        config: descriptors,
        layers: lists,
        manifests: lists,
        subject: descriptors,
      },
      { requiredKeys: ['schemaVersion'] },
    ),
    fc.jsonValue(),
  )
  const contentTypes = fc.constantFrom(undefined, ...MANIFEST_MEDIA_TYPES, 'application/json', '')

  test('are parsed or refused with MANIFEST_INVALID, whatever is sent', () => {
    const bytes = fc.oneof(
      bodies.map((body) => Buffer.from(JSON.stringify(body) ?? '')),
      fc.uint8Array(),
      anyText().map(Buffer.from),
    )
    const check = fc.property(bytes, contentTypes, (sent, contentType) => {
      const parsed = outcome(() => parseManifest(sent, contentType))
      if ('code' in parsed) return expect(parsed.code).toBe('MANIFEST_INVALID')
      if (contentType) expect<string>(parsed.mediaType).toBe(contentType)
      expect(parsed.references.every(({ descriptor }) => findDigest(descriptor.digest) !== undefined)).toBe(true)
    })
    fc.assert(check, runs(3000))
  })

  test('that were taken are read back the same from the storage, where no Content-Type is left', () => {
    const check = fc.property(bodies, contentTypes, (body, contentType) => {
      const sent = Buffer.from(JSON.stringify(body) ?? '')
      const parsed = outcome(() => parseManifest(sent, contentType))

      const stored = parseStoredManifest(sent)

      if (!('code' in parsed)) expect(stored).toEqual(parsed)
    })
    fc.assert(check, runs(3000))
  })

  test('of any depth are no way to bring the registry down', () => {
    for (const text of [
      '['.repeat(MAX_MANIFEST_BYTES),
      '{"a":'.repeat(MAX_MANIFEST_BYTES / 5),
      `{"subject":${'{"a":'.repeat(500_000)}`,
    ]) {
      expect(outcome(() => parseManifest(Buffer.from(text)))).toEqual({ code: 'MANIFEST_INVALID' })
      expect(parseStoredManifest(Buffer.from(text))).toBeUndefined()
    }
    const deep = `{"schemaVersion":2,"annotations":${'{"a":'.repeat(5000)}1${'}'.repeat(5000)},"config":${'['.repeat(5000)}${']'.repeat(5000)}}`
    expect(outcome(() => parseManifest(Buffer.from(deep)))).toEqual({ code: 'MANIFEST_INVALID' })
  })
})
