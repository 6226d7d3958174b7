import { afterEach, beforeAll, beforeEach, expect, test } from 'bun:test'
import { describeOnOwnPostgres } from '../../../test/support/postgres-suite.ts'
import { TcpProxy } from '../../../test/support/tcp-proxy.ts'
import { RegistryError } from '../../oci/errors.ts'
import type { Query } from '../query.ts'
import type { PostgresLimits, PostgresPlace } from './connection.ts'
import { LIMITS, PostgresMetadata } from './postgres.ts'
import { prepareDatabase } from './set-up.ts'

const COUNT = "SELECT value FROM counter WHERE name = 'counted'"
const WRITERS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'berth' AND pid <> pg_backend_pid()"

describeOnOwnPostgres('metadata in PostgreSQL', (server) => {
  let place: PostgresPlace
  let opened: AsyncDisposable[]

  beforeAll(async () => {
    place = server().place()
    await prepareDatabase(place, LIMITS, { store: 'store' })
  })
  beforeEach(async () => {
    opened = []
    await server().ask(`DELETE FROM ${place.schema}.counter WHERE name = 'counted'`)
    await server().ask(`INSERT INTO ${place.schema}.counter VALUES ('counted', 0)`)
  })
  afterEach(async () => {
    for (const one of opened.reverse()) await one[Symbol.asyncDispose]()
  })

  function open(limits: Partial<PostgresLimits> = {}, at: Partial<PostgresPlace> = {}): PostgresMetadata {
    const metadata = new PostgresMetadata({ place: { ...place, ...at }, limits, readers: 2 })
    opened.push({ [Symbol.asyncDispose]: () => metadata.close() })
    return metadata
  }

  async function openThrough(limits: Partial<PostgresLimits> = {}): Promise<{ metadata: PostgresMetadata; proxy: TcpProxy }> {
    const proxy = await TcpProxy.start(server().port)
    opened.push(proxy)
    return { proxy, metadata: open(limits, { server: { host: '127.0.0.1', port: proxy.port } }) }
  }

  async function killAll(): Promise<void> {
    await server().ask(`SELECT pg_terminate_backend(pid) FROM (${WRITERS}) others`)
  }

  /** Reads and writes in two statements: one transaction between them would be lost. */
  async function count(query: Query): Promise<number> {
    const value = ((await query.get<{ value: number }>(COUNT))?.value ?? 0) + 1
    await query.run("UPDATE counter SET value = ? WHERE name = 'counted'", value)
    return value
  }

  const counted = async (metadata: PostgresMetadata) => (await metadata.read.get<{ value: number }>(COUNT))?.value

  test('a write is seen once it has resolved, and nothing is left of one that threw', async () => {
    const metadata = open()

    await metadata.write(count)
    const failing = metadata.write(async (query) => {
      await count(query)
      throw new Error('no more')
    })

    await expect(failing).rejects.toThrow('no more')
    expect(await counted(metadata)).toBe(1)
  })

  test('transactions of two processes run one after the other', async () => {
    const processes = [open(), open()]

    await Promise.all(Array.from({ length: 40 }, (_, index) => processes[index % 2]?.write(count)))

    expect(await counted(open())).toBe(40)
  })

  test('a read of another caller sees nothing of a transaction that is under way', async () => {
    const metadata = open()

    await metadata.write(async (query) => {
      await count(query)
      expect(await counted(metadata)).toBe(0)
    })

    expect(await counted(metadata)).toBe(1)
  })

  test('the revision changes with each commit of any process, and with nothing else', async () => {
    const [metadata, other] = [open(), open()]
    const before = await metadata.revision()
    await counted(metadata)

    expect(await metadata.revision()).toBe(before)
    await other.write(count)
    expect(await metadata.revision()).not.toBe(before)
  })

  test('an operation that goes on after a statement that failed is not taken for done', async () => {
    const metadata = open()

    const write = metadata.write(async (query) => {
      await count(query)
      await query.run('INSERT INTO counter (name) VALUES (NULL)').catch(() => undefined)
    })

    await expect(write).rejects.toThrow('null value')
    expect(await counted(metadata)).toBe(0)
  })

  test('a transaction whose connection is lost between two statements is run again as a whole', async () => {
    const metadata = open()
    let runs = 0

    await metadata.write(async (query) => {
      await count(query)
      if (++runs === 1) await killAll()
      await count(query)
    })

    expect(runs).toBe(2)
    expect(await counted(metadata)).toBe(2)
  })

  test('a change is made once when the answer to its commit is lost', async () => {
    const { metadata, proxy } = await openThrough()
    let runs = 0

    const lost = proxy.failAfter(/COMMIT/, 'cut')
    await metadata.write(async (query) => {
      runs += 1
      await count(query)
    })
    await lost

    expect(runs).toBe(1)
    expect(await counted(metadata)).toBe(1)
  })

  test('a change is made once when its commit is lost on the way', async () => {
    const { metadata, proxy } = await openThrough()
    let runs = 0

    const lost = proxy.failAfter(/COMMIT/, 'lost')
    await metadata.write(async (query) => {
      runs += 1
      await count(query)
    })
    await lost

    expect(runs).toBe(2)
    expect(await counted(metadata)).toBe(1)
  })

  test('an answer that does not come ends the connection, and another one is asked', async () => {
    const { metadata, proxy } = await openThrough({ statementMs: 500 })
    await metadata.write(count)
    await counted(metadata)

    proxy.silence()

    expect(await counted(metadata)).toBe(1)
    await metadata.write(count)
    expect(await counted(metadata)).toBe(2)
  })

  test('connections that were all cut are opened anew', async () => {
    const metadata = open()
    await Promise.all([counted(metadata), counted(metadata), metadata.write(count)])

    await killAll()

    expect(await Promise.all([counted(metadata), counted(metadata), counted(metadata)])).toEqual([1, 1, 1])
    expect(await metadata.write(count)).toBe(2)
  })

  test('a server that is away is told of as a 503, and what was acknowledged is there when it is back', async () => {
    const metadata = open()
    await metadata.write(count)

    await server().stop('SIGQUIT')
    await expectUnavailable(metadata.write(count))
    await expectUnavailable(counted(metadata))
    await server().resume()

    expect(await metadata.write(count)).toBe(2)
  }, 60_000)

  test('what is asked after the process was taken for dead is a 503, also when all has been closed', async () => {
    const metadata = open()
    await metadata.write(count)

    metadata.cut()
    await metadata.close()

    await expectUnavailable(metadata.read.get(COUNT))
    await expectUnavailable(metadata.write(count))
  })

  // An operation begins when its transaction is sent: its first answer tells that it has its turn.
  test('a change waits for its turn for a while, and then is a 503', async () => {
    const [metadata, other] = [open({ lockMs: 500 }), open()]
    const { promise: end, resolve } = Promise.withResolvers<void>()
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
    const holding = other.write(async (query) => {
      await query.get(COUNT).then(() => begin())
      await end
    })
    await begun

    await expectUnavailable(metadata.write(count))
    resolve()
    await holding

    expect(await metadata.write(count)).toBe(1)
  })

  test('a statement that takes too long is a 503, and its connection goes on', async () => {
    const metadata = open({ statementMs: 500 })

    await expectUnavailable(metadata.read.get('SELECT pg_sleep(60)'))
    await expectUnavailable(metadata.write((query) => query.run('SELECT pg_sleep(60)')))

    expect(await metadata.write(count)).toBe(1)
  })

  test.each([
    ['by the limit of the server', { idleInTransactionMs: 100 }],
    ['by its own', { transactionMs: 2_000 }],
  ])('a process that stands still in a transaction does not keep the others for ever, %s', async (_, limits) => {
    const [metadata, other] = [open(), open(limits)]
    const { promise: end, resolve } = Promise.withResolvers<void>()
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
    const holding = other.write(async (query) => {
      await query.get(COUNT).then(() => begin())
      await end
      await count(query)
    })
    await begun

    expect(await metadata.write(count)).toBe(1)
    resolve()
    await holding.catch(() => undefined)
  })

  test('a process has no more connections than it may have', async () => {
    const metadata = open()
    const before = await server().ask<{ pid: number }>(WRITERS)

    await Promise.all([
      ...Array.from({ length: 10 }, () => metadata.read.get('SELECT pg_sleep(0.02)')),
      ...Array.from({ length: 5 }, () => metadata.write(count)),
    ])

    expect((await server().ask<{ pid: number }>(WRITERS)).length - before.length).toBe(3)
  })

  test('values come back as SQLite gives them', async () => {
    const { read } = open()
    const text =
      'SELECT CAST(? AS BIGINT) AS large, CAST(? AS TEXT) AS nothing, CAST(? AS BYTEA) AS bytes, 1 = 1 AS yes, count(*) AS one'

    const row = await read.get<object>(text, Number.MAX_SAFE_INTEGER, null, new Uint8Array([0, 255]))

    expect(row).toEqual({ large: Number.MAX_SAFE_INTEGER, nothing: null, bytes: new Uint8Array([0, 255]), yes: 1, one: 1 })
  })

  test('a statement is prepared once, however large its numbers are', async () => {
    const metadata = open()
    const numbers = [1, 2 ** 40, 1.5]

    const prepared = await metadata.write(async (query) => {
      for (const number of numbers) await query.get('SELECT CAST(? AS TEXT) AS told', number)
      return await query.all("SELECT name FROM pg_prepared_statements WHERE statement LIKE '%AS told'")
    })

    expect(prepared).toHaveLength(1)
  })

  test('a text that PostgreSQL does not take is changed to the next one that it takes, in a list too', async () => {
    const { read } = open()
    const texts = ['a\0b', 'c\ud800d', 'e\\u0000f']

    const rows = await read.all<{ text: string }>('SELECT value AS text FROM json_each(?)', JSON.stringify(texts))
    const row = await read.get<{ text: string }>('SELECT CAST(? AS TEXT) AS text', 'a\0b')

    expect(rows.map(({ text }) => text)).toEqual(['a\x01b', 'c\ufffdd', 'e\\u0000f'])
    expect(row).toEqual({ text: 'a\x01b' })
  })
})

async function expectUnavailable(work: Promise<unknown>): Promise<void> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(RegistryError)
  expect(error).toMatchObject({ code: 'UNAVAILABLE' })
}
