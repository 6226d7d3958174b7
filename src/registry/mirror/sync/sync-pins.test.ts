import { afterEach, beforeEach, expect, test } from 'bun:test'
import { TemporaryFolder } from '../../../../test/support/temporary-folder.ts'
import { deleteSyncedBefore, keepSynced, putSynced } from '../../../metadata/mirroring/synced.ts'
import { type OpenedMetadata, openMetadata } from '../../../metadata/sqlite/open.ts'
import { type Digest, digestOf } from '../../../oci/digest.ts'
import { parseRepositoryName } from '../../../oci/name.ts'
import { RepositoryGlob } from '../../../oci/repository-glob.ts'
import { newRun, putSyncNote } from './sync-note.ts'
import { SyncPins } from './sync-pins.ts'

const APP = parseRepositoryName('far/team/app')
const OTHER = parseRepositoryName('far/lib/tool')
const digest = (text: string): Digest => digestOf('sha256', new TextEncoder().encode(text))
const ALL = ['one', 'two', 'three'].map(digest).sort()

let folder: TemporaryFolder
let opened: OpenedMetadata
let pins: SyncPins
beforeEach(async () => {
  folder = new TemporaryFolder()
  opened = await openMetadata({
    path: folder.join('metadata.db'),
    runDirectory: folder.join('run'),
    storeId: async () => 'store',
  })
  const repositories = [RepositoryGlob.find('team/*')].flatMap((glob) => glob ?? [])
  pins = new SyncPins({ metadata: opened.metadata, mirror: 'far', rule: { repositories } })
})
afterEach(async () => {
  await opened.metadata.close()
  opened.locks.release(opened.processId)
  folder[Symbol.dispose]()
})

const listed = async () => {
  const note = { ...newRun(undefined, 'process', 'rule', 0), listedAtMs: 1 }
  await opened.metadata.write((query) => putSyncNote(query, 'far', note))
}
const named = async (name: string, run: number) =>
  await opened.metadata.write((query) => putSynced(query, { mirror: 'far', repository: APP, digest: digest(name) }, run))

test('until a run has looked at all, everything stays in the repositories that the rule means', async () => {
  expect(await pins.among(APP, ALL)).toEqual(new Set(ALL))
  expect(await pins.among(OTHER, ALL)).toEqual(new Set())
})

test('then what runs have named stays, as long as the last one has', async () => {
  await listed()
  await named('one', 1)
  await named('two', 1)
  await named('two', 2)
  expect(await pins.among(APP, ALL)).toEqual(new Set([digest('one'), digest('two')]))

  await opened.metadata.write((query) => deleteSyncedBefore(query, 'far', 2))
  expect([await pins.has(APP, digest('one')), await pins.has(APP, digest('two'))]).toEqual([false, true])

  await opened.metadata.write((query) => keepSynced(query, { mirror: 'far', repository: APP }, 3))
  await opened.metadata.write((query) => deleteSyncedBefore(query, 'far', 3))
  expect(await pins.has(APP, digest('two'))).toBe(true)
})
