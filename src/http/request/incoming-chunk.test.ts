import { describe, expect, test } from 'bun:test'
import { incomingChunk } from './incoming-chunk.ts'

function chunkOf(headers: Record<string, string>, method = 'PATCH', body: string | null = 'abc') {
  const { start, length } = incomingChunk(new Request('http://invalid/', { method, headers, body }))
  return { start, length }
}

describe('an incoming chunk', () => {
  test('needs neither a length nor a range (end-5)', () => {
    expect(chunkOf({})).toEqual({ start: undefined, length: undefined })
  })

  test('without a body is empty', () => {
    expect(chunkOf({}, 'PUT', null)).toEqual({ start: undefined, length: 0 })
  })

  test.each(['5-7', 'bytes 5-7/100', 'bytes=5-7', 'Bytes 5-7/*', '5-7/8'])('starts where Content-Range %p says', (range) => {
    expect(chunkOf({ 'Content-Range': range })).toEqual({ start: 5, length: 3 })
    expect(chunkOf({ 'Content-Range': range, 'Content-Length': '3' })).toEqual({ start: 5, length: 3 })
  })

  test.each(['5', '5-', '-7', 'a-b', '5-7-9', '5-7, 8-9', '99999999999999999999-99999999999999999999'])(
    'is refused when Content-Range is %p',
    (range) => {
      expect(() => chunkOf({ 'Content-Range': range })).toThrow(expect.objectContaining({ code: 'SIZE_INVALID' }))
    },
  )

  test('is out of range when it ends before it starts', () => {
    expect(() => chunkOf({ 'Content-Range': '7-5' })).toThrow(expect.objectContaining({ code: 'RANGE_INVALID' }))
  })

  test('is refused when Content-Range and Content-Length differ', () => {
    expect(() => chunkOf({ 'Content-Range': '5-7', 'Content-Length': '4' })).toThrow(
      expect.objectContaining({ code: 'SIZE_INVALID' }),
    )
  })

  test('of a closing PUT without bytes has no range, whatever the header says (end-6)', () => {
    expect(chunkOf({ 'Content-Range': '0-99', 'Content-Length': '0' }, 'PUT', null)).toEqual({ start: undefined, length: 0 })
  })
})
