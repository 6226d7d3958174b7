import { expect, test } from 'bun:test'
import type { PostgresServer } from '../../test/support/postgres-server.ts'
import { describeOnOwnPostgres } from '../../test/support/postgres-suite.ts'
import { poll } from '../../test/support/processes.ts'
import type { PostgresConfig } from '../config/schema/metadata/postgres-schema.ts'
import { runSteps, type StepResult } from '../storage/check-step.ts'
import { openInPostgres } from './open-postgres.ts'
import { postgresSteps } from './postgres-check.ts'

const FOLLOWS_MS = 60_000

describeOnOwnPostgres('what is looked at in PostgreSQL', (server) => {
  test('is what a replica needs, before its first start and after', async () => {
    const config = configOf(server())

    expect(await check(config)).toEqual([
      ['reach PostgreSQL', 'passed', expect.stringMatching(/^PostgreSQL \d+, without tables of Berth$/)],
      ['use its tables', 'passed', 'the first start makes them'],
      ['have connections left', 'passed', expect.stringMatching(/^\d+ are free$/)],
      ['look for standbys', 'passed', expect.stringMatching(/^none follows/)],
      ['compare its clock with the one here', 'passed', '0 s apart'],
    ])
    await (await openInPostgres(config, async () => 'store')).close()
    expect(await wordsOf('use its tables', config)).toEqual(['passed', 'as this version of Berth makes them'])
  })

  test('is not tried where the server does not answer', async () => {
    const results = await check({ ...configOf(server()), port: 1 })

    expect(results.map(([, result]) => result)).toEqual(['failed', ...Array(4).fill('not tried')])
  })

  test('names tables of a newer version, older ones, and those of another role', async () => {
    const config = configOf(server())
    await (await openInPostgres(config, async () => 'store')).close()
    const setVersion = (text: string, name = 'schema') =>
      server().ask(`UPDATE ${config.schema}.property SET value = ${text} WHERE name = '${name}'`)

    await setVersion("'9999'")
    const added = await wordsOf('use its tables', config)
    await setVersion("'9998'", 'oldest')
    const newer = await wordsOf('use its tables', config)
    await setVersion("'1'", 'oldest')
    await setVersion("'1'")
    const older = await wordsOf('use its tables', config)
    await server().ask(`CREATE ROLE reader LOGIN CONNECTION LIMIT 5; GRANT USAGE ON SCHEMA ${config.schema} TO reader;
      GRANT SELECT ON ALL TABLES IN SCHEMA ${config.schema} TO reader`)
    const reader = await check({ ...config, user: 'reader' })

    expect(added).toEqual(['passed', 'a newer Berth brought them to version 9999, and this one goes on with them'])
    expect(newer).toEqual(['failed', expect.stringMatching(/version 9999, which a newer Berth made; this one knows \d+/)])
    expect(older).toEqual(['passed', expect.stringMatching(/^the next start brings them from version 1 to \d+$/)])
    expect(reader[1]).toEqual(['use its tables', 'failed', expect.stringMatching(/belong to another role than reader/)])
    expect(reader[2]).toEqual(['have connections left', 'limited', expect.stringMatching(/^\d are free, and each process/)])
  })

  test('tells standbys, and one that is waited for and does not follow', async () => {
    const config = configOf(server())
    await using _ = await server().standby(server().port)
    await poll('a standby that follows', FOLLOWS_MS, async () =>
      (await server().ask('SELECT 1 FROM pg_stat_replication')).length > 0 ? true : undefined,
    )

    const follows = await wordsOf('look for standbys', config)
    await server().ask("ALTER SYSTEM SET synchronous_standby_names = 'elsewhere'")
    await server().ask('SELECT pg_reload_conf()')
    const waits = await check(config)
    await server().ask('ALTER SYSTEM RESET synchronous_standby_names')
    await server().ask('SELECT pg_reload_conf()')

    expect(follows).toEqual(['passed', '1 follow, and a change waits for none of them'])
    expect(waits[3]).toEqual(['look for standbys', 'failed', expect.stringMatching(/is "elsewhere", and none of these follows/)])
  })

  test('names a clock that is wrong by more than a minute', async () => {
    const config = configOf(server())

    expect(await wordsOf('compare its clock with the one here', config, () => Date.now() - 90_000)).toEqual([
      'limited',
      'it is 90 s ahead; set both by NTP.',
    ])
  })
})

function configOf(server: PostgresServer): PostgresConfig {
  const { socket: host, ...tables } = server.named()
  return { host, port: server.port, ...tables, password: undefined, passwordFile: undefined, tls: undefined }
}

async function check(
  config: PostgresConfig,
  now = Date.now,
): Promise<readonly (readonly [string, string, string | undefined])[]> {
  const results: StepResult[] = []
  for await (const result of runSteps(postgresSteps(config, now), () => undefined)) results.push(result)
  return results.map((result) => {
    const words = 'reason' in result ? result.reason : undefined
    return [result.step, result.result, 'note' in result ? result.note : words]
  })
}

async function wordsOf(name: string, config: PostgresConfig, now = Date.now): Promise<readonly (string | undefined)[]> {
  const results = await check(config, now)
  return results.find(([step]) => step === name)?.slice(1) ?? []
}
