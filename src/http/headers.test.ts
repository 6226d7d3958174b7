import { describe, expect, test } from 'bun:test'
import { digestOf } from '../oci/digest.ts'
import { etagOf, isNotModified } from './answer/etags.ts'
import { lastEntry, requestedCount } from './answer/pagination.ts'
import { declaredMediaType } from './request/content-type.ts'

describe('Content-Type', () => {
  test.each([
    ['application/vnd.oci.image.manifest.v1+json', 'application/vnd.oci.image.manifest.v1+json'],
    ['application/JSON; charset=utf-8', 'application/json'],
    [' a/b ;x=","', 'a/b'],
    ['', undefined],
    [';', undefined],
  ])('%p declares %p', (header, mediaType) => {
    expect(declaredMediaType(new Headers({ 'Content-Type': header }))).toBe(mediaType)
  })

  test('is undefined when it is left out', () => {
    expect(declaredMediaType(new Headers())).toBeUndefined()
  })

  test('may be there twice when it is the same', () => {
    const headers = new Headers([
      ['Content-Type', 'a/b'],
      ['Content-Type', 'A/b'],
    ])

    expect(declaredMediaType(headers)).toBe('a/b')
  })

  test('is refused when it is there twice and differs', () => {
    const headers = new Headers([
      ['Content-Type', 'a/b'],
      ['Content-Type', 'c/d'],
    ])

    expect(() => declaredMediaType(headers)).toThrow(expect.objectContaining({ code: 'MANIFEST_INVALID' }))
  })
})

describe('If-None-Match (RFC 9110 section 13.1.2)', () => {
  const etag = etagOf(digestOf('sha256', new Uint8Array()))

  test.each([etag, `W/${etag}`, '*', `"x", ${etag}`, `"x",W/${etag},"y"`, etag.slice(1, -1)])('%p matches', (header) => {
    expect(isNotModified(new Headers({ 'If-None-Match': header }), etag)).toBe(true)
  })

  test.each(['"x"', 'W/"x"', '', '"*"', `${etag}x`])('%p does not match', (header) => {
    expect(isNotModified(new Headers({ 'If-None-Match': header }), etag)).toBe(false)
  })

  test('left out, it asks for the content', () => {
    expect(isNotModified(new Headers(), etag)).toBe(false)
  })
})

describe('n and last', () => {
  test.each([
    ['', undefined],
    ['n=', undefined],
    ['n=0', 0],
    ['n=007', 7],
    ['n=100', 100],
    ['n=101', 100],
    ['n=99999999999999999999999', 100],
  ])('%p asks for %p entries', (query, count) => {
    expect(requestedCount(new URLSearchParams(query), 100)).toBe(count)
  })

  test.each(['n=-1', 'n=x', 'n=1.5', 'n=1e3', 'n=+1', 'n=0x1', 'n= 1'])('%p is no number of entries', (query) => {
    const parameters = new URLSearchParams(query)

    expect(() => requestedCount(parameters, 100)).toThrow(expect.objectContaining({ code: 'PAGINATION_NUMBER_INVALID' }))
  })

  test('an empty last is none', () => {
    expect(lastEntry(new URLSearchParams('last='))).toBeUndefined()
    expect(lastEntry(new URLSearchParams('last=a%2Bb'))).toBe('a+b')
  })
})
