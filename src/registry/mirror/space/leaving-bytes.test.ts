import { afterEach, beforeEach, expect, test } from 'bun:test'
import { TemporaryFolder } from '../../../../test/support/temporary-folder.ts'
import { ensureRepository, setBlobLive, setLink } from '../../../metadata/changes.ts'
import type { CondemnedLink } from '../../../metadata/collecting/links.ts'
import { deleteFetchesOf } from '../../../metadata/mirroring/fetches.ts'
import { sumLeaving } from '../../../metadata/mirroring/leaving.ts'
import { nextNumber } from '../../../metadata/query.ts'
import { addMembers, beginRules, countSome } from '../../../metadata/quotas/quotas.ts'
import { type OpenedMetadata, openMetadata } from '../../../metadata/sqlite/open.ts'
import { digestOf } from '../../../oci/digest.ts'
import { parseRepositoryName } from '../../../oci/name.ts'
import { LeavingBytes } from './leaving-bytes.ts'

const ONE = parseRepositoryName('hub/one')
const TWO = parseRepositoryName('hub/two')
const OWN = parseRepositoryName('own/app')
const BLOB = digestOf('sha256', new TextEncoder().encode('blob'))

let folder: TemporaryFolder
let opened: OpenedMetadata
beforeEach(async () => {
  folder = new TemporaryFolder()
  const [path, runDirectory] = [folder.join('metadata.db'), folder.join('run')]
  opened = await openMetadata({ path, runDirectory, storeId: async () => 'store' })
})
afterEach(async () => {
  await opened.metadata.close()
  opened.locks.release(opened.processId)
  folder[Symbol.dispose]()
})

/** Links of a blob of 10 bytes, in two repositories of a mirror that is counted, and in one that is not. */
async function linksOfOneBlob(): Promise<readonly CondemnedLink[]> {
  return await opened.metadata.write(async (query) => {
    await beginRules(query, 'hub')
    const stamp = { number: await nextNumber(query), epoch: opened.epoch }
    const links: CondemnedLink[] = []
    await setBlobLive(query, BLOB, 10, stamp)
    for (const repository of [ONE, TWO, OWN]) {
      const repositoryId = await ensureRepository(query, repository, opened.epoch)
      await setLink(query, repositoryId, BLOB, BLOB, stamp)
      links.push({ repository, repositoryId, digest: BLOB, target: BLOB, condemnedMs: 1 })
    }
    await addMembers(query, (name) => (name.startsWith('hub/') ? ['mirror:hub'] : []))
    while (await countSome(query));
    return links
  })
}

function leavingBytes(untilFreed: () => Promise<void>): LeavingBytes {
  return new LeavingBytes({ ...opened, storage: { untilFreed } })
}

const leaving = async () => await sumLeaving(opened.metadata.read, 'mirror:hub', opened.epoch)

test('bytes are counted once from before their links go until they take no room', async () => {
  const links = await linksOfOneBlob()
  const seen: number[] = []
  const see = async () => {
    seen.push(await leaving())
  }

  await leavingBytes(see).during(links, see)

  expect(seen).toEqual([10, 10])
  expect(await leaving()).toBe(0)
})

test('a removal that fails leaves no bytes counted', async () => {
  const links = await linksOfOneBlob()

  const removal = leavingBytes(async () => undefined).during(links, () => Promise.reject(new Error('EIO')))

  await expect(removal).rejects.toThrow('EIO')
  expect(await leaving()).toBe(0)
})

test('what a process that died was removing is counted no more when its fetches are not', async () => {
  const links = await linksOfOneBlob()
  const under = Promise.withResolvers<void>()
  const removal = leavingBytes(async () => undefined).during(links, () => under.promise)
  await opened.metadata.write((query) => deleteFetchesOf(query, opened.processId))

  expect(await leaving()).toBe(0)

  under.resolve()
  await removal
})
