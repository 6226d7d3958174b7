import { expect, test } from 'bun:test'
import { renewed } from './credentials.ts'

const MINUTE_MS = 60_000

test('credentials are kept, renewed before they end, and asked for once by many', async () => {
  let now = 0
  let asked = 0
  const source = renewed(
    async () => {
      asked += 1
      await Bun.sleep(1)
      return { accessKeyId: `key-${asked}`, secretAccessKey: 'x', expiration: new Date(now + 60 * MINUTE_MS) }
    },
    () => now,
  )

  const first = await Promise.all([source(), source(), source()])
  now = 50 * MINUTE_MS
  const kept = await source()
  now = 56 * MINUTE_MS
  const renewedOne = await source()

  expect(first.map(({ accessKeyId }) => accessKeyId)).toEqual(['key-1', 'key-1', 'key-1'])
  expect([kept.accessKeyId, renewedOne.accessKeyId]).toEqual(['key-1', 'key-2'])
})

test('credentials that cannot be renewed are used until their end', async () => {
  let now = 0
  let fails = false
  const source = renewed(
    async () => {
      if (fails) throw new Error('no metadata service')
      return { accessKeyId: 'key', secretAccessKey: 'x', expiration: new Date(10 * MINUTE_MS) }
    },
    () => now,
  )
  await source()
  fails = true

  now = 9 * MINUTE_MS
  expect((await source()).accessKeyId).toBe('key')
  now = 11 * MINUTE_MS
  expect(source()).rejects.toThrow('no metadata service')
})

test('credentials that never end are asked for once', async () => {
  let asked = 0
  const source = renewed(async () => {
    asked += 1
    return { accessKeyId: 'key', secretAccessKey: 'x' }
  })

  await source()
  await source()

  expect(asked).toBe(1)
})
