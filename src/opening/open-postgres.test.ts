import { afterEach, beforeAll, beforeEach, expect, test } from 'bun:test'
import { describeOnOwnPostgres } from '../../test/support/postgres-suite.ts'
import { TemporaryFolder } from '../../test/support/temporary-folder.ts'
import { createAuthority, issueServerCertificate } from '../certificates/issue.ts'
import type { PostgresConfig } from '../config/schema/metadata/postgres-schema.ts'
import { Secret } from '../config/words/secret.ts'
import { PostgresUnusableError } from '../metadata/postgres/unusable.ts'
import { DatabaseAwayError } from '../metadata/processes.ts'
import { runSteps } from '../storage/check-step.ts'
import { openInPostgres } from './open-postgres.ts'
import { postgresSteps } from './postgres-check.ts'

const PASSWORD = 'a pass word'

describeOnOwnPostgres('PostgreSQL of the configuration', (server) => {
  let folder: TemporaryFolder
  let usual: PostgresConfig
  let authority: string

  beforeAll(async () => {
    const made = await createAuthority('postgres')
    authority = made.certificate
    const { certificate, key } = await issueServerCertificate(made, { hosts: ['127.0.0.1'] })
    await server().secure(PASSWORD, { certificate, key })
  })
  beforeEach(async () => {
    folder = new TemporaryFolder()
    const { database, user, schema } = server().named()
    const passwordFile = await folder.file('password', `${PASSWORD}\n`)
    const tls = { ca: await folder.file('ca.pem', authority) }
    usual = { host: '127.0.0.1', port: server().port, database, user, schema, password: undefined, passwordFile, tls }
  })
  afterEach(() => folder[Symbol.dispose]())

  test('is opened with a password from a file and over TLS, and is looked at without a change', async () => {
    expect(await reach(usual)).toMatchObject({ result: 'passed', note: expect.stringMatching(/, without tables of Berth$/) })

    const database = await openInPostgres(usual, async () => 'store')
    const found = await reach(usual)
    const encrypted = await database.metadata.read.get('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')
    await database.close()

    expect(found).toMatchObject({ result: 'passed', note: expect.stringMatching(/, tables of version \d+$/) })
    expect(encrypted).toEqual({ ssl: 1 })
  })

  test.each([
    ['another password', { passwordFile: undefined, password: new Secret('other') }, /does not let the role berth in/],
    ['another authority', { tls: { ca: undefined } }, /certificate of PostgreSQL is not trusted/],
    ['a database that there is not', { database: 'other' }, /has no database other; make it/],
    ['no TLS', { tls: undefined }, /does not let the role berth in/],
  ])('with %s a start says what to look at', async (_, changes, expected) => {
    const error: unknown = await openInPostgres({ ...usual, ...changes }, async () => 'store').catch((thrown: unknown) => thrown)

    expect(error).toBeInstanceOf(PostgresUnusableError)
    expect(String(error)).toMatch(expected)
  })

  test('a role that may make no schema is told so before the first start', async () => {
    await server().ask(`CREATE ROLE weak LOGIN PASSWORD '${PASSWORD}'`)
    const weak = { ...usual, user: 'weak' }

    expect(await reach(weak)).toMatchObject({ result: 'failed', reason: expect.stringMatching(/may not make the schema/) })
    await expect(openInPostgres(weak, async () => 'store')).rejects.toThrow(/may not make or use the schema/)
  })

  test('the database of another storage is refused', async () => {
    const database = await openInPostgres(usual, async () => 'store')
    await database.close()

    await expect(openInPostgres(usual, async () => 'other')).rejects.toThrow(/belongs to another storage/)
  })

  test('a server that does not answer is away, which passes', async () => {
    await expect(openInPostgres({ ...usual, port: 1 }, async () => 'store')).rejects.toBeInstanceOf(DatabaseAwayError)
  })
})

/** The first step of `berth storage check`. */
async function reach(config: PostgresConfig) {
  const { value } = await runSteps(postgresSteps(config), () => undefined).next()
  return value
}
