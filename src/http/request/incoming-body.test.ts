import { expect, test } from 'bun:test'
import type { IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import { IncomingBody } from './incoming-body.ts'

function bodyOf(stream: PassThrough, drainMs: number): IncomingBody {
  return new IncomingBody(stream as object as IncomingMessage, { drainMs })
}

test('what a refused client still sends is read to its end', async () => {
  const stream = new PassThrough()
  const draining = bodyOf(stream, 60_000).drain()
  stream.write('more')
  stream.end('the end')

  expect(await draining).toBe(true)
})

test('what a refused client goes on to send in drops is read for a minute, and no longer', async () => {
  const stream = new PassThrough()
  const drops = setInterval(() => stream.write('x'), 5)
  try {
    expect(await bodyOf(stream, 100).drain()).toBe(false)
  } finally {
    clearInterval(drops)
  }
})
