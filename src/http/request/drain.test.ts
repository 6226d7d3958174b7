import { expect, test } from 'bun:test'
import { drain } from './drain.ts'

const MIB = 1024 * 1024
const DROP = { value: new Uint8Array(1) }

test('what a refused client still sends is read to its end', async () => {
  let left = 5
  const nextBytes = async () => (left-- > 0 ? DROP : {})

  expect(await drain(nextBytes)).toBe(true)
  expect(left).toBe(-1)
})

test('what a refused client goes on to send in drops is read for a minute, and no longer', async () => {
  const nextBytes = async () => {
    await Bun.sleep(5)
    return DROP
  }

  expect(await drain(nextBytes, { drainMs: 100 })).toBe(false)
})

test('of a client that sends on and on 64 MiB are read', async () => {
  let read = 0
  const nextBytes = async () => {
    read += MIB
    return { value: new Uint8Array(MIB) }
  }

  expect(await drain(nextBytes)).toBe(false)
  expect(read).toBe(65 * MIB)
})

test('nothing is read after a client that has gone', async () => {
  expect(await drain(async () => undefined)).toBe(false)
})
