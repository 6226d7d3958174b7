import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { startBerth } from '../support/berth-process.ts'
import { makeImage } from '../support/images.ts'
import { describeOnStores } from '../support/object-store.ts'
import { poll } from '../support/processes.ts'
import { RegistryClient } from '../support/registry-client.ts'
import type { RegistryProcess } from '../support/registry-process.ts'
import { S3Client } from '../support/s3-client.ts'
import { takeCountsOf } from '../support/store-counts.ts'
import { StoreProxy } from '../support/store-proxy.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(30 * 60_000)
const ENTRIES = Number(process.env.BERTH_TEST_ENTRIES ?? 1_000)
const AT_ONCE = 64

/** What registry:2 would have written, without it. The promise names 10,000 entries; a run of the whole suite takes fewer. */
describeOnStores(
  `lists of ${ENTRIES} entries in a bucket`,
  (store) => {
    const image = makeImage('many')
    const names = Array.from({ length: ENTRIES }, (_, index) => `n${String(index).padStart(6, '0')}`)
    let folder: TemporaryFolder
    let proxy: StoreProxy
    let berth: RegistryProcess
    let client: RegistryClient

    beforeAll(async () => {
      folder = new TemporaryFolder()
      const bucket = await store().newBucket()
      await write(new S3Client(bucket))
      proxy = await StoreProxy.start(store().endpoint)
      berth = await startBerth({ folder, dataDirectory: { ...bucket, endpoint: proxy.endpoint } })
      client = new RegistryClient(berth.url)
      await poll('the catalog is known', 15 * 60_000, async () => {
        const response = await client.request('GET', '/v2/_catalog?n=1')
        await response.bytes()
        return response.status === 200 || undefined
      })
      await poll('the tags are known', 15 * 60_000, async () => {
        const response = await client.request('GET', '/v2/tagged/tags/list?n=1')
        await response.bytes()
        return response.status === 200 || undefined
      })
      await poll('everything is scanned', 15 * 60_000, async () => {
        const state = (await (await client.request('GET', '/readyz')).json()) as { scan?: { complete?: boolean } }
        return state.scan?.complete === true || undefined
      })
    })
    afterAll(async () => {
      await berth.stop()
      await proxy[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    })

    async function write(s3: S3Client): Promise<void> {
      const root = 'docker/registry/v2'
      const { digest } = image.manifest
      const hexOf = (of: string) => of.slice('sha256:'.length)
      const files: [string, Uint8Array | string][] = [image.config, ...image.layers, image.manifest].map((content) => [
        `${root}/blobs/sha256/${hexOf(content.digest).slice(0, 2)}/${hexOf(content.digest)}/data`,
        content.bytes,
      ])
      const revision = (repository: string) =>
        `${root}/repositories/${repository}/_manifests/revisions/sha256/${hexOf(digest)}/link`
      files.push([revision('tagged'), digest])
      for (const name of names) {
        files.push([`${root}/repositories/tagged/_manifests/tags/${name}/current/link`, digest])
        files.push([revision(`many/${name}`), digest])
      }
      const rest = files.values()
      await Promise.all(
        Array.from({ length: AT_ONCE }, async () => {
          for (const [key, body] of rest) await s3.put(key, body)
        }),
      )
    }

    async function listAll(path: string, key: 'tags' | 'repositories'): Promise<string[]> {
      const found: string[] = []
      for (let next: string | undefined = path; next !== undefined; ) {
        const response: Response = await client.request('GET', next)
        expect(response.status).toBe(200)
        found.push(...(((await response.json()) as Record<string, string[]>)[key] ?? []))
        next = /<([^>]+)>/.exec(response.headers.get('link') ?? '')?.[1]
      }
      return found
    }

    test('make no request to the store, page by page', async () => {
      takeCountsOf(proxy)

      const tags = await listAll('/v2/tagged/tags/list?n=500', 'tags')
      const repositories = await listAll('/v2/_catalog?n=500', 'repositories')

      expect(tags).toEqual(names)
      expect(repositories).toEqual([...names.map((name) => `many/${name}`), 'tagged'])
      expect(takeCountsOf(proxy)).toEqual({})
    })
  },
  ['seaweedfs'],
)
