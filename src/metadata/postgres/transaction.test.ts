import { afterEach, beforeAll, beforeEach, expect, test } from 'bun:test'
import { describeOnPostgres } from '../../../test/support/postgres-suite.ts'
import { TcpProxy } from '../../../test/support/tcp-proxy.ts'
import type { Query } from '../query.ts'
import type { PostgresLimits, PostgresPlace } from './connection.ts'
import { LIMITS, PostgresMetadata } from './postgres.ts'
import { prepareDatabase } from './set-up.ts'

const COUNT = "SELECT value FROM counter WHERE name = 'counted'"

describeOnPostgres('a transaction in PostgreSQL', (server) => {
  let place: PostgresPlace
  let opened: AsyncDisposableStack

  beforeAll(async () => {
    place = server().place()
    await prepareDatabase(place, LIMITS, { store: 'store' })
  })
  beforeEach(async () => {
    opened = new AsyncDisposableStack()
    await server().ask(`INSERT INTO ${place.schema}.counter VALUES ('counted', 0) ON CONFLICT (name) DO UPDATE SET value = 0`)
  })
  afterEach(async () => {
    await opened[Symbol.asyncDispose]()
  })

  function open(limits: Partial<PostgresLimits> = {}, at: Partial<PostgresPlace> = {}): PostgresMetadata {
    const metadata = new PostgresMetadata({ place: { ...place, ...at }, limits, readers: 1 })
    opened.defer(() => metadata.close())
    return metadata
  }

  async function openThrough(answersAfterMs: number): Promise<{ readonly metadata: PostgresMetadata; readonly proxy: TcpProxy }> {
    const proxy = opened.use(await TcpProxy.start(server().port, { answersAfterMs }))
    return { proxy, metadata: open({}, { server: { host: '127.0.0.1', port: proxy.port } }) }
  }

  async function count(query: Query): Promise<number> {
    const value = ((await query.get<{ value: number }>(COUNT))?.value ?? 0) + 1
    await query.run("UPDATE counter SET value = ? WHERE name = 'counted'", value)
    return value
  }

  const counted = async (metadata: PostgresMetadata) => (await metadata.read.get<{ value: number }>(COUNT))?.value

  test('a statement that nothing waits for fails what comes after it, and the commit', async () => {
    const metadata = open()
    const refused = 'INSERT INTO counter (name) VALUES (NULL)'

    const last = metadata.write(async (query) => {
      await count(query)
      await query.run(refused)
    })
    await expect(last).rejects.toThrow('null value')
    const inBetween = metadata.write(async (query) => {
      await query.run(refused)
      return await count(query)
    })
    await expect(inBetween).rejects.toThrow('null value')

    expect(await metadata.write(count)).toBe(1)
  })

  test('statements that nothing waits for go with the next one that is waited for, and with the commit', async () => {
    const { metadata, proxy } = await openThrough(15)
    const write = () =>
      metadata.write(async (query) => {
        for (let time = 0; time < 20; time += 1) await query.run("UPDATE counter SET value = value + 1 WHERE name = 'counted'")
        const value = await query.get<{ value: number }>(COUNT)
        await query.run("UPDATE counter SET value = 0 WHERE name = 'counted'")
        return value
      })
    await write()
    const before = proxy.exchanges

    expect(await write()).toEqual({ value: 20 })
    expect(proxy.exchanges - before).toBe(2)
    expect(await counted(metadata)).toBe(0)
  })

  test('each statement of an exchange has its own time', async () => {
    const metadata = open({ statementMs: 500 })

    await metadata.write(async (query) => {
      for (let time = 0; time < 5; time += 1) await query.run('SELECT pg_sleep(?)', 0.4)
      await count(query)
    })

    expect(await counted(metadata)).toBe(1)
  })
})
