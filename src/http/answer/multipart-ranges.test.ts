import { expect, test } from 'bun:test'
import { multipartRanges } from './multipart-ranges.ts'

const TEXT = '0123456789'

test('each range is a part with its own header, and the boundary ends the body (RFC 9110 section 14.6)', async () => {
  const ranges = [
    { start: 8, end: 10 },
    { start: 0, end: 3 },
  ]

  const { contentType, body } = multipartRanges(ranges, TEXT.length, async ({ start, end }) => new Blob([TEXT.slice(start, end)]))

  const boundary = contentType.replace('multipart/byteranges; boundary=', '')
  const part = (range: string, text: string) =>
    `--${boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes ${range}/10\r\n\r\n${text}\r\n`
  expect(await new Response(body).text()).toBe(`${part('8-9', '89')}${part('0-2', '012')}--${boundary}--\r\n`)
})

test('a part is opened when it is read, and none after the reader has gone', async () => {
  const opened: number[] = []
  const ranges = Array.from({ length: 100 }, (_, start) => ({ start: start * 20_000, end: (start + 1) * 20_000 }))
  const { body } = multipartRanges(ranges, 2_000_000, async ({ start }) => {
    opened.push(start)
    return new Blob(['x'.repeat(20_000)]).stream()
  })

  const reader = body.getReader()
  await reader.read()
  await reader.read()
  await reader.cancel()

  expect(opened.length).toBeLessThan(5)
})

test('small parts are sent together, so that a thousand of them do not take a turn of the event loop each', async () => {
  const ranges = Array.from({ length: 1000 }, (_, start) => ({ start, end: start + 1 }))
  const { body } = multipartRanges(ranges, 1000, async () => new Blob(['x']))

  const pieces = await Array.fromAsync(body)

  const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0)
  expect(pieces.length).toBeLessThanOrEqual(Math.ceil(bytes / (16 * 1024)))
})
