import { Database } from 'bun:sqlite'
import { expect, spyOn, test } from 'bun:test'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { contentOf, fixedBytes, makeImage } from '../support/images.ts'
import { expectStatus, type RegistryClient } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { metadataPath } from '../support/test-root.ts'

const image = makeImage('image')
const other = makeImage('other')
const blob = contentOf('application/octet-stream', fixedBytes(1000))

/** But for what the request brings, what is under way at the moment, and what an index of words leads to. */
const LARGE_SCAN = /^SCAN (?!CONSTANT|json_each|j |claim|search_pending|s VIRTUAL TABLE INDEX \d+:M)/
/** Rows that the statement itself has made, of what its other steps read. */
const SUBQUERY = /^(?:CO-ROUTINE|MATERIALIZE) (\w+)$/

/** What clients do, each with its answer. */
const REQUESTS: Readonly<Record<string, (client: RegistryClient) => Promise<unknown>>> = {
  'a blob pull': async (client) => await expectStatus(await client.getBlob('app', image.config.digest), 200),
  'a manifest pull by tag': async (client) => await expectStatus(await client.getManifest('app', 'latest'), 200),
  'a manifest pull by digest': async (client) => await expectStatus(await client.getManifest('app', image.manifest.digest), 200),
  'a blob push': async (client) => await client.pushBlob('app', blob),
  'a manifest push': async (client) => await expectStatus(await client.putManifest('app', 'latest', other.manifest), 201),
  'a manifest delete': async (client) => {
    // Its answer says what it frees once the repository has been read.
    await expectStatus(await client.request('GET', '/v2/app/tags/list'), 200)
    const deleted = await expectStatus(await client.deleteManifest('app', image.manifest.digest), 202)
    expect(deleted.headers.get('berth-frees')).not.toBeNull()
  },
  'a search': async (client) => await expectStatus(await client.request('GET', '/v1/search?q=image'), 200),
  'a search for a short word': async (client) => await expectStatus(await client.request('GET', '/v1/search?q=im'), 200),
  ...Object.fromEntries(
    ['/', '/?q=image', '/ui/app', '/ui/app:latest'].map((path) => [
      `the screen ${path}`,
      async (client: RegistryClient) =>
        await expectStatus(await client.request('GET', path, { headers: { accept: 'text/html' } }), 200),
    ]),
  ),
  'a tag delete': async (client) => await expectStatus(await client.deleteManifest('app', 'latest'), 202),
}

test.each(Object.entries(REQUESTS))('%s costs the same in a large store: no statement reads a whole table', async (_, send) => {
  using folder = new TemporaryFolder({ inMemory: true })
  const root = folder.join('data')
  await using berth = await BerthInProcess.start(root)
  for (const content of [image.config, ...image.layers, other.config, ...other.layers])
    await berth.client.pushBlob('app', content)
  await expectStatus(await berth.client.putManifest('app', 'latest', image.manifest), 201)

  const statements = await statementsOf(root, send)

  using database = new Database(metadataPath(root), { readonly: true })
  const plans = statements.map((sql) => database.query<{ detail: string }, []>(`EXPLAIN QUERY PLAN ${sql}`).all())
  const scans = plans.flatMap((steps, index) => {
    const made = new Set(steps.map(({ detail }) => SUBQUERY.exec(detail)?.[1]))
    const large = steps.filter(({ detail }) => LARGE_SCAN.test(detail) && !made.has(detail.slice('SCAN '.length)))
    return large.map(({ detail }) => `${detail}: ${statements[index]}`)
  })
  expect(statements.length).toBeGreaterThan(0)
  expect(scans).toEqual([])
})

/** What a process that starts on the directory asks the database for one request. */
async function statementsOf(root: string, send: (client: RegistryClient) => Promise<unknown>): Promise<readonly string[]> {
  await using berth = await BerthInProcess.start(root)
  const prepare = spyOn(Database.prototype, 'prepare')
  try {
    await send(berth.client)
    return [...new Set(prepare.mock.calls.map(([sql]) => sql))].filter((sql) =>
      /^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b/i.test(sql),
    )
  } finally {
    prepare.mockRestore()
  }
}
