import { afterEach, beforeEach, expect, type Mock, spyOn, test } from 'bun:test'
import { poll } from '../../../test/support/processes.ts'
import { RestartableRegistry } from '../../../test/support/restartable-registry.ts'
import { deleteBlobs, ensureRepository, setBlobLive } from '../../metadata/changes.ts'
import { type Claim, deleteClaims, insertClaims } from '../../metadata/claims.ts'
import { setTag } from '../../metadata/history/tag-changes.ts'
import { nextNumber } from '../../metadata/query.ts'
import { listExpired } from '../../metadata/repeats/changed-twice.ts'
import { noteBytesRemoved } from '../../metadata/repeats/removed-bytes.ts'
import { purgeTombstones } from '../../metadata/scans.ts'
import { ownWork } from '../../observe/actor.ts'
import { type Digest, digestOf } from '../../oci/digest.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { parseTag } from '../../oci/reference.ts'
import { storagePath } from '../../storage/driver.ts'
import { CURRENT_LINK_FILE, indexLinkFile, layout } from '../../storage/layout.ts'
import { StorageView } from '../heal/storage-view.ts'
import { Operations } from './operations.ts'
import { RepeatedRequests } from './repeated-requests.ts'
import { Settlement } from './settlement.ts'

/** What is noted of links that change twice, and when they are compared: by rows and times that the test sets. */

const [EPOCH, LATE_MS] = [1, 17_000]
const repository = parseRepositoryName('a')
const tag = parseTag('v1')
const claim: Claim = { name: { kind: 'tag', repository, tag }, alone: true }
const [FIRST, SECOND] = [digestOf('sha256', new Uint8Array([1])), digestOf('sha256', new Uint8Array([2]))]

let berth: RestartableRegistry
let now: Mock<() => number>
let passedMs: number
let repaired: string[]
let repeats: RepeatedRequests
let operations: Operations

beforeEach(async () => {
  berth = await RestartableRegistry.start({ storage: 'inmemory' }, { database: 'kept', maintenance: 'off' })
  passedMs = 0
  const { now: real } = performance
  now = spyOn(performance, 'now').mockImplementation(() => real.call(performance) + passedMs)
  repaired = []
  const { metadata, log } = berth
  const { storage } = berth
  const settlement = new Settlement({ metadata, view: new StorageView(storage, metadata.read), processId: 'mine', epoch: EPOCH })
  const liveness = { isAlive: async () => true }
  const late = { lateMs: LATE_MS, lateBytesMs: 0 }
  operations = new Operations({ metadata, settlement, liveness, processId: 'mine', epoch: EPOCH, ...late, log })
  const onRepaired = (kind: string) => repaired.push(kind)
  repeats = new RepeatedRequests({ storage, metadata, operations, epoch: EPOCH, lateMs: LATE_MS, log, onRepaired })
  await repeats.begin()
})
afterEach(async () => {
  now.mockRestore()
  await berth[Symbol.asyncDispose]()
})

/** An operation of another process has moved the tag. */
async function move(digest: Digest | null, epoch = EPOCH): Promise<number> {
  return await berth.metadata.write(async (query) => {
    const number = await nextNumber(query)
    await setTag(query, await ensureRepository(query, repository, EPOCH), tag, digest, { number, epoch })
    return number
  })
}

async function place(digest: Digest): Promise<void> {
  const bytes = new TextEncoder().encode(digest)
  const files = [indexLinkFile(digest), CURRENT_LINK_FILE].map((name) => ({ name, bytes }))
  await berth.storage.place([{ directory: layout.tag(repository, tag), files }])
}

async function inStorage(): Promise<string | undefined> {
  const bytes = await berth.storage.readSmall(storagePath(layout.tag(repository, tag), CURRENT_LINK_FILE), 256)
  return bytes && new TextDecoder().decode(bytes)
}

/** What is noted, whether or not it has expired. */
async function noted(): Promise<readonly string[]> {
  return (await berth.metadata.read.all<{ name: string }>('SELECT name FROM changed_twice')).map(({ name }) => name)
}

async function run(): Promise<void> {
  await repeats.run(new AbortController().signal)
}

/** Runs until requests of all changes up to now have expired, and what was due then has been looked at. */
async function expire(): Promise<void> {
  for (const ms of [2_000, LATE_MS, 2_000]) {
    passedMs += ms
    await run()
  }
}

test('a tag that moves twice while a request of its first move may come again is compared when none can, and points to what the row says', async () => {
  await move(FIRST)
  await move(SECOND)
  await place(FIRST)

  await run()
  passedMs += LATE_MS - 2_000
  await run()
  expect([await inStorage(), await noted(), repaired]).toEqual([FIRST, [tag], []])
  passedMs += 2_000
  await run()
  expect([await inStorage(), repaired]).toEqual([SECOND, ['tag']])

  // A request of the repair may come again, too.
  expect(await noted()).toEqual([tag])
  await expire()
  expect([await noted(), repaired]).toEqual([[], ['tag']])
})

test('a tag that moves again when no request of its first move can come is not noted, nor one that is pushed again', async () => {
  await move(FIRST)
  await expire()
  await move(SECOND)
  await move(SECOND)

  expect(await noted()).toEqual([])
})

test('a move that began while a request of the one before it could come is noted, however long it takes', async () => {
  await move(FIRST)
  await run()
  const owner = { operation: 'slow', process: 'another' }
  await berth.metadata.write(async (query) => await insertClaims(query, [claim], owner, await nextNumber(query)))
  await expire()
  await berth.metadata.write((query) => deleteClaims(query, 'slow'))
  await move(SECOND)

  expect(await noted()).toEqual([tag])
})

test('is not looked at while its last change may come again, though the change that noted it has expired', async () => {
  await move(FIRST)
  await move(SECOND)
  await run()
  await move(SECOND)
  await place(FIRST)
  passedMs += LATE_MS
  await run()
  expect([await inStorage(), await noted()]).toEqual([FIRST, [tag]])

  await expire()

  expect(await inStorage()).toBe(SECOND)
})

test('a tag that was deleted is deleted again, and its tombstone stays until then', async () => {
  await move(FIRST)
  const number = await move(null)
  await place(FIRST)
  const tombstones = async () => (await berth.metadata.read.all('SELECT 1 FROM tag WHERE digest IS NULL')).length

  await berth.metadata.write((query) => query.run('UPDATE repository SET scanned_epoch = ?', EPOCH))
  await berth.metadata.write((query) => purgeTombstones(query, EPOCH, number))
  expect(await tombstones()).toBe(1)
  await expire()

  expect([await inStorage(), repaired]).toEqual([undefined, ['tag']])
  await berth.metadata.write((query) => purgeTombstones(query, EPOCH, number))
  expect(await tombstones()).toBe(0)
})

test('the storage is believed where all processes had ended: another registry may have written it since', async () => {
  await move(FIRST, EPOCH - 1)
  await move(SECOND, EPOCH - 1)
  await place(FIRST)

  await expire()

  expect([await inStorage(), await noted(), repaired]).toEqual([FIRST, [], []])
})

test('a directory notes nothing', async () => {
  await berth.metadata.write((query) => query.run("UPDATE counter SET value = 9007199254740991 WHERE name = 'expired'"))
  await move(FIRST)
  await move(SECOND)

  expect(await noted()).toEqual([])
  expect(await listExpired(berth.metadata.read, 10)).toEqual([])
})

/** It has written to the storage when it fails. */
async function fail(): Promise<void> {
  const act = async () => {
    await place(FIRST)
    throw new Error('the store broke')
  }
  const failing = { name: 'push', actor: ownWork('test'), plan: async () => ({ plan: undefined, claims: [claim] }), act }
  await expect(operations.perform({ ...failing, confirm: async () => undefined })).rejects.toThrow('the store broke')
}

test('what an operation has written that failed may come again as well: its tag is noted', async () => {
  await fail()

  expect(await noted()).toEqual([tag])
})

test('the settlement of an operation leaves the row of a tag that changed twice, and the storage is made to say the same', async () => {
  await move(FIRST)
  await move(SECOND)
  await fail()
  expect(await berth.metadata.read.all('SELECT digest FROM tag')).toEqual([{ digest: SECOND }])

  await expire()

  expect([await inStorage(), repaired]).toEqual([SECOND, ['tag']])
})

/** A push of bytes. How often it was planned. */
function bring(): { readonly planned: () => number; readonly ended: Promise<unknown> } {
  let count = 0
  const plan = async () => {
    count += 1
    return { plan: undefined, claims: [{ name: { kind: 'blob', digest: FIRST } as const, alone: false }] }
  }
  const push = { name: 'push', actor: ownWork('test'), plan, act: async () => undefined, confirm: async () => 'brought' }
  return { planned: () => count, ended: operations.perform(push) }
}

async function removeBytes(): Promise<void> {
  await berth.metadata.write(async (query) => {
    const number = await nextNumber(query)
    await deleteBlobs(query, [FIRST])
    await noteBytesRemoved(query, [FIRST], number)
  })
}

test('a push of bytes that were removed a moment ago waits until the request that removed them cannot come again', async () => {
  await removeBytes()
  const push = bring()
  await poll('it waits', 5_000, async () => (push.planned() > 1 ? true : undefined))

  await expire()

  expect(await push.ended).toBe('brought')
  expect(await berth.metadata.read.all('SELECT digest FROM removed_bytes')).toEqual([])
})

test('and is put off when that takes longer', async () => {
  await removeBytes()
  const push = bring()
  await poll('it waits', 5_000, async () => (push.planned() > 1 ? true : undefined))

  passedMs += 30_000

  await expect(push.ended).rejects.toThrow('This content was removed from the storage a moment ago')
})

test('bytes whose removal was not confirmed are waited for as well', async () => {
  await berth.metadata.write(async (query) => {
    await setBlobLive(query, FIRST, 1, { number: await nextNumber(query), epoch: EPOCH })
    await query.run("UPDATE blob SET state = 'deleting'")
  })
  const act = async () => {
    throw new Error('the store broke')
  }
  const claims = [{ name: { kind: 'blob', digest: FIRST } as const, alone: true }]
  const removal = { name: 'removal', actor: ownWork('test'), plan: async () => ({ plan: undefined, claims }), act }
  await expect(operations.perform({ ...removal, confirm: async () => undefined })).rejects.toThrow('the store broke')

  expect(await berth.metadata.read.all('SELECT digest FROM removed_bytes')).toEqual([{ digest: FIRST }])
})
