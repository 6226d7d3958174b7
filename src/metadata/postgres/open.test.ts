import { afterEach, beforeEach, expect, test } from 'bun:test'
import { describeOnOwnPostgres } from '../../../test/support/postgres-suite.ts'
import { poll } from '../../../test/support/processes.ts'
import { StorageInUseError } from '../processes.ts'
import { MIGRATIONS, versionAfter } from '../sqlite/migrations.ts'
import type { PostgresPlace } from './connection.ts'
import { type OpenedPostgres, openPostgres } from './open.ts'

const NEWER = { version: versionAfter(MIGRATIONS) + 1, statements: ['CREATE TABLE visit (name TEXT PRIMARY KEY)'] }

describeOnOwnPostgres('processes over PostgreSQL', (server) => {
  let place: PostgresPlace
  let opened: OpenedPostgres[]

  beforeEach(() => {
    place = server().place()
    opened = []
  })
  afterEach(async () => {
    for (const one of [...opened]) await end(one)
  })

  async function start({ onLost = (): void => undefined, migrations = MIGRATIONS } = {}): Promise<OpenedPostgres> {
    const one = await openPostgres({ place, storeId: async () => 'store', onLost, migrations })
    opened.push(one)
    return one
  }

  async function end(one: OpenedPostgres): Promise<void> {
    opened = opened.filter((other) => other !== one)
    await one.metadata.close()
    one.locks.release(one.processId)
  }

  /** The server takes the lock back when it notices that the connection has ended. */
  async function isDead(to: OpenedPostgres, id: string): Promise<void> {
    await poll('its death', 10_000, async () => ((await to.locks.isAlive(id)) ? undefined : true))
  }

  /** Those whose last question took or asked for a lock: the connections of the locks. */
  async function endSession(): Promise<void> {
    const text = `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted ORDER BY pid LIMIT 1`
    await server().ask(text)
  }

  test('the first one begins an epoch, and others join it as long as one is alive', async () => {
    const first = await start()
    const second = await start()
    await end(first)
    await isDead(second, first.processId)
    const third = await start()
    await end(second)
    await end(third)
    await poll('an epoch', 10_000, async () => {
      const fourth = await start()
      if (!fourth.beganEpoch) await end(fourth)
      return fourth.beganEpoch ? true : undefined
    })

    expect([first, second, third].map(({ epoch, beganEpoch }) => [epoch, beganEpoch])).toEqual([
      [1, true],
      [1, false],
      [1, false],
    ])
    expect(opened.map(({ epoch }) => epoch)).toEqual([2])
  })

  test('of those that start at the same time one begins the epoch', async () => {
    const all = await Promise.all([start(), start(), start()])

    expect(all.map(({ epoch }) => epoch)).toEqual([1, 1, 1])
    expect(all.filter(({ beganEpoch }) => beganEpoch)).toHaveLength(1)
    expect((await all[0].locks.living()).map(({ id }) => id).sort()).toEqual([all[1].processId, all[2].processId].sort())
  })

  test('each knows of the other whether it is alive, and two that ask at once agree', async () => {
    const [one, other] = [await start(), await start()]

    const asked = await Promise.all([one, other, one, other].map(({ locks }) => locks.isAlive(other.processId)))
    const strange = await Promise.all([one, other, one, other].map(({ locks }) => locks.isAlive('never')))

    expect(asked).toEqual([true, true, true, true])
    expect(strange).toEqual([false, false, false, false])
  })

  test('one whose session has ended is told so, and counts as dead', async () => {
    const { promise: lost, resolve } = Promise.withResolvers<void>()
    const one = await start({ onLost: resolve })
    await endSession()
    await lost
    const other = await start()

    expect(await one.locks.isAlive(one.processId)).toBe(false)
    expect(await other.locks.isAlive(one.processId)).toBe(false)
    expect(other.beganEpoch).toBe(true)
  })

  test('one with other tables does not start beside another one, and changes nothing', async () => {
    const one = await start()

    const newer = start({ migrations: [...MIGRATIONS, NEWER] })

    await expect(newer).rejects.toBeInstanceOf(StorageInUseError)
    expect(await one.metadata.read.get("SELECT value FROM property WHERE name = 'schema'")).toEqual({
      value: String(versionAfter(MIGRATIONS)),
    })
  })
})
