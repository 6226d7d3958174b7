import { expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readdirSync } from 'node:fs'
import { parse, stringify } from 'yaml'
import { type BerthProcess, startBerth } from '../support/berth-process.ts'
import { FAST_BERTH, HURRIED_BERTH } from '../support/berth-program.ts'
import { type FakeAnswer, FakeUpstream, sendBlob } from '../support/fake-upstream.ts'
import { describeFetches } from '../support/fetched-blobs.ts'
import { blobsOf, contentOf, descriptorOf, fixedBytes, type Image, makeImage, sha256 } from '../support/images.ts'
import { describeOnStores, s3Section } from '../support/object-store.ts'
import { environmentIn, poll, runToSuccess } from '../support/processes.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import type { S3Place } from '../support/s3-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { serveImages, serveRegistry } from '../support/upstream-images.ts'

setDefaultTimeout(300_000)

const MIB = 1024 * 1024
const IMAGE = makeImage('in a bucket')
const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json'
const SBOM_TYPE = 'application/vnd.example.sbom'
const SBOM = makeImage('sbom', { subject: IMAGE.manifest, artifactType: SBOM_TYPE, layers: 1 })
const LISTED = { ...descriptorOf(SBOM.manifest), artifactType: SBOM_TYPE }
/** Several parts of an upload, of which most lie at the store when the last of them comes. */
const LARGE = contentOf('application/octet-stream', fixedBytes(24 * MIB))

describeOnStores(
  'a mirror in a bucket',
  (store) => {
    describeFetches('into a bucket', {
      sections: async (folder) => ({
        storage: parse(s3Section(await store().newBucket())) as object,
        metadata: { path: folder.join('state/metadata.db') },
      }),
      uploads: (folder) => folder.join('state/parts'),
    })

    test('serves what it has pulled when the upstream has gone, also after a restart', async () => {
      using folder = new TemporaryFolder()
      await using upstream = await FakeUpstream.start(serveImages({ 'team/app': IMAGE }))
      const place = await store().newBucket()
      {
        await using berth = await start(folder, place, upstream.url)
        await pullAll(new RegistryClient(berth.url))
        await upstream[Symbol.asyncDispose]()
        await pullAll(new RegistryClient(berth.url))
      }
      await using berth = await start(folder, place, upstream.url)
      const client = new RegistryClient(berth.url)

      await pullAll(client)
      expect((await client.getManifest('far/team/app', 'latest')).headers.get('warning')).toStartWith('111 ')
    })

    test('has what a rule and an import have brought, with their referrers, when the upstream has gone', async () => {
      using folder = new TemporaryFolder()
      await using upstream = await FakeUpstream.start(serveWithReferrers())
      await using berth = await start(folder, await store().newBucket(), upstream.url, {
        sync: { repositories: ['team/*'], tags: ['latest'] },
      })
      await berth.program.waitForOutput(/a scheduled mirror is whole/, 90_000)
      const { host } = new URL(berth.url)
      await runToSuccess([...FAST_BERTH, 'import', '--from', upstream.url, `${host}/brought`, '--tags', 'latest'], {
        environment: environmentIn(folder.path),
        timeoutMs: 90_000,
      })
      await upstream[Symbol.asyncDispose]()

      const client = new RegistryClient(berth.url)
      for (const repository of ['far/team/app', 'brought/team/app']) {
        await pullAll(client, repository)
        const referrers = await client.request('GET', `/v2/${repository}/referrers/${IMAGE.manifest.digest}`)
        expect(await (await expectStatus(referrers, 200)).json()).toMatchObject({ manifests: [LISTED] })
        await pullAll(client, repository, SBOM, [SBOM.manifest.digest])
      }
    })

    test('gives a blob with its length while it comes, and its parts go to the store meanwhile', async () => {
      using folder = new TemporaryFolder()
      const rest = Promise.withResolvers<void>()
      await using upstream = await FakeUpstream.start(async (_, response) => {
        response.writeHead(200, { 'content-length': LARGE.bytes.length }).write(LARGE.bytes.subarray(0, 23 * MIB))
        await rest.promise
        response.end(LARGE.bytes.subarray(23 * MIB))
      })
      await using berth = await start(folder, await store().newBucket(), upstream.url)
      const client = new RegistryClient(berth.url)

      const answers = await Promise.all(Array.from({ length: 8 }, () => client.getBlob('far/app', LARGE.digest)))
      const part = await client.getBlob('far/app', LARGE.digest, { range: `bytes=${22 * MIB}-${23 * MIB - 1}` })
      expect((await part.bytes()).length).toBe(MIB)
      rest.resolve()

      for (const answer of answers) {
        expect(answer.headers.get('content-length')).toBe(String(LARGE.bytes.length))
        expect(sha256(await answer.bytes())).toBe(LARGE.digest)
      }
      expect(upstream.asked).toEqual([`GET /v2/app/blobs/${LARGE.digest}`])
      await poll('nothing is left on this machine', 90_000, async () => (partsIn(folder).length === 0 ? true : undefined))
      expect(sha256(await (await client.getBlob('far/app', LARGE.digest)).bytes())).toBe(LARGE.digest)
      expect(upstream.asked.length).toBe(1)
    })

    test('begins again what a killed process was fetching, and nothing of that stays', async () => {
      using folder = new TemporaryFolder()
      const place = await store().newBucket()
      let isCut = true
      await using upstream = await FakeUpstream.start((request, response) => {
        if (!isCut) return sendBlob(request, response, LARGE.bytes)
        response.writeHead(200, { 'content-length': LARGE.bytes.length }).write(LARGE.bytes.subarray(0, 23 * MIB))
      })
      const killed = await start(folder, place, upstream.url)
      const answer = await new RegistryClient(killed.url).getBlob('far/app', LARGE.digest)
      const body = answer.body?.getReader()
      for (let received = 0; received < 22 * MIB; ) received += (await body?.read())?.value?.length ?? 0
      expect(partsIn(folder).length).toBeGreaterThan(0)
      await killed.kill()
      await body?.cancel().catch(() => undefined)
      isCut = false

      await using berth = await start(folder, place, upstream.url)
      expect(sha256(await (await new RegistryClient(berth.url).getBlob('far/app', LARGE.digest)).bytes())).toBe(LARGE.digest)

      await poll('nothing is left on this machine', 90_000, async () => (partsIn(folder).length === 0 ? true : undefined))
    })
  },
  ['versitygw'],
)

async function start(folder: TemporaryFolder, place: S3Place, url: string, more: object = {}): Promise<BerthProcess> {
  const moreConfig = stringify({ mirrors: [{ prefix: 'far', url, ...more }] })
  const section = `    chunksize: ${5 * MIB}\n`
  return await startBerth({ folder, dataDirectory: { ...place, section }, moreConfig, berth: HURRIED_BERTH, expectsFaults: true })
}

async function pullAll(
  client: RegistryClient,
  repository = 'far/team/app',
  image: Image = IMAGE,
  references = ['latest', image.manifest.digest],
): Promise<void> {
  for (const reference of references) {
    const answer = await expectStatus(await client.getManifest(repository, reference), 200)
    expect(Buffer.from(await answer.bytes()).equals(image.manifest.bytes)).toBe(true)
  }
  for (const { digest, bytes } of blobsOf(image)) {
    const blob = await expectStatus(await client.getBlob(repository, digest), 200)
    expect(Buffer.from(await blob.bytes()).equals(bytes)).toBe(true)
  }
}

/** A registry with the API of referrers, which lists one of the image. */
function serveWithReferrers(): FakeAnswer {
  const serve = serveRegistry({ 'team/app': { latest: IMAGE, sbom: SBOM } })
  return (request, response) => {
    if (!request.url?.includes(`/referrers/${IMAGE.manifest.digest}`)) return serve(request, response)
    response.writeHead(200, { 'content-type': INDEX_TYPE })
    response.end(JSON.stringify({ schemaVersion: 2, mediaType: INDEX_TYPE, manifests: [LISTED] }))
  }
}

/** Files of parts and of what is read while it comes. */
function partsIn(folder: TemporaryFolder): readonly string[] {
  const state = folder.join('state')
  if (!existsSync(state)) return []
  const entries = readdirSync(state, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile() && entry.parentPath.includes('/parts/')).map(({ name }) => name)
}
