import { afterEach, beforeEach, expect, jest, test } from 'bun:test'
import { watchBody } from './body-watch.ts'

beforeEach(() => {
  jest.useFakeTimers()
})
afterEach(() => {
  jest.useRealTimers()
})

/** Longer than the watch waits between two looks. */
const A_WHILE_MS = 10_000
const PATIENT = { extend: () => undefined, writerMs: Number.POSITIVE_INFINITY }

test('a request without a body is extended as long as its handler works', () => {
  let extensions = 0
  const watch = watchBody(new Request('http://invalid/', { method: 'PUT' }), { ...PATIENT, extend: () => (extensions += 1) })

  jest.advanceTimersByTime(A_WHILE_MS)
  expect(extensions).toBeGreaterThan(0)

  watch.stop()
  extensions = 0
  jest.advanceTimersByTime(A_WHILE_MS)
  expect(extensions).toBe(0)
})

test('a client that sends is waited for, one that is silent for too long is refused with 408', async () => {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const writer = writable.getWriter()
  const request = new Request('http://invalid/', { method: 'PATCH', body: readable })
  const watch = watchBody(request, { ...PATIENT, writerMs: 3 * A_WHILE_MS })
  const reader = watch.request.body?.getReader()
  for (let sent = 0; sent < 5; sent += 1) {
    const read = reader?.read()
    jest.advanceTimersByTime(2 * A_WHILE_MS)
    await writer.write(new Uint8Array(1024 * 1024).fill(sent))
    expect((await read)?.value).toEqual(new Uint8Array(1024 * 1024).fill(sent))
  }

  const last = reader?.read()
  jest.advanceTimersByTime(4 * A_WHILE_MS)

  expect(await last?.catch((error) => error)).toMatchObject({ code: 'SIZE_INVALID', status: 408 })
  watch.stop()
})

/** Sends `bytes` every four seconds for three minutes, as long as they are taken; gives how often it did and how the body ended. */
async function trickle(bytes: number) {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const writer = writable.getWriter()
  const watch = watchBody(new Request('http://invalid/', { method: 'PUT', body: readable }), PATIENT)
  const reader = watch.request.body?.getReader()
  let failure: unknown
  let sent = 0
  for (; sent < 45 && failure === undefined; sent += 1) {
    const read = reader?.read().catch((error: unknown) => {
      failure = error
    })
    jest.advanceTimersByTime(4_000)
    writer.write(new Uint8Array(bytes)).catch(() => undefined)
    await read
  }
  watch.stop()
  return { sent, failure }
}

test('a client that brings a byte now and then is refused after a minute', async () => {
  const { sent, failure } = await trickle(1)

  expect(failure).toMatchObject({ code: 'SIZE_INVALID', status: 408 })
  expect(sent).toBeLessThanOrEqual(17)
})

test('a client that brings a kilobyte a second is waited for', async () => {
  expect(await trickle(4 * 1024)).toEqual({ sent: 45, failure: undefined })
})

test('pauses add up, unless enough has come between them', async () => {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const writer = writable.getWriter()
  const watch = watchBody(new Request('http://invalid/', { method: 'PUT', body: readable }), { ...PATIENT, writerMs: 50_000 })
  const reader = watch.request.body?.getReader()
  const endings: unknown[] = []
  for (const bytes of [1, 2 * 1024 * 1024, 1, 1, 1]) {
    const read = reader?.read().then(
      () => 'read',
      (error: unknown) => error,
    )
    jest.advanceTimersByTime(20_000)
    writer.write(new Uint8Array(bytes)).catch(() => undefined)
    endings.push(await read)
  }
  watch.stop()

  expect(endings.slice(0, 4)).toEqual(['read', 'read', 'read', 'read'])
  expect(endings[4]).toMatchObject({ status: 408 })
})

test('a handler that is slow to read is extended: the client waits for it', () => {
  let extensions = 0
  const watch = watchBody(new Request('http://invalid/', { method: 'PATCH', body: 'abc' }), {
    ...PATIENT,
    extend: () => (extensions += 1),
  })

  jest.advanceTimersByTime(A_WHILE_MS)

  expect(extensions).toBeGreaterThan(0)
  watch.stop()
})

test('nothing is read ahead of the handler', async () => {
  let reads = 0
  const body = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        reads += 1
        controller.enqueue(new Uint8Array([reads]))
      },
    },
    { highWaterMark: 0 },
  )

  const watch = watchBody(new Request('http://invalid/', { method: 'PATCH', body }), PATIENT)
  const reader = watch.request.body?.getReader()
  await reader?.read()
  // Whoever reads ahead does so in turns that come before this one.
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve()

  expect(reads).toBe(1)
  watch.stop()
})

test('the bytes, the headers and the end of the body arrive as they were sent', async () => {
  const request = new Request('http://invalid/', { method: 'PUT', body: 'hello', headers: { 'X-Test': '1' } })

  const watch = watchBody(request, PATIENT)

  expect(watch.request.method).toBe('PUT')
  expect(watch.request.headers.get('x-test')).toBe('1')
  expect(await watch.request.text()).toBe('hello')
  watch.stop()
})
