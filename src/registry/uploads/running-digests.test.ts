import { expect, test } from 'bun:test'
import { RunningDigest } from '../../oci/digest.ts'
import type { UploadState } from '../../storage/driver.ts'
import { RunningDigests } from './running-digests.ts'

const FILE = 'file' as UploadState
const OTHER_FILE = 'other' as UploadState

function remembered(offset: number, state = FILE) {
  return { state, offset, digest: new RunningDigest('sha256') }
}

test('a digest is taken out once, for the file and the offset that it belongs to', () => {
  const digests = new RunningDigests()
  const kept = remembered(5)
  digests.keep('u', kept)

  expect(digests.take('u', FILE, 5)).toBe(kept.digest)
  expect(digests.take('u', FILE, 5)).toBeUndefined()
})

test.each([
  ['another file', OTHER_FILE, 5],
  ['another offset', FILE, 4],
])('a digest is of no use for %s, now or later', (_, state, offset) => {
  const digests = new RunningDigests()
  digests.keep('u', remembered(5))

  expect(digests.take('u', state, offset)).toBeUndefined()
  expect(digests.take('u', FILE, 5)).toBeUndefined()
})

test('a digest is forgotten when its session ends, and replaced when it goes on', () => {
  const digests = new RunningDigests()
  digests.keep('u', remembered(5))
  digests.keep('v', remembered(5))
  const later = remembered(9)
  digests.keep('v', later)

  digests.forget('u')

  expect(digests.take('u', FILE, 5)).toBeUndefined()
  expect(digests.take('v', FILE, 9)).toBe(later.digest)
})

test('ten thousand sessions are remembered, the youngest of them', () => {
  const digests = new RunningDigests()
  for (let session = 0; session <= 10_000; session += 1) digests.keep(`${session}`, remembered(5))

  expect(digests.take('0', FILE, 5)).toBeUndefined()
  expect(digests.take('1', FILE, 5)).toBeDefined()
  expect(digests.take('10000', FILE, 5)).toBeDefined()
})

test('a digest is forgotten when no request has gone on with its session for an hour', () => {
  let now = 0
  const digests = new RunningDigests(() => now)
  digests.keep('resting', remembered(5))
  digests.keep('going on', remembered(5))
  now = 1_800_000
  digests.keep('going on', remembered(9))
  now = 3_600_000
  digests.sweep()

  expect(digests.take('resting', FILE, 5)).toBeUndefined()
  expect(digests.take('going on', FILE, 9)).toBeDefined()
})
