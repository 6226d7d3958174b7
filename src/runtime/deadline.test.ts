import { expect, test } from 'bun:test'
import { within } from './deadline.ts'

const NEVER = new Promise<string>(() => undefined)

test('a promise that settles in time gives its value or its error', async () => {
  expect(await within(Promise.resolve('value'), 60_000, 'late')).toBe('value')
  await expect(within(Promise.reject(new Error('broken')), 60_000, 'late')).rejects.toThrow('broken')
})

test('a promise that has not settled by then gives what was said for it', async () => {
  expect(await within(NEVER, 1, 'late')).toBe('late')
})

test('a promise that fails after that time fails quietly', async () => {
  const { promise, reject } = Promise.withResolvers<string>()

  expect(await within(promise, 1, undefined)).toBeUndefined()
  reject(new Error('too late'))
  await Bun.sleep(0)
})
