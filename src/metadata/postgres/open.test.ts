import { afterEach, beforeEach, expect, test } from 'bun:test'
import { describeOnOwnPostgres, describeOnPostgres } from '../../../test/support/postgres-suite.ts'
import { poll } from '../../../test/support/processes.ts'
import { OlderVersionError } from '../processes.ts'
import { MIGRATIONS, type Migration, versionAfter } from '../sqlite/migrations.ts'
import { PostgresConnection, type PostgresPlace } from './connection.ts'
import { type OpenedPostgres, openPostgres } from './open.ts'
import { requireOwnSessions } from './own-sessions.ts'
import { LIMITS, PostgresMetadata } from './postgres.ts'
import { whileHolding } from './turn.ts'
import { PostgresUnusableError } from './unusable.ts'

const PRESENT = versionAfter(MIGRATIONS)
const CHANGED: Migration = { version: PRESENT + 1, statements: ['CREATE TABLE visit (name TEXT PRIMARY KEY)'] }
const ADDED: Migration = { ...CHANGED, onlyAdds: true }
const CHANGED_LATER: Migration = { version: PRESENT + 2, statements: ['DROP TABLE visit'] }

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
    one.locks.release()
  }

  /** The server takes the lock back when it notices that the connection has ended. */
  async function isDead(to: OpenedPostgres, id: string): Promise<void> {
    await poll('its death', 60_000, async () => ((await to.locks.isAlive(id)) ? undefined : true))
  }

  /** Those whose last question took or asked for a lock: the connections of the locks. */
  async function endSession(): Promise<void> {
    const text = `SELECT pg_terminate_backend(pid, 30000) FROM pg_locks WHERE locktype = 'advisory' AND granted ORDER BY pid LIMIT 1`
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
    await poll('an epoch', 60_000, async () => {
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

  test('one whose tables an older one cannot use waits for its end, and changes nothing before', async () => {
    const older = await start()

    const newer = start({ migrations: [...MIGRATIONS, CHANGED] })

    await expect(newer).rejects.toBeInstanceOf(OlderVersionError)
    expect(await versionSeenBy(older)).toBe(PRESENT)
    await end(older)
    const later = await poll('its start', 60_000, () => start({ migrations: [...MIGRATIONS, CHANGED] }).catch(() => undefined))
    expect([await versionSeenBy(later), later.migratedFrom, later.beganEpoch]).toEqual([PRESENT + 1, PRESENT, true])
    await expect(start()).rejects.toBeInstanceOf(PostgresUnusableError)
  })

  test('one whose tables only have more starts beside an older one, which goes on and may join anew', async () => {
    const older = await start()

    const newer = await start({ migrations: [...MIGRATIONS, ADDED] })
    const again = await start()

    expect([newer.migratedFrom, newer.beganEpoch, await versionSeenBy(older)]).toEqual([PRESENT, false, PRESENT + 1])
    for (const { metadata } of [older, newer, again])
      await metadata.write((query) => query.run("UPDATE property SET value = value WHERE name = 'store'"))
    const latest = { migrations: [...MIGRATIONS, ADDED, CHANGED_LATER] }
    await expect(start(latest)).rejects.toBeInstanceOf(OlderVersionError)
  })

  test('tables that requests are at work with are changed later, and keep these waiting for a second at most', async () => {
    const older = await start()
    const [begun, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const written = older.metadata.write(async (query) => {
      await query.all('UPDATE tag SET name = name RETURNING name')
      begun.resolve()
      await end.promise
    })
    await begun.promise
    const onTags: Migration = { ...ADDED, statements: ['ALTER TABLE tag ADD COLUMN seen_ms INTEGER'] }

    const newer = start({ migrations: [...MIGRATIONS, onTags] })

    await expect(newer).rejects.toMatchObject({ errno: '55P03' })
    end.resolve()
    await written
    expect((await start({ migrations: [...MIGRATIONS, onTags] })).migratedFrom).toBe(PRESENT)
  })

  async function versionSeenBy({ metadata }: OpenedPostgres): Promise<number> {
    const row = await metadata.read.get<{ value: string }>("SELECT value FROM property WHERE name = 'schema'")
    return Number(row?.value)
  }

  test('a transaction of one that the others take for dead fails from that moment on', async () => {
    const one = await start()
    const writes = new PostgresMetadata({ place })
    writes.belongTo(one.processId)
    const write = () => writes.write((query) => query.run("UPDATE property SET value = value WHERE name = 'store'"))
    await write()

    await endSession()

    await expect(write()).rejects.toMatchObject({ code: 'UNAVAILABLE', cause: { errno: 'BD001' } })
    await writes.close()
  })

  test('one that has left is no more alive as soon as it has', async () => {
    const [one, other] = [await start(), await start()]

    await one.metadata.close()
    await one.locks.leave()

    expect(await other.locks.living()).toEqual([])
    expect(await other.locks.isAlive(one.processId)).toBe(false)
    expect((await one.locks.living()).map(({ id }) => id)).toEqual([other.processId])
  })

  test('once the rows are believed no more every process is told so, and the next one begins an epoch', async () => {
    const lost = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const
    const [one, other] = [await start({ onLost: lost[0].resolve }), await start({ onLost: lost[1].resolve })]
    expect([one.locks.isFresh, other.locks.isFresh]).toEqual([true, true])

    await one.abandon()

    await Promise.all(lost.map(({ promise }) => promise))
    expect([one.locks.isFresh, other.locks.isFresh]).toEqual([false, false])
    const away = { code: 'UNAVAILABLE', message: expect.stringContaining('cannot be reached') }
    await expect(other.metadata.write(async () => undefined)).rejects.toMatchObject(away)
    await expect(other.metadata.read.get('SELECT 1')).rejects.toMatchObject(away)
    const next = await start()
    expect(next.beganEpoch).toBe(true)
    expect(next.epoch).toBeGreaterThan(one.epoch)
    expect(next.databaseId).toBe(one.databaseId)
  })

  test('tasks that change accounts run one after the other', async () => {
    const [begun, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const order: string[] = []
    const first = whileHolding(place, LIMITS, 'accounts', async () => {
      begun.resolve()
      await end.promise
      order.push('first')
    })
    await begun.promise
    const second = whileHolding(place, LIMITS, 'accounts', async () => void order.push('second'))
    const waits = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    await poll('the second one to wait', 60_000, async () => ((await server().ask(waits)).length > 0 ? true : undefined))
    end.resolve()
    await Promise.all([first, second])

    expect(order).toEqual(['first', 'second'])
  })

  test('a task whose turn was lost meanwhile has not been done', async () => {
    const task = whileHolding(place, LIMITS, 'accounts', async () => await endSession())

    await expect(task).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })
})

describeOnPostgres('connections that a pooler lends', (server) => {
  test.each([
    ['each for one process', false],
    ['one for several', true],
  ])('%s', async (_, isShared) => {
    const place = server().place()
    const connection = await PostgresConnection.open(place, LIMITS)
    const other = isShared ? connection : await PostgresConnection.open(place, LIMITS)

    const required = requireOwnSessions(connection, async () => other)

    if (isShared) await expect(required).rejects.toThrow(/pooler in transaction mode/)
    else await required
    await connection.close()
  })

  test('that lose the settings of a session are refused', async () => {
    const lost = { settings: { idle_in_transaction_session_timeout: '0' } }
    const connection = await PostgresConnection.open(server().place(), LIMITS, lost)

    await expect(requireOwnSessions(connection, async () => connection)).rejects.toBeInstanceOf(PostgresUnusableError)
    await connection.close()
  })
})
