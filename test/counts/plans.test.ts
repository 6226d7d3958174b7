import { Database } from 'bun:sqlite'
import { expect, spyOn, test } from 'bun:test'
import { rangesOf } from '../../src/oci/name-ranges.ts'
import { RepositoryGlob } from '../../src/oci/repository-glob.ts'
import { TAG_SORTS } from '../../src/registry/shown/tag-order.ts'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { contentOf, fixedBytes, makeImage } from '../support/images.ts'
import { expectStatus, type RegistryClient } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { metadataPath } from '../support/test-root.ts'

const image = makeImage('image')
const other = makeImage('other')
const blob = contentOf('application/octet-stream', fixedBytes(1000))

/** But for what the request brings, what is under way at the moment, and what an index of words leads to. */
const LARGE_SCAN =
  /^SCAN (?!CONSTANT|json_each|j |claim|search_pending|pull_repository USING INDEX pull_repository_changed|ordered_repository$|s VIRTUAL TABLE INDEX \d+:M|search_trigrams VIRTUAL TABLE INDEX \d+:)/
const API = '/api/v1/repositories'
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
  'a repository': async (client) => await expectStatus(await client.request('GET', `${API}/app`), 200),
  'tags by name': async (client) => await expectStatus(await client.request('GET', `${API}/app/tags?q=lat`), 200),
  'tags by their pulls': async (client) => await expectStatus(await client.request('GET', `${API}/app/tags?sort=pulls`), 200),
  'an image': async (client) => await expectStatus(await client.request('GET', `${API}/app/image?tag=latest`), 200),
  'what an image takes': async (client) => await expectStatus(await client.request('GET', `${API}/app/storage?tag=latest`), 200),
  'what tags take': async (client) => await expectStatus(await client.request('GET', `${API}/app/storage?n=10`), 200),
  'a comparison': async (client) =>
    await expectStatus(await client.request('GET', `${API}/app/compare?from=latest&to=latest`), 200),
  'the activity': async (client) => await expectStatus(await client.request('GET', '/api/v1/activity'), 200),
  'a description': async (client) => await expectStatus(await client.request('PUT', `${API}/app/description?text=a`), 200),
  'a tag delete': async (client) => await expectStatus(await client.deleteManifest('app', 'latest'), 202),
}

async function pushAll(client: RegistryClient): Promise<void> {
  for (const content of [image.config, ...image.layers, other.config, ...other.layers]) await client.pushBlob('app', content)
  await expectStatus(await client.putManifest('app', 'latest', image.manifest), 201)
}

test.each(Object.entries(REQUESTS))('%s costs the same in a large store: no statement reads a whole table', async (_, send) => {
  using folder = new TemporaryFolder({ inMemory: true })
  const root = folder.join('data')
  await using berth = await BerthInProcess.start(root)
  await pushAll(berth.client)
  // While a takeover runs the page counts what is left of it, once in five seconds.
  await berth.scan()

  await expectNoScans(root, ({ client }) => send(client))
})

async function expectNoScans(root: string, work: (berth: BerthInProcess) => Promise<unknown>): Promise<void> {
  const statements = await statementsOf(root, work)

  using database = new Database(metadataPath(root), { readonly: true })
  const plans = statements.map((sql) => database.query<{ detail: string }, []>(`EXPLAIN QUERY PLAN ${sql}`).all())
  const scans = plans.flatMap((steps, index) => {
    const made = new Set(steps.map(({ detail }) => SUBQUERY.exec(detail)?.[1]))
    const large = steps.filter(({ detail }) => LARGE_SCAN.test(detail) && !made.has(detail.slice('SCAN '.length)))
    return large.map(({ detail }) => `${detail}: ${statements[index]}`)
  })
  expect(statements.length).toBeGreaterThan(0)
  expect(scans).toEqual([])
}

/** What a process that starts on the directory asks the database for one request. */
async function statementsOf(root: string, work: (berth: BerthInProcess) => Promise<unknown>): Promise<readonly string[]> {
  await using berth = await BerthInProcess.start(root)
  const prepare = spyOn(Database.prototype, 'prepare')
  try {
    await work(berth)
    return [...new Set(prepare.mock.calls.map(([sql]) => sql))].filter((sql) =>
      /^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b/i.test(sql),
    )
  } finally {
    prepare.mockRestore()
  }
}

/** What runs beside requests, each minute or hour. */
const WORKS: Readonly<Record<string, (berth: BerthInProcess) => Promise<unknown>>> = {
  'the write of pulls': async ({ client, registry }) => {
    await expectStatus(await client.getManifest('app', 'latest'), 200)
    await registry.retention.pulls.write()
  },
  'a page of tags in an order that is kept': async ({ client, registry }) => {
    await registry.orders.keep(1)
    await registry.orders.run(new AbortController().signal)
    for (const sort of TAG_SORTS) {
      for (const query of ['', '&q=la', '&order=ascending'])
        await expectStatus(await client.request('GET', `${API}/app/tags?sort=${sort}${query}`), 200)
    }
  },
  'a search and a list for callers that may see few': async ({ registry: { catalog, search } }) => {
    for (const pattern of ['app/**', 'app', '**/app', 'ap*']) {
      const globs = [RepositoryGlob.find(pattern)].filter((glob) => glob !== undefined)
      const shown = { fits: (name: string) => globs.some((glob) => glob.fits(name)), ranges: rangesOf(globs), rules: pattern }
      await catalog.listRepositories({ last: undefined, limit: 10 }, shown)
      for (const words of ['im', 'image', 'app']) await search.find(words, { first: 0, count: 10 }, shown)
    }
  },
  'the record of pulls': async ({ client, registry }) => {
    await expectStatus(await client.getManifest('app', 'latest'), 200)
    await registry.retention.pulls.write()
    await registry.pullRecords.run(new AbortController().signal)
  },
}

test.each(Object.entries(WORKS))('%s reads no whole table', async (_, work) => {
  using folder = new TemporaryFolder({ inMemory: true })
  const root = folder.join('data')
  await using berth = await BerthInProcess.start(root)
  await pushAll(berth.client)

  await expectNoScans(root, work)
})
