import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { WarmFile } from './warm-file.ts'

const MIB = 1024 * 1024
const SIZE = 2 * MIB + 100
/** Where the file is read from, a mebibyte each. */
const WHOLE = [0, MIB, 2 * MIB]
const MINUTE_MS = 60_000
const { signal } = new AbortController()

function fileIn(folder: TemporaryFolder): string {
  const path = folder.join('metadata.db')
  writeFileSync(path, Buffer.alloc(SIZE))
  return path
}

/** Notes where it reads, and `then` what else happens. */
function noting(then: (at: number) => void = () => undefined) {
  const read: number[] = []
  const readAt = async (_file: number, bytes: Uint8Array, at: number) => {
    expect(bytes).toHaveLength(MIB)
    read.push(at)
    then(at)
  }
  return { read, readAt }
}

test('the whole file is read, and a minute later again', async () => {
  using folder = new TemporaryFolder({ inMemory: true })
  const { read, readAt } = noting()
  let nowMs = 1_000_000
  const file = new WarmFile(fileIn(folder), { nowMs: () => nowMs, readAt })

  await file.warm(signal)
  nowMs += MINUTE_MS - 1
  await file.warm(signal)
  expect(read.splice(0)).toEqual(WHOLE)

  nowMs += 1
  await file.warm(signal)
  expect(read).toEqual(WHOLE)
})

test.each([
  ['more than half of the memory is left where it is', 2 * SIZE - 2, []],
  ['half of it is read', 2 * SIZE, WHOLE],
])('a file that takes %s', async (_, memoryBytes, expected) => {
  using folder = new TemporaryFolder({ inMemory: true })
  const { read, readAt } = noting()

  await new WarmFile(fileIn(folder), { memoryBytes, readAt }).warm(signal)

  expect(read).toEqual(expected)
})

test('a reading ends with the reason of the signal, and the next one begins anew', async () => {
  using folder = new TemporaryFolder({ inMemory: true })
  const stopping = new AbortController()
  const { read, readAt } = noting(() => stopping.abort(new Error('stopped')))
  const file = new WarmFile(fileIn(folder), { readAt })

  await expect(file.warm(stopping.signal)).rejects.toThrow('stopped')
  expect(read.splice(0)).toEqual([0])
  await file.warm(signal)
  expect(read).toEqual(WHOLE)
})

test('a file is read by the system, and one that is not there is told of', async () => {
  using folder = new TemporaryFolder({ inMemory: true })

  await new WarmFile(fileIn(folder)).warm(signal)
  await expect(new WarmFile(folder.join('other.db')).warm(signal)).rejects.toThrow('ENOENT')
})
