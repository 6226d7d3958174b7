import { describe, expect, test } from 'bun:test'
import { placementOf } from '../../test/support/storage-driver-contract.ts'
import { parseRepositoryName } from '../oci/name.ts'
import { storagePath } from './driver.ts'
import { layout } from './layout.ts'
import { findObstacles, obstacleAt } from './layout-obstacle.ts'
import { MemoryDriver } from './memory/memory.ts'

const HEX = 'ab'.repeat(32)
const app = parseRepositoryName('team/app')
const IN_APP = `${layout.repositories}/team/app`

describe('an obstacle', () => {
  test.each([
    ['a repository with capitals', `${layout.repositories}/Team`, '/App/_layers/sha256/x/link', null],
    ['capitals further down', `${layout.repositories}/team/App`, '/_manifests/tags/v1/current/link', null],
    ['a name with a port', `${layout.repositories}/host:5000`, '/app/_layers/link', null],
    ['a directory of a repository that registry:2 does not make', `${IN_APP}/_others`, '/one', app],
    ['another directory of manifests', `${IN_APP}/_manifests/signatures`, '/one', app],
    ['revisions of another algorithm', `${IN_APP}/_manifests/revisions/sha384`, `/${HEX}/link`, app],
    ['layers of another algorithm', `${IN_APP}/_layers/tarsum`, '/v1/sha256/x/link', app],
    ['a link whose name is no digest', `${IN_APP}/_layers/sha256/short`, '/link', app],
    ['a tag whose name is none', `${IN_APP}/_manifests/tags/-x`, '/current/link', app],
    ['blobs of another algorithm', `${layout.blobs}/sha384`, `/ab/${HEX}/data`, null],
    ['a shard that is none', `${layout.blobs}/sha256/zz`, `/${HEX}/data`, null],
    ['a blob whose name is no digest', `${layout.blobs}/sha256/ab/ABAB`, '/data', null],
  ])('is %s', (_, path, below, repository) => {
    expect(obstacleAt(path + below)).toEqual({ path, repository })
  })

  test.each([
    ['content', layout.blob(`sha256:${HEX}` as never)],
    ['a link of a layer', `${IN_APP}/_layers/sha512/${HEX}${HEX}/link`],
    ['a link of a revision', `${IN_APP}/_manifests/revisions/sha256/${HEX}/link`],
    ['signatures of schema 1', `${IN_APP}/_manifests/revisions/sha256/${HEX}/signatures/sha256/${HEX}/link`],
    ['the history of a tag', `${IN_APP}/_manifests/tags/v1/index/sha384/${HEX}/link`],
    ["an upload of registry:2's", `${IN_APP}/_uploads/Any/hashstates/sha384/0`],
    ['a hold', `${IN_APP}/_holds/sha256.${HEX}`],
    ['a file beside repositories', `${layout.repositories}/.DS_Store`],
    ['a file beside links', `${IN_APP}/_layers/sha256/.DS_Store`],
    ['a file beside algorithms', `${layout.blobs}/README`],
    ['what is not of the layout', 'berth/v1/Any/thing'],
  ])('is not %s', (_, path) => {
    expect(obstacleAt(path)).toBeUndefined()
  })
})

test('of the names that a directory has, obstacles are the directories that hold something', async () => {
  const storage = new MemoryDriver()
  const { repositories } = layout
  await storage.place([
    placementOf(storagePath(repositories, 'Full'), { file: 'x' }),
    placementOf(storagePath(repositories, 'Empty'), {}),
    placementOf(repositories, { FILE: 'x' }),
    placementOf(storagePath(repositories, 'team'), { file: 'x' }),
  ])

  const names = await storage.list(repositories)
  expect(names).toEqual(['Empty', 'FILE', 'Full', 'team'])
  expect(await findObstacles(storage, repositories, names)).toEqual([{ path: `${repositories}/Full`, repository: null }])
})
