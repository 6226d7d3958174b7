import { expect, spyOn, test } from 'bun:test'
import { SQL } from 'bun'
import { PostgresConnection, type PostgresPlace } from '../../src/metadata/postgres/connection.ts'
import { LIMITS, PostgresMetadata } from '../../src/metadata/postgres/postgres.ts'
import { prepareDatabase } from '../../src/metadata/postgres/set-up.ts'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { contentOf, fixedBytes, makeImage, makeImageIndex } from '../support/images.ts'
import { eventSettings } from '../support/notification-settings.ts'
import { describeOnPostgres } from '../support/postgres-suite.ts'
import { expectStatus, pushImage, type RegistryClient } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

/** They have rows of what is under way at the moment, and one for each connection. */
const SMALL = ['claim', 'scan', 'written']
const SEARCHED = /^\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH)\b/

const image = makeImage('image')
const blob = contentOf('application/octet-stream', fixedBytes(1000))

async function doAll(client: RegistryClient): Promise<void> {
  const get = async (path: string) => await expectStatus(await client.request('GET', path), 200)
  await pushImage(client, 'app', image, 'latest')
  const index = makeImageIndex([image]).manifest
  await expectStatus(await client.putManifest('app', 'index', index), 201)
  const location = await client.appendUpload(await client.startUpload('app'), blob.bytes)
  await expectStatus(await client.closeUpload(location, blob.digest), 201)
  expect(await client.mountBlob('other', blob.digest, 'app')).toBe(201)
  for (const name of ['latest', image.manifest.digest]) await get(`/v2/app/manifests/${name}`)
  await get(`/v2/app/blobs/${blob.digest}`)
  for (const path of ['_catalog?n=10', 'app/tags/list?n=10', `app/referrers/${image.manifest.digest}`]) await get(`/v2/${path}`)
  for (const word of ['ap', 'app']) await get(`/v1/search?q=${word}`)
  for (const path of ['', '/tags?q=lat', '/image?tag=latest', '/storage?tag=latest']) await get(`/api/v1/repositories/app${path}`)
  for (const name of [index.digest, image.manifest.digest]) await expectStatus(await client.deleteManifest('app', name), 202)
  await expectStatus(await client.deleteBlob('other', blob.digest), 202)
}

describeOnPostgres('what requests ask PostgreSQL', (server) => {
  test('reads no whole table, however large it is', async () => {
    using folder = new TemporaryFolder({ inMemory: true })
    const place = server().place()
    await prepareDatabase(place, LIMITS, { store: 'store' })
    const metadata = new PostgresMetadata({ place })
    await using berth = await BerthInProcess.start(folder.join('data'), {
      metadata: () => metadata,
      notifications: eventSettings(),
    })
    await berth.scan()
    const ask = spyOn(PostgresConnection.prototype, 'ask')
    const texts = new Set<string>()
    try {
      await doAll(berth.client)
      for (const [{ text }] of ask.mock.calls) if (SEARCHED.test(text)) texts.add(text)
    } finally {
      ask.mockRestore()
    }

    expect(texts.size).toBeGreaterThan(50)
    expect(await readingWholeTables(place, texts)).toEqual([])
    await metadata.close()
  }, 60_000)
})

/** A table is read as a whole only where nothing else is possible: the server is told that this costs too much. */
async function readingWholeTables(place: PostgresPlace, texts: Iterable<string>): Promise<readonly string[]> {
  if (!('socket' in place.server)) throw new Error('the server has a socket')
  await using sql = new SQL({ path: place.server.socket, database: place.database, username: place.user, tls: false, max: 1 })
  await sql
    .unsafe(`SET search_path = ${place.schema}; SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan`)
    .simple()
  const found: string[] = []
  for (const text of texts) {
    const values = Math.max(0, ...[...text.matchAll(/\$(\d+)/g)].map(([, number]) => Number(number)))
    await sql.unsafe(`PREPARE tried AS ${text}`).simple()
    const nulls = values === 0 ? '' : `(${Array.from({ length: values }, () => 'NULL').join(', ')})`
    const rows: readonly object[] = await sql.unsafe(`EXPLAIN EXECUTE tried${nulls}`).simple()
    await sql.unsafe('DEALLOCATE tried').simple()
    const tables = rows.flatMap((row) => /Seq Scan on (\w+)/.exec(Object.values(row).join(''))?.[1] ?? [])
    found.push(...tables.filter((table) => !SMALL.includes(table)).map((table) => `${table}: ${text}`))
  }
  return found
}
