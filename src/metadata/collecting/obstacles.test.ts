import { afterEach, beforeEach, expect, test } from 'bun:test'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { type OpenedMetadata, openMetadata } from '../sqlite/open.ts'
import { addObstacles, forgetObstacles, listObstacles, MOST_OBSTACLES } from './obstacles.ts'

let folder: TemporaryFolder
let opened: OpenedMetadata

beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  opened = await openMetadata({
    path: folder.join('metadata.db'),
    runDirectory: folder.join('run'),
    storeId: async () => 'store',
  })
})
afterEach(async () => {
  await opened.metadata.close()
  opened.locks.release(opened.processId)
  folder[Symbol.dispose]()
})

const obstacle = (path: string) => ({ path, repository: null })
const add = async (...paths: readonly string[]) =>
  (await opened.metadata.write((query) => addObstacles(query, 1, paths.map(obstacle)))).map(({ path }) => path)
const forget = async (...paths: readonly string[]) =>
  (await opened.metadata.write((query) => forgetObstacles(query, 1, new Set(paths)))).map(({ path }) => path)
const listed = async (epoch = 1) => (await listObstacles(opened.metadata.read, epoch)).map(({ path }) => path)

test('an obstacle is known once, until it is forgotten, and in its epoch alone', async () => {
  expect(await add('b', 'a', 'b')).toEqual(['b', 'a'])
  expect(await add('a', 'c')).toEqual(['c'])
  expect(await listed()).toEqual(['a', 'b', 'c'])

  expect(await forget('b', 'never met')).toEqual(['b'])
  expect(await listed()).toEqual(['a', 'c'])
  expect(await listed(2)).toEqual([])
})

test('beyond a thousand obstacles no more are told, and none is forgotten: one of the others may be there', async () => {
  const paths = Array.from({ length: MOST_OBSTACLES + 1 }, (_, index) => `path ${String(index).padStart(5, '0')}`)

  expect(await add(...paths)).toHaveLength(MOST_OBSTACLES)
  expect(await listed()).toEqual(paths.slice(0, MOST_OBSTACLES))
  expect(await add('one more')).toEqual([])
  expect(await forget(...paths)).toEqual([])
  expect(await listed()).toHaveLength(MOST_OBSTACLES)
})
