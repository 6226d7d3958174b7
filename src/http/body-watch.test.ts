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

test('a request without a body is extended as long as its handler works', () => {
  let extensions = 0
  const watch = watchBody(new Request('http://invalid/', { method: 'PUT' }), () => (extensions += 1))

  jest.advanceTimersByTime(A_WHILE_MS)
  expect(extensions).toBeGreaterThan(0)

  watch.stop()
  extensions = 0
  jest.advanceTimersByTime(A_WHILE_MS)
  expect(extensions).toBe(0)
})

test('a client that sends is extended, one that stalls is not', async () => {
  let extensions = 0
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const writer = writable.getWriter()
  const watch = watchBody(new Request('http://invalid/', { method: 'PATCH', body: readable }), () => (extensions += 1))
  const reader = watch.request.body?.getReader()
  const first = reader?.read()
  await writer.write(new Uint8Array([1, 2, 3]))
  await first
  const second = reader?.read()
  jest.advanceTimersByTime(A_WHILE_MS)

  extensions = 0
  jest.advanceTimersByTime(A_WHILE_MS)
  expect(extensions).toBe(0)

  await writer.write(new Uint8Array([4]))
  await second
  jest.advanceTimersByTime(A_WHILE_MS)
  expect(extensions).toBeGreaterThan(0)
  watch.stop()
})

test('a handler that is slow to read is extended: the client waits for it', () => {
  let extensions = 0
  const watch = watchBody(new Request('http://invalid/', { method: 'PATCH', body: 'abc' }), () => (extensions += 1))

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

  const watch = watchBody(new Request('http://invalid/', { method: 'PATCH', body }), () => {})
  const reader = watch.request.body?.getReader()
  await reader?.read()
  // Whoever reads ahead does so in turns that come before this one.
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve()

  expect(reads).toBe(1)
  watch.stop()
})

test('the bytes, the headers and the end of the body arrive as they were sent', async () => {
  const request = new Request('http://invalid/', { method: 'PUT', body: 'hello', headers: { 'X-Test': '1' } })

  const watch = watchBody(request, () => {})

  expect(watch.request.method).toBe('PUT')
  expect(watch.request.headers.get('x-test')).toBe('1')
  expect(await watch.request.text()).toBe('hello')
  watch.stop()
})
