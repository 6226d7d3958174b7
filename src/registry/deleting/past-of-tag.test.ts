import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { utimesSync } from 'node:fs'
import { pushImage } from '../../../test/collect/rows/row.ts'
import { BerthInProcess } from '../../../test/support/berth-in-process.ts'
import { collectAll, TEST_POLICY } from '../../../test/support/collecting.ts'
import { type Image, makeImage } from '../../../test/support/images.ts'
import { expectStatus } from '../../../test/support/registry-client.ts'
import { tagSetOf } from '../../../test/support/retention-rule.ts'
import { pastIn } from '../../../test/support/tag-past.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { loseDatabase } from '../../../test/support/test-root.ts'
import { ownWork } from '../../observe/actor.ts'
import { type Digest, parseDigest } from '../../oci/digest.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { parseTag } from '../../oci/reference.ts'
import { storagePath } from '../../storage/driver.ts'
import { indexLinkFile, layout } from '../../storage/layout.ts'
import { NO_POLICY } from '../retention/retention-policy.ts'

const app = parseRepositoryName('app')
const v1 = parseTag('v1')
const signal = new AbortController().signal
const [one, two, three] = ['one', 'two', 'three'].map((name) => makeImage(name, { layers: 1 })) as [Image, Image, Image]
const [first, second, third] = [one, two, three].map(({ manifest }) => parseDigest(manifest.digest))

let folder: TemporaryFolder
let berth: BerthInProcess

const start = async (retention = NO_POLICY) => {
  berth = await BerthInProcess.start(folder.join('data'), { collector: TEST_POLICY, retention })
  await berth.scan()
}
beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  await start()
})
afterEach(async () => {
  await berth.stop()
  folder[Symbol.dispose]()
})

const past = () => pastIn(berth)
const moves = async () => (await past().of(app, v1)).moves
const shown = async () => (await moves()).map(({ digest, how, state }) => [digest, how, state])
const flush = async () => await berth.registry.history.flush(signal)
const deletes = async (reference: string) => await expectStatus(await berth.client.deleteManifest('app', reference), 202)

/** As if the tag had last come to the digest at this time. */
function touch(digest: Digest | undefined, atMs: number): void {
  const path = storagePath(layout.tag(app, v1), indexLinkFile(digest ?? parseDigest('')))
  utimesSync(folder.join('data', path), atMs / 1000, atMs / 1000)
}

async function startWithoutDatabase(): Promise<void> {
  await berth.stop()
  loseDatabase(folder.join('data'))
  await start()
}

describe('the past of a tag', () => {
  test('within bounds has its newest moves, asks the storage about no more digests, and says that there is more', async () => {
    for (const image of [one, two, three, one, two]) await pushImage(berth.client, image, 'v1')
    const bounds = { historyBytes: 1e9, moves: 2, remembered: 2, deletions: 10 }
    const bounded = await (await berth.registry.changes.past(app, { signal, onUnreadable: () => undefined, bounds })).of(app, v1)
    await flush()
    const roomy = { ...bounds, moves: 5, remembered: 3 }
    const whole = await (await berth.registry.changes.past(app, { signal, onUnreadable: () => undefined, bounds: roomy })).of(
      app,
      v1,
    )

    expect(bounded.moves.map(({ digest }) => digest)).toEqual([second, first])
    expect(bounded.isWhole).toBe(false)
    expect(whole.moves.map(({ digest }) => digest)).toEqual([second, first, third, second, first])
    expect(whole.isWhole).toBe(true)
  })

  test('that was lost with the database is told of the present image alone, where the tag came to more than the bound', async () => {
    for (const image of [one, two, three]) await pushImage(berth.client, image, 'v1')
    await startWithoutDatabase()
    const bounds = { historyBytes: 1e9, moves: 10, remembered: 2, deletions: 10 }

    const found = await (await berth.registry.changes.past(app, { signal, onUnreadable: () => undefined, bounds })).of(app, v1)

    expect([found.moves.map(({ digest }) => digest), found.isWhole]).toEqual([[third], false])
  })

  test('has each move, the newest first, and none for a push that moved nothing', async () => {
    for (const image of [one, two, two, one]) await pushImage(berth.client, image, 'v1')
    await deletes('v1')

    const before = await shown()
    await flush()
    const after = await shown()

    expect(before).toEqual([
      [undefined, 'tag delete', 'gone'],
      [first, 'manifest push', 'there'],
      [second, 'manifest push', 'there'],
      [first, 'manifest push', 'there'],
    ])
    expect(after).toEqual(before)
    expect(await berth.opened.metadata.read.all('SELECT * FROM tag_move')).toEqual([])
  })

  test('says until when what it pointed to can be brought back, and what has gone', async () => {
    for (const image of [one, two, three]) await pushImage(berth.client, image, 'v1')
    await deletes(one.manifest.digest)
    await collectAll(berth)
    await deletes(two.manifest.digest)
    const states = (await moves()).map(({ state }) => state)

    expect(states).toEqual(['there', { untilMs: expect.any(Number) }, { untilMs: expect.any(Number) }])
    expect(states.slice(1).every((state) => typeof state === 'object' && state.untilMs > Date.now())).toBe(true)
  })

  test('is what the records have after the database is lost, and of what they lack what the tag remembers', async () => {
    await pushImage(berth.client, one, 'v1')
    await flush()
    await pushImage(berth.client, two, 'v1')
    await startWithoutDatabase()

    const [newest, oldest] = await moves()

    expect(newest).toMatchObject({ digest: second, how: undefined, by: undefined, state: 'there' })
    expect(Math.abs((newest?.atMs ?? 0) - Date.now())).toBeLessThan(60_000)
    expect(oldest).toMatchObject({ digest: first, how: 'manifest push', state: 'there' })
  })

  test('has the delete of the last seconds too after the database is lost, by the record of the deletion', async () => {
    await pushImage(berth.client, one, 'v1')
    await flush()
    await deletes('v1')
    await startWithoutDatabase()

    expect(await shown()).toEqual([
      [undefined, 'tag delete', 'gone'],
      [first, 'manifest push', 'there'],
    ])
  })

  test('has a way back and forth that the records lack, by the times that the tag remembers', async () => {
    for (const image of [one, two]) await pushImage(berth.client, image, 'v1')
    await flush()
    await startWithoutDatabase()
    for (const [seconds, digest] of [first, second].entries()) touch(digest, Date.now() + (seconds + 60) * 1000)

    expect(await shown()).toEqual([
      [second, undefined, 'there'],
      [first, undefined, 'there'],
      [second, 'manifest push', 'there'],
      [first, 'manifest push', 'there'],
    ])
  })

  test('takes no second push of the same image for a move', async () => {
    for (const image of [one, two]) await pushImage(berth.client, image, 'v1')
    await flush()
    await startWithoutDatabase()
    touch(second, Date.now() + 60_000)

    expect(await shown()).toEqual([
      [second, 'manifest push', 'there'],
      [first, 'manifest push', 'there'],
    ])
  })

  test('of a deleted tag is known without the database', async () => {
    await pushImage(berth.client, one, 'v1')
    await deletes('v1')
    await flush()
    await startWithoutDatabase()

    expect(await shown()).toEqual([
      [undefined, 'tag delete', 'gone'],
      [first, 'manifest push', 'there'],
    ])
  })

  test('tells where it pointed so many moves ago, also when it is deleted', async () => {
    for (const image of [one, two, three, two]) await pushImage(berth.client, image, 'v1')
    const back = async (moves: number) => await past().back(app, v1, moves)

    expect([await back(1), await back(2), await back(3), await back(4)]).toEqual([third, second, first, undefined])
    await deletes('v1')
    expect([await back(1), await back(2)]).toEqual([second, third])
  })

  test('has what a restore did, which is a push of what is there', async () => {
    for (const image of [one, two]) await pushImage(berth.client, image, 'v1')
    await deletes(one.manifest.digest)
    const restore = { digest: first ?? parseDigest(''), tags: [v1], how: 'tag restore', actor: ownWork('test'), overwrites: true }

    await berth.registry.restoration.restore(app, restore, { needsTag: true })

    const found = await berth.client.getManifest('app', 'v1')
    expect(found.headers.get('docker-content-digest') as string).toBe(one.manifest.digest)
    const [newest] = await moves()
    expect(newest).toMatchObject({ digest: first, before: second, how: 'tag restore', by: 'test', state: 'there' })
  })
  test('is not changed by the restore of an immutable tag, but for one to where it points', async () => {
    for (const image of [one, two]) await pushImage(berth.client, image, 'v1')
    await berth.stop()
    await start({ ...NO_POLICY, immutable: [tagSetOf('**', '*')] })
    const restores = async (digest: Digest | undefined) => {
      const restore = {
        digest: digest ?? parseDigest(''),
        tags: [v1],
        how: 'tag restore',
        actor: ownWork('test'),
        overwrites: true,
      }
      return await berth.registry.restoration.restore(app, restore, { needsTag: true })
    }

    await expect(restores(first)).rejects.toThrow(`The tag v1 is immutable and leads to ${two.manifest.digest}`)
    await restores(second)

    expect((await shown()).map(([digest]) => digest)).toEqual([second, first])
  })
})
