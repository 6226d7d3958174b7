import { expect, test } from 'bun:test'
import { TemporaryFolder } from '../../test/support/temporary-folder.ts'
import { bucketStateDirectory, ensureStateId } from './local-state.ts'

test('what a bucket needs on this machine goes to the first usual place that can be written', async () => {
  using folder = new TemporaryFolder()
  const file = await folder.file('file', 'not a folder')
  const usual = [`${file}/berth`, folder.join('volume'), folder.join('later')]

  expect(bucketStateDirectory(usual)).toBe(process.env.STATE_DIRECTORY ?? folder.join('volume'))
  expect(bucketStateDirectory([`${file}/berth`])).toBe(process.env.STATE_DIRECTORY ?? '/var/lib/berth')
})

test('a directory has one name for ever, whoever asks first', async () => {
  using folder = new TemporaryFolder()

  const ids = await Promise.all(Array.from({ length: 8 }, () => ensureStateId(folder.path)))

  expect(new Set([...ids, await ensureStateId(folder.path)]).size).toBe(1)
  expect(ids[0]).toMatch(/^[0-9a-f-]{36}$/)
})
