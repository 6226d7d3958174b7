import { expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readdirSync } from 'node:fs'
import { parse, stringify } from 'yaml'
import { type BerthProcess, startBerth } from '../support/berth-process.ts'
import { HURRIED_BERTH } from '../support/berth-program.ts'
import { FakeUpstream, sendBlob } from '../support/fake-upstream.ts'
import { describeFetches } from '../support/fetched-blobs.ts'
import { blobsOf, contentOf, fixedBytes, type Image, makeImage, sha256 } from '../support/images.ts'
import { describeOnStores, s3Section } from '../support/object-store.ts'
import { poll } from '../support/processes.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import type { S3Place } from '../support/s3-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { serveImages } from '../support/upstream-images.ts'

setDefaultTimeout(120_000)

const MIB = 1024 * 1024
const IMAGE = makeImage('in a bucket')
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
      await poll('nothing is left on this machine', 20_000, async () => (partsIn(folder).length === 0 ? true : undefined))
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

      await poll('nothing is left on this machine', 20_000, async () => (partsIn(folder).length === 0 ? true : undefined))
    })
  },
  ['versitygw'],
)

async function start(folder: TemporaryFolder, place: S3Place, url: string): Promise<BerthProcess> {
  const moreConfig = stringify({ mirrors: [{ prefix: 'far', url }] })
  const section = `    chunksize: ${5 * MIB}\n`
  return await startBerth({ folder, dataDirectory: { ...place, section }, moreConfig, berth: HURRIED_BERTH, expectsFaults: true })
}

async function pullAll(client: RegistryClient): Promise<void> {
  const { manifest }: Image = IMAGE
  for (const reference of ['latest', manifest.digest]) {
    const answer = await expectStatus(await client.getManifest('far/team/app', reference), 200)
    expect(Buffer.from(await answer.bytes()).equals(manifest.bytes)).toBe(true)
  }
  for (const { digest, bytes } of blobsOf(IMAGE)) {
    const blob = await expectStatus(await client.getBlob('far/team/app', digest), 200)
    expect(Buffer.from(await blob.bytes()).equals(bytes)).toBe(true)
  }
}

/** Files of parts and of what is read while it comes. */
function partsIn(folder: TemporaryFolder): readonly string[] {
  const state = folder.join('state')
  if (!existsSync(state)) return []
  const entries = readdirSync(state, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile() && entry.parentPath.includes('/parts/')).map(({ name }) => name)
}
