import { expect, test } from 'bun:test'
import { rm } from 'node:fs/promises'
import { startBerth } from '../support/berth-process.ts'
import { freePort } from '../support/free-port.ts'
import { blobsOf, type Image, makeImage } from '../support/images.ts'
import { describeOnStores, STORE_START_MS } from '../support/object-store.ts'
import { poll } from '../support/processes.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { S3Client } from '../support/s3-client.ts'
import type { FaultRule } from '../support/store-faults.ts'
import { StoreProxy } from '../support/store-proxy.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const SOON_MS = 90_000
const REPOSITORIES = ['app', 'broken', 'zoo']

/** As a policy of the bucket does that leaves one prefix out: everything below it is refused, and a list that begins above shows it. */
const LEFT_OUT: FaultRule = ({ key, query }) =>
  `${key} ${query.get('prefix')}`.includes('repositories/broken/')
    ? { kind: 'refuse', status: 403, code: 'AccessDenied' }
    : undefined

describeOnStores(
  'a repository whose objects a bucket refuses',
  (store) => {
    test(
      'does not keep the others from being served, and is back by itself',
      async () => {
        using folder = new TemporaryFolder()
        const bucket = await store().newBucket()
        await using proxy = await StoreProxy.start(store().endpoint)
        const serving = { folder, dataDirectory: { ...bucket, endpoint: proxy.endpoint } }
        // One manifest each, so that each has to be read.
        const images = new Map(REPOSITORIES.map((repository) => [repository, makeImage(repository)]))
        await using(await startBerth(serving), (client) => pushAll(client, images))
        await rm(folder.join('state'), { recursive: true })
        await makeListsSilent(new S3Client(bucket))
        proxy.use(LEFT_OUT)

        const debugPort = await freePort()
        const debugSection = `  debug: { addr: "127.0.0.1:${debugPort}" }\n`
        const adapt = (config: string) => config.replace('http:\n', `http:\n${debugSection}`)
        await using berth = await startBerth({ ...serving, adapt, expectsFaults: true })
        const client = new RegistryClient(berth.url)
        await berth.program.waitForOutput(/a repository cannot be read, the others are served" repository=broken /, SOON_MS)
        await expectServed(client, images, ['app', 'zoo'])
        const answers = [
          await client.request('GET', '/v2/broken/tags/list'),
          await client.getManifest('broken', 'latest'),
          await client.putManifest('broken', 'other', makeImage('broken').manifest),
        ]
        expect(answers.map(({ status }) => status)).toEqual([503, 503, 503])
        expect((await client.request('GET', '/readyz')).status).toBe(200)
        expect(await health(debugPort)).toContain(': broken"')

        proxy.use()
        await poll('all is well', SOON_MS, async () => (await health(debugPort)) === '{}' || undefined)
        await expectServed(client, images, REPOSITORIES)
        expect(berth.program.output).toContain('a repository can be read again" repository=broken')
      },
      STORE_START_MS,
    )
  },
  ['versitygw'],
)

async function using(berth: Awaited<ReturnType<typeof startBerth>>, work: (client: RegistryClient) => Promise<void>) {
  await using running = berth
  await work(new RegistryClient(running.url))
}

/** An object that came in parts, as programs leave it that copy buckets: its ETag does not say what is in it, so that it has to be read. */
async function makeListsSilent(s3: S3Client): Promise<void> {
  for (const key of await s3.list('docker/registry/v2/repositories/broken/')) {
    const body = await s3.sendToSuccess({ method: 'GET', key })
    const begun = await s3.sendToSuccess({ method: 'POST', key, query: { uploads: '' } })
    const uploadId = /<UploadId>([^<]+)</.exec(begun)?.[1] ?? ''
    const part = await s3.send({ method: 'PUT', key, query: { partNumber: '1', uploadId }, body })
    const parts = `<Part><PartNumber>1</PartNumber><ETag>${part.headers.get('etag')}</ETag></Part>`
    await s3.sendToSuccess({
      ...{ method: 'POST', key, query: { uploadId } },
      body: `<CompleteMultipartUpload>${parts}</CompleteMultipartUpload>`,
    })
  }
}

async function pushAll(client: RegistryClient, images: ReadonlyMap<string, Image>): Promise<void> {
  for (const [repository, image] of images) {
    for (const blob of blobsOf(image)) await client.pushBlob(repository, blob)
    await expectStatus(await client.putManifest(repository, 'latest', image.manifest), 201)
  }
}

async function expectServed(
  client: RegistryClient,
  images: ReadonlyMap<string, Image>,
  repositories: readonly string[],
): Promise<void> {
  expect(await (await client.request('GET', '/v2/_catalog')).json()).toEqual({ repositories })
  for (const repository of repositories) {
    expect(await (await client.request('GET', `/v2/${repository}/tags/list`)).json()).toMatchObject({ tags: ['latest'] })
    expect(await (await client.getManifest(repository, 'latest')).bytes()).toEqual(
      images.get(repository)?.manifest.bytes ?? new Uint8Array(),
    )
  }
}

async function health(port: number): Promise<string> {
  return (await (await fetch(`http://127.0.0.1:${port}/debug/health`)).text()).trim()
}
