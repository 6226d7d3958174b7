import { afterEach, beforeEach, expect, jest, test } from 'bun:test'
import { readManifest } from './request-body.ts'

const MINUTE_MS = 60_000
const LARGEST_BYTES = 4 * 1024 * 1024

beforeEach(() => {
  jest.useFakeTimers()
})
afterEach(() => {
  jest.useRealTimers()
})

/** A push whose body comes in `chunks` pieces of 10 KiB, one a minute: fast enough for any other body. */
function slowPush(chunks: number): Request {
  let sent = 0
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      if (sent === chunks) return controller.close()
      jest.advanceTimersByTime(MINUTE_MS)
      controller.enqueue(new Uint8Array(10 * 1024))
      sent += 1
    },
  })
  return new Request('http://registry.test/v2/a/manifests/latest', { method: 'PUT', body })
}

test('a manifest that arrives within ten minutes is read whole, however slow its line is', async () => {
  expect(await readManifest(slowPush(9), LARGEST_BYTES)).toHaveLength(9 * 10 * 1024)
})

test('a manifest that has not arrived within ten minutes is refused with 408', async () => {
  const failure = await readManifest(slowPush(20), LARGEST_BYTES).catch((error: unknown) => error)

  expect(failure).toMatchObject({ code: 'MANIFEST_INVALID', status: 408, message: expect.stringContaining('10 minutes') })
})
