import { expect, spyOn, test } from 'bun:test'
import { SQL } from 'bun'
import { lookUpLink, lookUpManifest, lookUpTag } from '../../src/metadata/content.ts'
import { PostgresConnection, type PostgresPlace } from '../../src/metadata/postgres/connection.ts'
import { LIMITS, PostgresMetadata } from '../../src/metadata/postgres/postgres.ts'
import { prepareDatabase } from '../../src/metadata/postgres/set-up.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { parseRepositoryName } from '../../src/oci/name.ts'
import { parseTag } from '../../src/oci/reference.ts'
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
    const texts = await textsOf(() => doAll(berth.client))

    expect(texts.size).toBeGreaterThan(50)
    expect(await readingWholeTables(place, texts)).toEqual([])
    await metadata.close()
  }, 60_000)

  test('finds each of the names that pulls ask for together by index, also where the tables are not large', async () => {
    const place = server().place()
    await prepareDatabase(place, LIMITS, { store: 'store' })
    await using sql = connectionTo(place)
    // Triggers keep other tables, which pulls do not read.
    const filled = Object.entries(FILL).map(([table, rows]) => `INSERT INTO ${table} ${rows} FROM generate_series(1, ${ROWS}) n`)
    const words = [
      `SET search_path = ${place.schema}`,
      'SET session_replication_role = replica',
      ...filled,
      `ANALYZE ${Object.keys(FILL).join(', ')}`,
    ]
    await sql.unsafe(words.join('; ')).simple()
    const metadata = new PostgresMetadata({ place })
    const { read } = metadata
    const [repository, digest] = [parseRepositoryName('app'), digestOf('sha256', new Uint8Array())]

    const texts = await textsOf(async () => {
      await lookUpTag(read, repository, parseTag('latest'), { withBytes: true })
      await lookUpManifest(read, repository, digest, { withBytes: true })
      await lookUpLink(read, repository, digest)
    })

    expect(texts.size).toBe(3)
    for (const text of texts) expect((await tablesRead(sql, text)).filter((table) => FILL[table] !== undefined)).toEqual([])
    await metadata.close()
  }, 60_000)
})

const ROWS = 5_000
const FILL: Readonly<Record<string, string>> = {
  repository: "(id, name) SELECT n, 'name' || n",
  tag: "(repository_id, name, digest, held, number, epoch) SELECT n, 'v1', 'digest' || n, 1, 1, 1",
  manifest: "(repository_id, digest, held, number, epoch) SELECT n, 'digest' || n, 1, 1, 1",
  manifest_content: "(digest, media_type, size) SELECT 'digest' || n, 'type', 1",
  link: "(repository_id, digest, target, number, epoch) SELECT n, 'digest' || n, 'digest' || n, 1, 1",
  blob: "(digest, state, size, touched_ms, number) SELECT 'digest' || n, 'live', 1, 0, 1",
}

/** What is asked meanwhile. */
async function textsOf(work: () => Promise<void>): Promise<ReadonlySet<string>> {
  const ask = spyOn(PostgresConnection.prototype, 'ask')
  try {
    await work()
    return new Set(ask.mock.calls.map(([{ text }]) => text).filter((text) => SEARCHED.test(text)))
  } finally {
    ask.mockRestore()
  }
}

/** A table is read as a whole only where nothing else is possible: the server is told that this costs too much. */
async function readingWholeTables(place: PostgresPlace, texts: Iterable<string>): Promise<readonly string[]> {
  await using sql = connectionTo(place)
  await sql.unsafe(`SET search_path = ${place.schema}; SET enable_seqscan = off`).simple()
  const found: string[] = []
  for (const text of texts) {
    const tables = await tablesRead(sql, text)
    found.push(...tables.filter((table) => !SMALL.includes(table)).map((table) => `${table}: ${text}`))
  }
  return found
}

function connectionTo(place: PostgresPlace): SQL {
  if (!('socket' in place.server)) throw new Error('the server has a socket')
  return new SQL({ path: place.server.socket, database: place.database, username: place.user, tls: false, max: 1 })
}

/** The tables that a statement reads as a whole, whatever its values are. */
async function tablesRead(sql: SQL, text: string): Promise<readonly string[]> {
  const values = Math.max(0, ...[...text.matchAll(/\$(\d+)/g)].map(([, number]) => Number(number)))
  await sql.unsafe(`SET plan_cache_mode = force_generic_plan; PREPARE tried AS ${text}`).simple()
  const nulls = values === 0 ? '' : `(${Array.from({ length: values }, () => 'NULL').join(', ')})`
  const rows: readonly object[] = await sql.unsafe(`EXPLAIN EXECUTE tried${nulls}`).simple()
  await sql.unsafe('DEALLOCATE tried').simple()
  return rows.flatMap((row) => /Seq Scan on (\w+)/.exec(Object.values(row).join(''))?.[1] ?? [])
}
