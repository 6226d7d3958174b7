import { expect, test } from 'bun:test'
import { RecordedLog } from '../../../test/support/recorded-log.ts'
import { fixedCredentials } from '../../upstream/credentials.ts'
import { Bell } from './bell.ts'
import { listenForPushes } from './registry-events.ts'
import { eventsIn } from './server-sent-events.ts'

async function* chunksOf(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield new TextEncoder().encode(text)
}

test('events are read wherever the chunks of their stream are cut, and comments are signs of life', async () => {
  const text =
    'retry: 1000\n\nid: a1\nevent: ready\ndata: {}\n\n: \nid: a2\r\nevent: manifest.push\r\ndata: {"a":\r\ndata: 1}\r\n\r\nevent: open'
  const whole = await Array.fromAsync(eventsIn(chunksOf(text)))
  const letters = await Array.fromAsync(eventsIn(chunksOf(...text.replaceAll('\r', ''))))

  expect(whole).toEqual([
    { id: 'a1', name: 'ready', data: '{}' },
    undefined,
    { id: 'a2', name: 'manifest.push', data: '{"a":\n1}' },
  ])
  expect(letters).toEqual(whole)
})

test('an event without an end is given up', async () => {
  await expect(Array.fromAsync(eventsIn(chunksOf('x'.repeat(300 * 1024))))).rejects.toThrow('too long')
  await expect(Array.fromAsync(eventsIn(chunksOf(...Array(20).fill(`data: ${'x'.repeat(100 * 1024)}\n`))))).rejects.toThrow(
    'too long',
  )
})

test('a bell that rings while nothing waits ends the next wait, and only that', async () => {
  const bell = new Bell()
  const { signal } = new AbortController()
  bell.ring()

  await bell.wait(3_600_000, signal)
  const waiting = bell.wait(3_600_000, signal)
  bell.ring()
  await waiting
})

test('pushes are heard, with the login, and after a stream that broke off from where it was', async () => {
  const asked: (string | null)[] = []
  await using server = Bun.serve({
    port: 0,
    fetch: (request) => {
      asked.push(request.headers.get('authorization'), request.headers.get('last-event-id'))
      if (asked.length === 4) return new Response('busy', { status: 503 })
      const push = (repository: string) => `id: ${repository}\nevent: manifest.push\ndata: ${JSON.stringify({ repository })}\n\n`
      return new Response(asked.length === 2 ? `id: r\nevent: ready\ndata: {}\n\n${push('team/app')}` : push('team/other'))
    },
  })
  const ending = new AbortController()
  const heard: (string | undefined)[] = []
  const access = { url: server.url, credentials: fixedCredentials('deploy', 'secret'), way: { authorities: undefined } }
  const onChange = async (repository: string | undefined) => {
    heard.push(repository)
    if (repository === 'team/other') ending.abort(new Error('enough'))
  }

  await listenForPushes({ access, log: new RecordedLog(), signal: ending.signal, pause: async () => undefined, onChange })

  const login = `Basic ${Buffer.from('deploy:secret').toString('base64')}`
  expect(heard).toEqual([undefined, 'team/app', 'team/other'])
  expect(asked).toEqual([login, null, login, 'team/app', login, 'team/app'])
})
