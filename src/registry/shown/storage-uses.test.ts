import { expect, setDefaultTimeout, test } from 'bun:test'
import { pushImage } from '../../../test/collect/rows/row.ts'
import { BerthInProcess } from '../../../test/support/berth-in-process.ts'
import { makeImage } from '../../../test/support/images.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { loseDatabase } from '../../../test/support/test-root.ts'
import { parseRepositoryName } from '../../oci/name.ts'

setDefaultTimeout(120_000)

test('what others need is not known before everything was scanned, and what was counted then is not shown afterwards', async () => {
  using folder = new TemporaryFolder({ inMemory: true })
  const image = makeImage('image')
  const useOf = async ({ registry }: BerthInProcess) =>
    (await registry.shown.repositories.of(parseRepositoryName('app'), undefined, new AbortController().signal)).use
  {
    await using berth = await BerthInProcess.start(folder.join('data'))
    for (const name of ['app', 'other']) await pushImage(berth.client, image, 'v1', name)
  }
  loseDatabase(folder.join('data'))
  await using berth = await BerthInProcess.start(folder.join('data'))

  const before = await useOf(berth)
  await berth.scan()
  const after = await useOf(berth)

  expect(before).toEqual({ bytes: after.bytes, own: undefined })
  expect(after).toEqual({ bytes: before.bytes, own: 0 })
  expect(after.bytes).toBeGreaterThan(0)
})
