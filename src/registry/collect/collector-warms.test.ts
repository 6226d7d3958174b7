import { expect, test } from 'bun:test'
import { BerthInProcess } from '../../../test/support/berth-in-process.ts'
import { collect, passTime, TEST_POLICY } from '../../../test/support/collecting.ts'
import { blobsOf, makeImage } from '../../../test/support/images.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import type { Metadata } from '../../metadata/query.ts'

test('the rows are brought into memory before a pass looks at them, and before and after each removal', async () => {
  using folder = new TemporaryFolder({ inMemory: true })
  const seen: string[] = []
  const metadata = (opened: Metadata): Metadata => ({
    read: {
      all: (sql, ...values) => {
        if (typeof sql === 'string' && sql.includes('unneededSinceMs')) seen.push('looked')
        return opened.read.all(sql, ...values)
      },
      get: (sql, ...values) => opened.read.get(sql, ...values),
      run: (sql, ...values) => opened.read.run(sql, ...values),
    },
    revision: () => opened.revision(),
    write: (operation) => opened.write(operation),
    warm: async () => {
      seen.push('warmed')
    },
  })
  const hook = async (call: string) => {
    if (/^rename docker.*_layers/.test(call)) seen.push('removed')
  }
  await using berth = await BerthInProcess.start(folder.join('data'), { metadata, hook, collector: TEST_POLICY })
  await berth.scan()
  for (const blob of blobsOf(makeImage('unneeded', { layers: 2 }))) await berth.client.pushBlob('app', blob)
  await passTime(berth, TEST_POLICY.graceMs)

  seen.length = 0
  await collect(berth)
  expect(seen.slice(0, 2)).toEqual(['warmed', 'looked'])
  await passTime(berth, TEST_POLICY.windowMs)
  seen.length = 0
  await collect(berth)

  expect(seen.filter((each, index) => each !== seen[index - 1] || each === 'warmed').slice(0, 5)).toEqual([
    ...['warmed', 'removed', 'warmed'],
    ...['warmed', 'looked'],
  ])
})
