import { expect, test } from 'bun:test'
import { connect } from 'node:net'
import { RecordedLog } from '../../../test/support/recorded-log.ts'
import { listenForStreams } from './stream-server.ts'

test('an answer to a client that has gone before it does not stay at work', async () => {
  const [gone, mayAnswer] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const answered = Promise.withResolvers<void>()
  const server = await listenForStreams({
    ...{ address: { kind: 'tcp', hostname: '127.0.0.1', port: 0 }, reusePort: false, log: new RecordedLog() },
    handler: async (request) => {
      request.signal.addEventListener('abort', () => gone.resolve())
      mayAnswer.resolve()
      await gone.promise
      answered.resolve()
      return new Response('small', { headers: { 'Content-Length': '5' } })
    },
  })
  const url = new URL(server.url)
  const socket = connect(Number(url.port), url.hostname, () => socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'))
  await mayAnswer.promise
  socket.resetAndDestroy()
  await answered.promise

  await (await fetch(url)).bytes()

  expect(server.clientsAtWork()).toEqual([])
  await server.stop({ timeoutMs: 0 })
})
