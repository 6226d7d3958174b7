import { afterEach, beforeAll, beforeEach, expect, test } from 'bun:test'
import { describeOnPostgres } from '../../../test/support/postgres-suite.ts'
import { TcpProxy } from '../../../test/support/tcp-proxy.ts'
import { currentNumber, nextNumber, type Query, requireWhole } from '../query.ts'
import type { PostgresLimits, PostgresPlace } from './connection.ts'
import { LIMITS, PostgresMetadata } from './postgres.ts'
import { prepareDatabase } from './set-up.ts'
import { forgetWriters } from './transaction.ts'

const COUNT = 'SELECT value FROM counter WHERE name = ?'

describeOnPostgres('narrow transactions in PostgreSQL', (server) => {
  let place: PostgresPlace
  let opened: AsyncDisposableStack

  beforeAll(async () => {
    place = server().place()
    await prepareDatabase(place, LIMITS, { store: 'store' })
  })
  beforeEach(async () => {
    opened = new AsyncDisposableStack()
    for (const name of ['a', 'b'])
      await server().ask(`INSERT INTO ${place.schema}.counter VALUES ('${name}', 0) ON CONFLICT (name) DO UPDATE SET value = 0`)
  })
  afterEach(async () => {
    await opened[Symbol.asyncDispose]()
  })

  function open(limits: Partial<PostgresLimits> = {}, at: Partial<PostgresPlace> = {}): PostgresMetadata {
    const metadata = new PostgresMetadata({ place: { ...place, ...at }, limits })
    opened.defer(() => metadata.close())
    return metadata
  }

  /** Reads and writes in two statements: one transaction between them would be lost. */
  async function count(query: Query, name = 'a'): Promise<number> {
    const value = ((await query.get<{ value: number }>(COUNT, name))?.value ?? 0) + 1
    await query.run('UPDATE counter SET value = ? WHERE name = ?', value, name)
    return value
  }

  const counted = async (name = 'a') => (await open().read.get<{ value: number }>(COUNT, name))?.value

  /** A transaction within this name, or a whole one, that stands still after its first statement until it is let go on. */
  async function begun(metadata: PostgresMetadata, within: string | undefined, first = (query: Query) => count(query)) {
    const { promise: going, resolve: goOn } = Promise.withResolvers<void>()
    const { promise: stands, resolve: stand } = Promise.withResolvers<void>()
    const ended = metadata.write(async (query) => {
      await first(query)
      stand()
      await going
    }, within)
    await stands
    return { goOn, ended }
  }

  test('run beside each other within different names', async () => {
    const [metadata, other] = [open(), open()]
    const first = await begun(metadata, 'one')

    await metadata.write((query) => count(query, 'b'), 'two')
    await other.write((query) => count(query, 'b'), 'three')
    first.goOn()
    await first.ended

    expect([await counted('a'), await counted('b')]).toEqual([1, 2])
  })

  test('run one after the other within one name, of whatever process', async () => {
    const processes = [open(), open()]

    await Promise.all(Array.from({ length: 40 }, (_, index) => processes[index % 2]?.write((query) => count(query), 'one')))

    expect(await counted()).toBe(40)
  })

  test.each([
    ['a whole one waits for them', 'one', undefined],
    ['they wait for a whole one', undefined, 'one'],
    ['one waits for another one of its name', 'one', 'one'],
  ])('%s', async (_, within, then) => {
    const first = await begun(open(), within)
    const impatient = open({ lockMs: 200 })

    await expect(impatient.write((query) => count(query), then)).rejects.toThrow('busy')
    first.goOn()
    await first.ended

    expect(await impatient.write((query) => count(query), then)).toBe(2)
  })

  test('one that needs it is run again as a whole one, and nothing is left of its first run', async () => {
    const metadata = open()
    const runs: (boolean | undefined)[] = []

    await metadata.write(async (query) => {
      runs.push(query.isNarrow)
      await count(query)
      requireWhole(query)
    }, 'one')

    expect(runs).toEqual([true, false])
    expect(await counted()).toBe(1)
  })

  test('the number that was seen is told when all that have drawn a smaller one have ended', async () => {
    const metadata = open()
    let drawn = 0
    const first = await begun(metadata, 'one', async (query) => {
      drawn = await nextNumber(query)
      await count(query)
      return drawn
    })
    const impatient = open({ lockMs: 200 })

    await expect(currentNumber(impatient.read)).rejects.toThrow('busy')
    first.goOn()
    await first.ended

    expect(await currentNumber(metadata.read)).toBeGreaterThanOrEqual(drawn)
    expect(await counted()).toBe(1)
  })

  test('two that wait for a row of each other: one is undone, and run again', async () => {
    const metadata = open()
    const both = Promise.withResolvers<void>()
    let begunRuns = 0
    const crossing = (first: string, second: string) => async (query: Query) => {
      await query.get('UPDATE counter SET value = value + 1 WHERE name = ? RETURNING value', first)
      begunRuns += 1
      if (begunRuns === 2) both.resolve()
      await both.promise
      await query.get('UPDATE counter SET value = value + 1 WHERE name = ? RETURNING value', second)
    }

    await Promise.all([metadata.write(crossing('a', 'b'), 'one'), metadata.write(crossing('b', 'a'), 'two')])

    expect(begunRuns).toBe(3)
    expect([await counted('a'), await counted('b')]).toEqual([2, 2])
  })

  test('each changes the revision with its commit', async () => {
    const [metadata, other] = [open(), open()]
    const first = await begun(metadata, 'one')
    const before = await metadata.revision()

    await other.write((query) => count(query, 'b'), 'two')
    const between = await metadata.revision()
    first.goOn()
    await first.ended

    expect(new Set([before, between, await metadata.revision()]).size).toBe(3)
  })

  test.each(['cut', 'lost'] as const)(
    'a change is made once when the answer to its commit is lost, or the commit: %s',
    async (how) => {
      const proxy = opened.use(await TcpProxy.start(server().port))
      const metadata = open({}, { server: { host: '127.0.0.1', port: proxy.port } })

      const lost = proxy.failAfter(/COMMIT/, how)
      await metadata.write((query) => count(query), 'one')
      await lost

      expect(await counted()).toBe(1)
    },
  )

  test('connections that have long written nothing are forgotten, and the revision stays', async () => {
    const metadata = open()
    await metadata.write((query) => count(query), 'one')
    await metadata.write((query) => count(query))
    await server().ask(`UPDATE ${place.schema}.written SET at = now() - interval '2 days'`)
    const rows = async () => (await server().ask(`SELECT writer FROM ${place.schema}.written`)).length
    const [before, beforeRows] = [await metadata.revision(), await rows()]

    await open().write(forgetWriters)
    const after = await metadata.revision()
    await metadata.write((query) => count(query), 'one')

    expect(beforeRows).toBeGreaterThan(2)
    expect(after).toBeGreaterThan(before)
    expect(await metadata.revision()).toBeGreaterThan(after)
    // The sum, the connection that forgot, and the one that has written again.
    expect(await rows()).toBe(3)
  })
})
