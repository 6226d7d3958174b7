import { afterEach, beforeEach, expect, test } from 'bun:test'
import { BerthInProcess } from '../../../test/support/berth-in-process.ts'
import { collect, HOUR_MS, passTime, TEST_POLICY } from '../../../test/support/collecting.ts'
import { LongestTurn } from '../../../test/support/longest-turn.ts'
import { ruleOf } from '../../../test/support/retention-rule.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import type { Metadata } from '../../metadata/query.ts'
import { NO_POLICY } from '../retention/retention-policy.ts'

const REPOSITORIES = 250

let folder: TemporaryFolder
let berth: BerthInProcess | undefined

beforeEach(() => {
  folder = new TemporaryFolder({ inMemory: true })
})
afterEach(async () => {
  await berth?.[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

test.each([
  ['with tags alone', false, []],
  ['of which a rule asks what tags led to', true, [ruleOf('**', '*', { moves: 2 })]],
])('a pass over many small repositories %s lets others have their turn between them', async (_, hasUntagged, rules) => {
  const turns = new LongestTurn()
  const metadata = (opened: Metadata): Metadata => ({ ...turns.metadata(opened), write: (operation) => opened.write(operation) })
  const retention = { ...NO_POLICY, rules }
  berth = await BerthInProcess.start(folder.join('data'), { metadata, collector: TEST_POLICY, retention })
  const running = berth
  await running.scan()
  await fill(running, { hasUntagged })
  await passTime(running, 2 * HOUR_MS)

  const { longestMs, tookMs } = await turns.during(() => collect(running))

  // What is asked of one repository, and the few milliseconds after which others have their turn.
  expect(longestMs).toBeLessThan(20)
  expect(tookMs).toBeGreaterThan(5 * REPOSITORIES)
})

test('of a large repository as much is read in a turn, and condemned or removed in a transaction, as the database allows', async () => {
  const turns = new LongestTurn({ rowMs: 0.4 })
  const metadata = (opened: Metadata) => turns.metadata(opened)
  berth = await BerthInProcess.start(folder.join('data'), { metadata, collector: TEST_POLICY })
  const running = berth
  await running.scan()
  const transactionsOf = async (rowMs: number) => {
    turns.rowMs = rowMs
    turns.transactionsMs.length = 0
    const { longestMs } = await turns.during(() => collect(running))
    return { longestMs, transactionsMs: turns.transactionsMs.splice(0) }
  }

  await fillLarge(running, 1)
  await passTime(running, TEST_POLICY.foundMs)
  const condemning = await transactionsOf(0.4)
  await fillLarge(running, 2)
  await transactionsOf(0)
  await passTime(running, 2 * HOUR_MS)
  const removing = await transactionsOf(0.4)

  // A slice of two hundred rows would take 81 ms of this clock. Sixteen links are begun with: to condemn them takes 7.
  expect(condemning.longestMs).toBeLessThan(40)
  expect(Math.max(...condemning.transactionsMs.slice(4))).toBeLessThan(6)
  // The first removal takes as many as were condemned at once where that was quick: 64, of which a transaction takes 80 ms. Of eight it takes 14.
  expect(Math.max(...removing.transactionsMs.slice(0, 12))).toBeGreaterThan(60)
  expect(Math.max(...removing.transactionsMs.slice(12))).toBeLessThan(16)
  expect(await running.opened.metadata.read.all('SELECT 1 FROM link WHERE target IS NOT NULL')).toEqual([])
})

/** A repository with five hundred layers that nothing names. */
async function fillLarge({ opened }: BerthInProcess, id: number): Promise<void> {
  const digests = JSON.stringify(Array.from({ length: 500 }, (_, number) => `sha256:${id}${String(number).padStart(63, '0')}`))
  await opened.metadata.write(async (query) => {
    await query.run("INSERT INTO repository (id, name, scanned_epoch) VALUES (?, 'ci/app-' || ?, ?)", id, id, opened.epoch)
    await query.run(
      'INSERT INTO link (repository_id, digest, target, number, epoch, touched_ms) SELECT ?, value, value, 1, ?, 0 FROM json_each(?)',
      ...[id, opened.epoch, digests],
    )
  })
}

/** In each repository an image with a tag, and perhaps one without. */
async function fill({ opened }: BerthInProcess, { hasUntagged }: { readonly hasUntagged: boolean }): Promise<void> {
  const digest = "'sha256:' || printf('%064d', value * 2 + ?)"
  const numbers = JSON.stringify(Array.from({ length: REPOSITORIES }, (_, number) => number + 1))
  await opened.metadata.write(async (query) => {
    const { epoch } = opened
    await query.run(
      "INSERT INTO repository (id, name, scanned_epoch) SELECT value, 'ci/app-' || value, ? FROM json_each(?)",
      ...[epoch, numbers],
    )
    for (const isTagged of hasUntagged ? [0, 1] : [1]) {
      await query.run(
        `INSERT INTO manifest (repository_id, digest, held, linked, number, epoch) SELECT value, ${digest}, 1, 1, 1, ? FROM json_each(?)`,
        ...[isTagged, epoch, numbers],
      )
    }
    await query.run(
      `INSERT INTO tag (repository_id, name, digest, held, number, epoch) SELECT value, 'v1', ${digest}, 1, 1, ? FROM json_each(?)`,
      ...[1, epoch, numbers],
    )
  })
}
