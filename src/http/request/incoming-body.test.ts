import { beforeEach, expect, test } from 'bun:test'
import type { IncomingMessage } from 'node:http'
import { PassThrough, Readable } from 'node:stream'
import { poll } from '../../../test/support/processes.ts'
import { IncomingBody } from './incoming-body.ts'

function bodyOf(stream: Readable): IncomingBody {
  const incoming = Object.assign(stream, { socket: { pause: () => calls.push('pause'), resume: () => calls.push('resume') } })
  return new IncomingBody(incoming as object as IncomingMessage)
}

/** Of the socket. */
let calls: string[] = []
beforeEach(() => {
  calls = []
})

test('what a refused client still sends is read to its end', async () => {
  const stream = new PassThrough()
  const draining = bodyOf(stream).drain()
  stream.write('more')
  stream.end('the end')

  expect(await draining).toBe(true)
})

test('chunks of one byte that come at once go through the stream together, and in their order', async () => {
  let pushes = 0
  class Counted extends Readable {
    override push(chunk: unknown): boolean {
      pushes += 1
      return super.push(chunk)
    }
    override _read(): void {}
  }
  const stream = new Counted()
  const received = new Response(bodyOf(stream).stream).bytes()
  const sent = Uint8Array.from({ length: 50_000 }, (_, index) => index % 251)

  for (const byte of sent) stream.push(Uint8Array.of(byte))
  stream.push(null)

  expect(await received).toEqual(sent)
  expect(pushes).toBeLessThan(10)
  await poll('the turn ends', 60_000, async () => calls.includes('resume') || undefined)
  expect(calls).toEqual(['pause', 'resume'])
})

test('a small chunk after which the client pauses is handed on without the next one', async () => {
  const stream = new PassThrough()
  const reader = new ReadableStreamDefaultReader(bodyOf(stream).stream)

  stream.write('small')

  expect((await reader.read()).value).toEqual(Buffer.from('small'))
  expect(calls).toEqual([])
  stream.destroy()
})
