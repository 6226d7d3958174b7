import { expect, spyOn, test } from 'bun:test'
import { type Digest, parseDigest } from '../../oci/digest.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { parseReference } from '../../oci/reference.ts'
import { MemoryDriver } from '../../storage/memory/memory.ts'
import { Holds } from './holds.ts'

const APP = parseRepositoryName('team/app')

function digestOf(number: number): Digest {
  return parseDigest(`sha256:${number.toString(16).padStart(64, '0')}`)
}

test('of ten thousand names those that are held are found by one question to the storage, of one name by one read', async () => {
  const storage = new MemoryDriver()
  const holds = new Holds(storage)
  const tags = Array.from({ length: 10_000 }, (_, number) => parseReference(`v${number}`))
  for (const reference of [parseReference('v7'), parseReference('v9999'), parseReference('other'), digestOf(1)])
    await holds.hold(APP, reference)
  const [listed, read] = [spyOn(storage, 'list'), spyOn(storage, 'readSmall')]

  const many = await holds.among(APP, [...tags, digestOf(1), digestOf(2)])
  const asked = [listed.mock.calls.length, read.mock.calls.length]
  const one = await holds.among(APP, [parseReference('v7')])
  const none = await holds.among(APP, [digestOf(2)])

  expect<readonly string[]>(many).toEqual(['v7', 'v9999', digestOf(1)])
  expect(asked).toEqual([1, 0])
  expect<readonly unknown[]>([one, none]).toEqual([['v7'], []])
  expect([listed.mock.calls.length, read.mock.calls.length]).toEqual([1, 2])
})
