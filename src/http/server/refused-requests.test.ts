import { expect, test } from 'bun:test'
import { connect } from 'node:net'
import { RecordedLog } from '../../../test/support/recorded-log.ts'
import { listenForStreams } from './stream-server.ts'

test.each([
  ['what is no HTTP', 'HELLO\r\n\r\n', '400 Bad Request', 'This is no HTTP request, perhaps TLS on a port without it.'],
  [
    'a greeting of TLS',
    '\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03',
    '400 Bad Request',
    'This is no HTTP request, perhaps TLS on a port without it.',
  ],
  [
    'a version that there is not',
    'GET / HTTP/9.9\r\nHost: a\r\n\r\n',
    '505 HTTP Version Not Supported',
    'Only HTTP/1.1 and HTTP/1.0 are spoken here.',
  ],
  [
    'headers without an end',
    `GET / HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(200_000)}\r\n\r\n`,
    '431 Request Header Fields Too Large',
    'The headers are larger than 64 KiB, or too many; log in again for a shorter token, or send fewer of them.',
  ],
])('%s is refused by the server for streams, and leaves a line in the log', async (_, bytes, status, reason) => {
  const log = new RecordedLog()
  const server = await listenForStreams({
    address: { kind: 'tcp', hostname: '127.0.0.1', port: 0 },
    reusePort: false,
    handler: async () => new Response('asked'),
    log,
  })
  try {
    const answer = await answerTo(Number(new URL(server.url).port), bytes)

    expect(answer).toStartWith(`HTTP/1.1 ${status}\r\n`)
    expect(answer).toContain(reason)
    expect(log.lines).toEqual([
      {
        level: 'warn',
        message: 'request refused before it was read',
        fields: { requestId: expect.any(String), status: Number(status.slice(0, 3)), reason, client: '127.0.0.1' },
      },
    ])
  } finally {
    await server.stop({ timeoutMs: 0 })
  }
})

/** All that comes back until the server closes the connection. */
async function answerTo(port: number, bytes: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  let received = ''
  const socket = connect(port, '127.0.0.1', () => socket.write(Buffer.from(bytes, 'latin1')))
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1')
  })
  socket.on('error', () => undefined)
  socket.on('close', () => resolve(received))
  return await promise
}
