import { beforeAll, expect, test } from 'bun:test'
import { Glob, SQL } from 'bun'
import { describeOnPostgres } from '../../../test/support/postgres-suite.ts'
import { listInOrder, listInOrderWith } from '../ordering/orders.ts'
import type { Query, Sql } from '../query.ts'
import { listTagKeys, type TagKey } from '../shown/tags.ts'
import type { PostgresPlace } from './connection.ts'
import { postgresStatement } from './dialect.ts'
import { LIMITS } from './postgres.ts'
import { prepareDatabase } from './set-up.ts'

const METADATA = `${import.meta.dir}/..`
const TAG_KEYS: readonly TagKey[] = ['none', 'created', 'moved', 'size']

/** Stands for any value: a list of itself, an object with itself in each field, a text. What a function makes of it does not matter. */
const ANYTHING: unknown = new Proxy(() => undefined, {
  get: (_, name) => {
    if (name === Symbol.iterator) return () => [ANYTHING][Symbol.iterator]()
    if (name === Symbol.toPrimitive || name === 'toString') return () => '1'
    if (name === 'toJSON') return () => 1
    if (name === 'then') return undefined
    if (name === 'length') return 1
    if (['map', 'flatMap', 'filter', 'slice'].includes(String(name)))
      return (change?: unknown) => (typeof change === 'function' ? [change(ANYTHING, 0)].flat() : [ANYTHING])
    return ANYTHING
  },
  apply: () => ANYTHING,
})

/** Every statement that a function of this folder asks when it is called with anything. */
async function statementsOfAll(): Promise<Set<Sql>> {
  const found = new Set<Sql>()
  for await (const path of new Glob('**/*.ts').scan(METADATA)) {
    if (path.endsWith('.test.ts') || path.startsWith('sqlite/') || path.startsWith('postgres/')) continue
    const module = (await import(`${METADATA}/${path}`)) as Record<string, unknown>
    for (const value of Object.values(module))
      if (typeof value === 'function') await call(value as (...values: unknown[]) => unknown, found)
  }
  for (const key of TAG_KEYS) await call((query) => listTagKeys(query as Query, 1, { key, after: '', limit: 1 }), found)
  for (const order of ['name', 'version', 'created', 'moved', 'size'] as const) {
    for (const isDescending of [false, true]) {
      const slice = { order, isDescending, after: undefined, limit: 1 }
      await call((query) => listInOrder(query as Query, 1, slice), found)
      await call((query) => listInOrderWith(query as Query, 1, { ...slice, part: 'a' }), found)
    }
  }
  return found
}

async function call(value: (...values: unknown[]) => unknown, found: Set<Sql>): Promise<void> {
  // Some ask further only for what a first question found, others only for what it did not.
  for (const rows of [[ANYTHING], []]) {
    const note = (sql: Sql | undefined) => {
      // Undefined: chosen by a word, and anything is none of these words.
      if (sql !== undefined) found.add(sql)
      return rows
    }
    const query: Query = {
      all: async <Row>(sql: Sql) => note(sql) as Row[],
      get: async <Row>(sql: Sql) => note(sql)[0] as Row | undefined,
      run: async (sql) => void note(sql),
    }
    try {
      await value(query, ...Array.from({ length: 5 }, () => ANYTHING))
    } catch {
      // No function of statements, or one that takes something else: what it has asked until then is noted.
    }
  }
}

/** So many questions stand in the sources, told by their beginning. */
async function countOfQuestions(): Promise<number> {
  let count = 0
  for await (const path of new Glob('**/*.ts').scan(METADATA)) {
    if (path.endsWith('.test.ts') || path.startsWith('sqlite/') || path.startsWith('postgres/')) continue
    count += (await Bun.file(`${METADATA}/${path}`).text()).match(/\bquery\.(?:all|get|run)\b/g)?.length ?? 0
  }
  return count
}

/** Those that PostgreSQL does not prepare, with what it says of them. */
async function refusedBy(place: PostgresPlace, statements: Iterable<Sql>): Promise<readonly string[]> {
  const refused: string[] = []
  if (!('socket' in place.server)) throw new Error('the server has a socket')
  await using sql = new SQL({ path: place.server.socket, database: place.database, username: place.user, tls: false, max: 1 })
  await sql.unsafe(`SET search_path = ${place.schema}`).simple()
  for (const statement of statements) {
    const { text } = postgresStatement(statement)
    // What makes and drops triggers is never prepared: the tests of quotas run it.
    if (/^(?:DO|DROP)\b/.test(text)) continue
    try {
      await sql.unsafe(`PREPARE tried AS ${text}; DEALLOCATE tried`).simple()
    } catch (error) {
      refused.push(`${error instanceof Error ? error.message : error}: ${text}`)
    }
  }
  return refused
}

describeOnPostgres('statements of the metadata', (server) => {
  let place: PostgresPlace

  beforeAll(async () => {
    place = server().place()
    await prepareDatabase(place, LIMITS, { store: 'store' })
  })

  test('are all understood by PostgreSQL', async () => {
    const statements = await statementsOfAll()

    expect(statements.size).toBeGreaterThan(0.9 * (await countOfQuestions()))
    expect(await refusedBy(place, statements)).toEqual([])
  })
})
