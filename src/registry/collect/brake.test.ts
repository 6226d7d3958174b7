import { afterEach, beforeEach, expect, test } from 'bun:test'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { type OpenedMetadata, openMetadata } from '../../metadata/sqlite/open.ts'
import { brakes, confirm, tokenOf } from './brake.ts'
import type { Survey } from './survey.ts'

const GIB = 1024 ** 3

let folder: TemporaryFolder
let opened: OpenedMetadata

beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  const options = { path: folder.join('metadata.db'), runDirectory: folder.join('run'), storeId: async () => 'store' }
  opened = await openMetadata(options)
})
afterEach(async () => {
  await opened.metadata.close()
  opened.locks.release(opened.processId)
  folder[Symbol.dispose]()
})

function found(dueBytes: number, storedBytes: number): Survey {
  const nothing = { unneeded: 0, bytes: 0, due: 0, dueBytes: 0 }
  return { links: { unneeded: 5, bytes: dueBytes, due: 5, dueBytes }, blobs: nothing, storedBytes, allDueAfterMs: undefined }
}

test.each([
  ['31 % of the bytes', 31 * GIB, 100 * GIB, true],
  ['30 % of the bytes', 30 * GIB, 100 * GIB, false],
  ['all of a small registry', GIB, GIB, false],
  ['all of a larger one', GIB + 1, GIB + 1, true],
])('%s that fall due at once are held back where a pass may take 30 %%', async (_, dueBytes, storedBytes, isHeldBack) => {
  expect(await brakes(opened.metadata, found(dueBytes, storedBytes), 30)).toBe(isHeldBack)
})

test('the set that the operator confirmed is taken, and no other', async () => {
  const confirmed = found(50 * GIB, 100 * GIB)
  await confirm(opened.metadata, tokenOf(confirmed))

  expect(await brakes(opened.metadata, confirmed, 30)).toBe(false)
  expect(await brakes(opened.metadata, found(60 * GIB, 100 * GIB), 30)).toBe(true)
})
