import { expect, setDefaultTimeout, test } from 'bun:test'
import { startBerth } from '../support/berth-process.ts'
import { type Image, makeImage } from '../support/images.ts'
import { describeOnStores } from '../support/object-store.ts'
import { poll } from '../support/processes.ts'
import { RegistryClient } from '../support/registry-client.ts'
import type { RegistryProcess } from '../support/registry-process.ts'
import { S3Client } from '../support/s3-client.ts'
import { takeCountsOf } from '../support/store-counts.ts'
import { StoreProxy } from '../support/store-proxy.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(10 * 60_000)
const REPOSITORIES = 12
const TAGS = 20
const MANIFESTS = REPOSITORIES * TAGS
const AT_ONCE = 64

/** What a first start on a bucket that registry:2 has filled asks of it; the figures are in docs/storage.md. */
describeOnStores(`a first scan of ${REPOSITORIES} repositories with ${TAGS} tags each`, (store, kind) => {
  test('lists the bucket, reads each manifest and then each config once, and a second one reads none', async () => {
    using folder = new TemporaryFolder()
    const bucket = await store().newBucket()
    await fill(new S3Client(bucket))
    await using proxy = await StoreProxy.start(store().endpoint)
    // The reading of layers begins some seconds after the start, on a slow machine in the middle of this.
    const adapt = (config: string) => config.replace('storage:\n', 'storage:\n  maintenance: {layers: {enabled: false}}\n')
    const serving = { folder, dataDirectory: { ...bucket, endpoint: proxy.endpoint }, adapt }

    const first = await startBerth(serving)
    await scanned(first)
    // The facts about images are read after the scan.
    await poll('configs are read', 60_000, async () => blobsRead(proxy) >= 2 * MANIFESTS || undefined)
    const firstCounts = takeCountsOf(proxy)
    await expectEverything(new RegistryClient(first.url))
    await first.stop()
    proxy.takeCounts()
    await using second = await startBerth(serving)
    await scanned(second)
    const secondCounts = takeCountsOf(proxy)
    await expectEverything(new RegistryClient(second.url))

    // A page has 1000 keys: two of blobs, and three of repositories for the names, for everything, and for what registry:2 has begun.
    expect(firstCounts).toMatchObject({ GetObject: 2 * MANIFESTS })
    expect(firstCounts.ListObjectsV2).toBeWithin(11, 23)
    expect(firstCounts.HeadObject ?? 0).toBe(0)
    expect(secondCounts.ListObjectsV2).toBeWithin(11, 23)
    expect(secondCounts.GetObject ?? 0).toBe(0)
    expect(secondCounts.HeadObject ?? 0).toBeLessThanOrEqual(REPOSITORIES)
    process.stderr.write(`first scan on ${kind}: ${JSON.stringify(firstCounts)}, second: ${JSON.stringify(secondCounts)}\n`)
  })
})

function repositoryAt(index: number): string {
  // Names of which one begins with another, which stores order in different ways.
  return ['app', 'app-a', 'app/a', 'app/a/b', 'app.a'][index % 5] + String(Math.floor(index / 5))
}

function imageAt(repository: number, tag: number): Image {
  return makeImage(`${repository}-${tag}`, { layers: 1 })
}

/** As registry:2 writes it, without it. */
async function fill(s3: S3Client): Promise<void> {
  const writing = filesOf()
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const [key, body] of writing) await s3.put(`docker/registry/v2/${key}`, body)
    }),
  )
}

function* filesOf(): Generator<readonly [string, Uint8Array | string]> {
  for (let repository = 0; repository < REPOSITORIES; repository += 1) {
    const root = `repositories/${repositoryAt(repository)}`
    for (let tag = 0; tag < TAGS; tag += 1) {
      const { manifest, config, layers } = imageAt(repository, tag)
      for (const { digest, bytes } of [manifest, config, ...layers]) {
        yield [`blobs/sha256/${hexOf(digest).slice(0, 2)}/${hexOf(digest)}/data`, bytes]
      }
      for (const { digest } of [config, ...layers]) yield [`${root}/_layers/sha256/${hexOf(digest)}/link`, digest]
      const { digest } = manifest
      yield [`${root}/_manifests/revisions/sha256/${hexOf(digest)}/link`, digest]
      yield [`${root}/_manifests/tags/t${tag}/index/sha256/${hexOf(digest)}/link`, digest]
      yield [`${root}/_manifests/tags/t${tag}/current/link`, digest]
    }
  }
}

function hexOf(digest: string): string {
  return digest.slice('sha256:'.length)
}

function blobsRead(proxy: StoreProxy): number {
  return proxy.seen.filter(({ action, key }) => action === 'GetObject' && key.includes('/blobs/')).length
}

async function scanned(berth: RegistryProcess): Promise<void> {
  const client = new RegistryClient(berth.url)
  await poll('everything is scanned', 5 * 60_000, async () => {
    const state = (await (await client.request('GET', '/readyz')).json()) as { scan?: { complete?: boolean } }
    return state.scan?.complete === true || undefined
  })
}

async function expectEverything(client: RegistryClient): Promise<void> {
  const tags = Array.from({ length: TAGS }, (_, tag) => `t${tag}`)
  const catalog = (await (await client.request('GET', '/v2/_catalog?n=1000')).json()) as { repositories: string[] }
  expect(catalog.repositories.toSorted()).toEqual(Array.from({ length: REPOSITORIES }, (_, index) => repositoryAt(index)).sort())
  for (let repository = 0; repository < REPOSITORIES; repository += 1) {
    const name = repositoryAt(repository)
    const listed = (await (await client.request('GET', `/v2/${name}/tags/list`)).json()) as { tags: string[] }
    expect(listed.tags.toSorted()).toEqual(tags.toSorted())
    for (const [tag, text] of tags.entries()) {
      const response = await client.getManifest(name, text)
      expect(response.headers.get('docker-content-digest')).toBe(imageAt(repository, tag).manifest.digest)
      await response.bytes()
    }
  }
}
