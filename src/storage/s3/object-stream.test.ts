import { expect, test } from 'bun:test'
import { openObject } from './object-stream.ts'

test.each([
  ['does not know Range', { status: 200, headers: { 'content-length': '10' } }],
  ['has another object by now', { status: 206, headers: { 'content-range': 'bytes 5-10/11' } }],
  ['does not say how long the object is', { status: 206, headers: {} }],
])('a read that breaks off before a store that %s ends in an error, and lets go of the second answer', async (_, answer) => {
  const second = Promise.withResolvers<void>()
  const answers = [
    new Response(breakingAfter(5), { headers: { 'content-length': '10', etag: '"x"' } }),
    new Response(new ReadableStream({ cancel: () => second.resolve() }), answer),
  ]
  const opened = await openObject(async () => answers.shift())

  await expect(new Response(opened?.stream).bytes()).rejects.toThrow()
  await second.promise
})

test('an answer that comes when its reader has gone is let go', async () => {
  const [asked, second, cancelled] = [
    Promise.withResolvers<void>(),
    Promise.withResolvers<Response>(),
    Promise.withResolvers<void>(),
  ]
  const answers = [
    Promise.resolve(new Response(breakingAfter(5), { headers: { 'content-length': '10', etag: '"x"' } })),
    second.promise,
  ]
  const opened = await openObject(async () => {
    if (answers.length === 1) asked.resolve()
    return await answers.shift()
  })
  const reader = opened?.stream.getReader()
  await reader?.read()
  reader?.read().catch(() => undefined)
  await asked.promise

  await reader?.cancel()
  const body = new ReadableStream({ cancel: () => cancelled.resolve() })
  second.resolve(new Response(body, { status: 206, headers: { 'content-range': 'bytes 5-9/10' } }))

  await cancelled.promise
})

function breakingAfter(bytes: number): ReadableStream<Uint8Array> {
  let isBroken = false
  return new ReadableStream({
    pull: (controller) => {
      if (isBroken) controller.error(new Error('the connection broke'))
      else controller.enqueue(new Uint8Array(bytes))
      isBroken = true
    },
  })
}
