import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { pushImage } from '../../../test/collect/rows/row.ts'
import { BerthInProcess } from '../../../test/support/berth-in-process.ts'
import { makeImage } from '../../../test/support/images.ts'
import { expectStatus } from '../../../test/support/registry-client.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import type { RepositoryName } from '../../oci/name.ts'

setDefaultTimeout(120_000)

const ALL = { first: 0, count: 1_000 }

let folder: TemporaryFolder
let berth: BerthInProcess

beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  berth = await BerthInProcess.start(folder.join('data'))
})
afterEach(async () => {
  await berth[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

async function push(repository: string, image = makeImage('image')): Promise<void> {
  await pushImage(berth.client, image, 'latest', repository)
}

async function names(query: string): Promise<readonly string[]> {
  return (await berth.registry.search.find(query, ALL)).found.map(({ name }) => name)
}

test('a search has what is liked and pulled most first, among those that fit as well', async () => {
  const { remarks, retention } = berth.registry
  for (const name of ['app', 'app-a', 'app-b', 'app-c', 'x/app-a', 'x/app-b']) await push(name)
  for (const user of ['alice', 'bob']) await remarks.star('app-c' as RepositoryName, user)
  await remarks.star('x/app-b' as RepositoryName, 'alice')
  for (let pull = 0; pull < 2; pull += 1) await expectStatus(await berth.client.getManifest('app-b', 'latest'), 200)
  await retention.pulls.write()

  expect(await names('app')).toEqual(['app', 'app-c', 'app-b', 'app-a', 'x/app-b', 'x/app-a'])
  expect(await names('x/app')).toEqual(['x/app-b', 'x/app-a'])
  expect(await names('')).toEqual(['app', 'app-a', 'app-b', 'app-c', 'x/app-a', 'x/app-b'])
})

test('a search knows what a robot has pushed last', async () => {
  const automated = async () => (await berth.registry.search.find('app', ALL)).found.map(({ isAutomated }) => isAutomated)
  const pushedBy = async (by: string) =>
    await berth.opened.metadata.write(async (query) => {
      await query.run("UPDATE tag SET moved_by = ? WHERE moved_how = 'manifest push'", by)
    })
  await push('app')
  await pushedBy('robot:ci')
  expect(await automated()).toEqual([true])

  await push('app', makeImage('newer'))
  await pushedBy('robots')
  expect(await automated()).toEqual([false])
})
