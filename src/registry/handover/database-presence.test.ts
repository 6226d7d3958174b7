import { afterEach, beforeEach, expect, spyOn, test } from 'bun:test'
import type { Placement, StorageEntry, StoragePath } from '../../storage/driver.ts'
import { berthLayout } from '../../storage/layout.ts'
import { MemoryDriver } from '../../storage/memory/memory.ts'
import { DatabasePresence } from './database-presence.ts'

/** Fifty times as fast: signs are renewed each 400 ms and grow old in 1.8 s, so that a moment without the processor is not a death. */
const PACE = 0.02
const ALIVE_MS = 90_000 * PACE
const MISSED_MS = 60_000 * PACE
const RENEW_EVERY_MS = 20_000 * PACE

/** Files with the times at which they were placed, which may be by another clock than ours. */
class TimedStorage extends MemoryDriver {
  readonly #times = new Map<string, number>()
  clockAheadMs = 3_600_000

  override async place(placements: readonly Placement[]): Promise<void> {
    await super.place(placements)
    for (const { directory, files } of placements) {
      for (const { name } of files) this.#times.set(`${directory}/${name}`, Date.now() + this.clockAheadMs)
    }
  }

  override async stat(path: StoragePath): Promise<StorageEntry | undefined> {
    const entry = await super.stat(path)
    return entry && { ...entry, changedAtMs: this.#times.get(path) ?? 0 }
  }
}

let storage: TimedStorage
let takenOver: Error[]
const begun: DatabasePresence[] = []

beforeEach(() => {
  storage = new TimedStorage()
  takenOver = []
})
afterEach(async () => {
  for (const presence of begun.splice(0)) await presence.end({ isLast: true })
})

function fail(error: unknown): never {
  throw error
}

async function begin(databaseId: string, { waitsForLiving = false } = {}): Promise<DatabasePresence> {
  const onTakenOver = (error: Error) => takenOver.push(error)
  const facts = { storage, databaseId, host: 'here', pace: PACE }
  const presence = new DatabasePresence({ ...facts, onTakenOver, onFailure: fail, waitsForLiving })
  await presence.begin()
  begun.push(presence)
  return presence
}

test('one database is at work at once, and several processes may use it', async () => {
  await begin('a')
  await begin('a')

  expect(await storage.list(berthLayout.databases)).toEqual(['a'])
})

test('a second database does not begin while the first renews its sign, by whatever clock, and says what to do', async () => {
  await begin('a')

  await expect(begin('b')).rejects.toThrow('PostgreSQL')

  expect(await storage.list(berthLayout.databases)).toEqual(['a'])
})

test('where the first may be about to end, it is waited for', async () => {
  const first = await begin('a')
  const second = begin('b', { waitsForLiving: true })
  // It is seen to be alive meanwhile.
  await Bun.sleep(2 * RENEW_EVERY_MS)
  expect(await Promise.race([second, 'waits'])).toBe('waits')

  await first.end({ isLast: true })

  await second
  expect(await storage.list(berthLayout.databases)).toEqual(['b'])
})

test('one that is still at work when a dead one would be old is not waited for any longer', async () => {
  await begin('a')
  const startedAt = performance.now()

  await expect(begin('b', { waitsForLiving: true })).rejects.toThrow('PostgreSQL')

  expect(performance.now() - startedAt).toBeGreaterThan(ALIVE_MS)
  expect(await storage.list(berthLayout.databases)).toEqual(['a'])
})

test('whoever gives up waiting leaves no sign', async () => {
  await begin('a')
  const options = { storage, databaseId: 'b', host: 'here', onTakenOver: () => undefined, onFailure: () => undefined }
  const waiting = new DatabasePresence({ ...options, pace: PACE, waitsForLiving: true })
  expect(await waiting.isAlone()).toBe(false)
  const beginning = waiting.begin()

  waiting.giveUp()

  await expect(beginning).rejects.toMatchObject({ name: 'AbortError' })
  expect(await storage.list(berthLayout.databases)).toEqual(['a'])
})

test('what is left of a database that ended without a word is waited for until it is old', async () => {
  const startedAt = performance.now()
  await storage.place([{ directory: berthLayout.databases, files: [{ name: 'dead', bytes: new Uint8Array() }] }])

  await begin('b')

  expect(performance.now() - startedAt).toBeGreaterThan(ALIVE_MS - 100)
})

test('who ends with a word is not waited for', async () => {
  const presence = await begin('a')
  await presence.end({ isLast: true })
  const other = new DatabasePresence({ storage, databaseId: 'b', host: 'here', onTakenOver: fail, onFailure: fail, pace: PACE })

  expect(await other.isAlone()).toBe(true)
})

test('of two that begin at the same moment one goes on', async () => {
  const outcomes = await Promise.allSettled([begin('a'), begin('b')])

  expect(outcomes.map(({ status }) => status)).toContain('fulfilled')
  expect(await storage.list(berthLayout.databases)).toHaveLength(outcomes.filter(({ status }) => status === 'fulfilled').length)
})

test('whoever slept so long that another took over stops', async () => {
  await begin('a')
  const other = storage.place([{ directory: berthLayout.databases, files: [{ name: 'b', bytes: new Uint8Array() }] }])
  await other
  const until = performance.now() + MISSED_MS + 100
  while (performance.now() < until) {
    // The process does not run: no timer of its own fires.
  }
  await storage.place([{ directory: berthLayout.databases, files: [{ name: 'b', bytes: new Uint8Array() }] }])
  await Bun.sleep(2 * RENEW_EVERY_MS)

  expect(takenOver.map(String)).toEqual([expect.stringContaining('PostgreSQL')])
})

test.each([
  ['the machine has slept: its monotonic clock stood still', 70_000],
  ['the wall clock was set back', -70_000],
])('a sign of life is not fresh when %s', async (_, jumpMs) => {
  const presence = await begin('a')
  expect(presence.isFresh).toBe(true)
  const now = Date.now()
  const clock = spyOn(Date, 'now').mockImplementation(() => now + jumpMs)

  const isFresh = presence.isFresh

  clock.mockRestore()
  expect(isFresh).toBe(false)
})

test('a sign of life is not fresh when only the clock of the storage tells that the machine stood still, until it is renewed', async () => {
  let storageTimeMs = 5_000
  const options = { storage, databaseId: 'a', host: 'here', onTakenOver: fail, onFailure: fail, pace: PACE }
  const presence = new DatabasePresence({ ...options, storageTimeMs: () => storageTimeMs })
  await presence.begin()
  begun.push(presence)
  expect(presence.isFresh).toBe(true)

  storageTimeMs += MISSED_MS + 1

  expect(presence.isFresh).toBe(false)
  await Bun.sleep(2 * RENEW_EVERY_MS)
  expect(presence.isFresh).toBe(true)
})
