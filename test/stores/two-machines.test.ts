import { expect, setDefaultTimeout, test } from 'bun:test'
import { startBerth } from '../support/berth-process.ts'
import { HURRIED_BERTH, LINGERING_BERTH } from '../support/berth-program.ts'
import { ContainersTools } from '../support/containers-tools.ts'
import { expectImageDirectory, writeImageDirectory } from '../support/image-directory.ts'
import { type Image, makeImage } from '../support/images.ts'
import { describeOnStoresAtOnce } from '../support/object-store.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { S3Client, type S3Place } from '../support/s3-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(240_000)
const WAITS = /only pulls are answered until it has ended/
const BEGINS = /no other database is at work on the storage/
/** A sign of life grows old after 15 s here; the rest is for a machine that does much else. */
const OLD_MS = 150_000

async function push(client: RegistryClient, image: Image, tag = 'latest'): Promise<void> {
  for (const blob of [image.config, ...image.layers]) await client.pushBlob('app', blob)
  await expectStatus(await client.putManifest('app', tag, image.manifest), 201)
}

/** As a client does it: by tag, then by digest, then each layer. */
async function expectPulled(client: RegistryClient, image: Image, tag = 'latest'): Promise<void> {
  for (const reference of [tag, image.manifest.digest]) {
    const head = await expectStatus(await client.request('HEAD', `/v2/app/manifests/${reference}`), 200)
    expect(head.headers.get('docker-content-digest')).toBe(image.manifest.digest)
    const manifest = await expectStatus(await client.getManifest('app', reference), 200)
    expect(manifest.headers.get('content-type')).toBe(image.manifest.mediaType)
    expect(await manifest.bytes()).toEqual(image.manifest.bytes)
  }
  for (const { digest, bytes } of [image.config, ...image.layers]) {
    const head = await expectStatus(await client.request('HEAD', `/v2/app/blobs/${digest}`), 200)
    expect(head.headers.get('content-length')).toBe(String(bytes.length))
    expect(await (await expectStatus(await client.getBlob('app', digest), 200)).bytes()).toEqual(bytes)
  }
}

/** Two machines are two folders for what is local. */
describeOnStoresAtOnce('two machines on one bucket', (store) => {
  async function startOn(bucket: S3Place, berth = HURRIED_BERTH) {
    const folder = new TemporaryFolder()
    const started = await startBerth({ folder, dataDirectory: bucket, berth })
    const client = new RegistryClient(started.url)
    return {
      ...{ berth: started, client, folder },
      [Symbol.asyncDispose]: async () => void (await started.stop().finally(() => folder[Symbol.dispose]())),
    }
  }

  describeWith({ programs: ['skopeo'] }, 'while the first one serves', () => {
    test('the second answers pulls by what the bucket holds at that moment, and ends with a sentence that names PostgreSQL', async () => {
      const bucket = await store().newBucket()
      await using first = await startOn(bucket)
      const [old, young] = [makeImage('old'), makeImage('young')]
      await push(first.client, old)

      using folder = new TemporaryFolder()
      await using second = await startBerth({
        folder,
        processes: 2,
        dataDirectory: bucket,
        berth: LINGERING_BERTH,
        expectsFaults: true,
      })
      const client = new RegistryClient(second.url)
      await second.program.waitForOutput(WAITS, OLD_MS)
      await expectPulled(client, old)
      // What another machine writes is seen at once, and what it deletes is gone.
      await push(first.client, young)
      await expectPulled(client, young)
      await expectPulled(client, old, old.manifest.digest)
      await expectStatus(await first.client.request('DELETE', '/v2/app/manifests/latest'), 202)
      await expectStatus(await client.getManifest('app', 'latest'), 404)
      await expectStatus(await client.getManifest('none', 'latest'), 404)
      const before = await new S3Client(bucket).list('docker/')
      const refused = await Promise.all([
        client.request('POST', '/v2/app/blobs/uploads/'),
        client.putManifest('app', 'mine', old.manifest),
        client.request('DELETE', `/v2/app/manifests/${old.manifest.digest}`),
        client.request('DELETE', `/v2/app/blobs/${old.config.digest}`),
        client.request('POST', `/v2/other/blobs/uploads/?mount=${old.config.digest}&from=app`),
        client.request('GET', '/v2/app/tags/list'),
        client.request('GET', '/v2/_catalog'),
        client.request('GET', `/v2/app/referrers/${old.manifest.digest}`),
      ])
      for (const response of refused) {
        expect([response.status, response.headers.get('retry-after')]).toEqual([503, '10'])
        expect(await response.json()).toMatchObject({ errors: [{ code: 'UNAVAILABLE' }] })
      }
      const ready = await client.request('GET', '/readyz')
      expect([ready.status, await ready.json()]).toEqual([200, expect.objectContaining({ ready: true, handover: true })])

      const exitCode = await Promise.race([second.program.exited, Bun.sleep(OLD_MS)])

      expect(exitCode).toBe(1)
      expect(second.program.output).toMatch(/^berth: Another Berth .*PostgreSQL/m)
      expect(second.program.output).not.toMatch(/^berth: .*\n {4}at /m)
      expect(await new S3Client(bucket).list('docker/')).toEqual(before)
      await push(first.client, makeImage('still there'))
    })

    test('a push to the second waits, and goes through as soon as the first has ended', async () => {
      const bucket = await store().newBucket()
      const first = await startOn(bucket)
      const [old, young] = [makeImage('old'), makeImage('young')]
      await push(first.client, old)
      await using second = await startOn(bucket, LINGERING_BERTH)
      await second.berth.program.waitForOutput(WAITS, OLD_MS)
      await expectPulled(second.client, old)

      const tools = await ContainersTools.create(second.folder)
      const address = `docker://${second.berth.address}/app:latest`
      const [pulled, toPush] = ['pulled', 'to-push'].map((name) => second.folder.join(name))
      await tools.run('skopeo', 'copy', '--src-tls-verify=false', address, `dir:${pulled}`)
      await expectImageDirectory(pulled ?? '', old.manifest, [old])
      await writeImageDirectory(toPush ?? '', young.manifest, [young])

      const pushing = tools.run('skopeo', 'copy', '--preserve-digests', '--dest-tls-verify=false', `dir:${toPush}`, address)
      await second.berth.program.waitForOutput(/"HEAD \/v2\/app\/blobs\/\S+ HTTP\/1.1" 404/, OLD_MS)
      await first[Symbol.asyncDispose]()
      await pushing

      await second.berth.program.waitForOutput(BEGINS, OLD_MS)
      await expectPulled(second.client, young)
      const tags = await expectStatus(await second.client.request('GET', '/v2/app/tags/list'), 200)
      expect(await tags.json()).toEqual({ name: 'app', tags: ['latest'] })
      expect(await (await second.client.request('GET', '/readyz')).json()).not.toHaveProperty('handover')
    })
  })

  test('one that was killed is outlasted: its images are served all the time, and pushes are taken when it is certain', async () => {
    const bucket = await store().newBucket()
    const first = await startOn(bucket)
    const [old, young] = [makeImage('old'), makeImage('young')]
    await push(first.client, old)
    await first.berth.program.kill()
    first.folder[Symbol.dispose]()
    // On a busy machine the sign of the first one could have grown old before the hurried second one looks.
    await using second = await startOn(bucket, LINGERING_BERTH)
    await second.berth.program.waitForOutput(WAITS, OLD_MS)
    await expectPulled(second.client, old)

    let isCertain = false
    const certain = second.berth.program.waitForOutput(BEGINS, OLD_MS).then(() => {
      isCertain = true
    })
    while (!isCertain) {
      await expectPulled(second.client, old)
      await Promise.race([certain, Bun.sleep(500)])
    }

    await push(second.client, young)
    await expectPulled(second.client, young)
  })

  test('one that waits ends when it is asked to', async () => {
    const bucket = await store().newBucket()
    await using first = await startOn(bucket)
    const second = await startOn(bucket)
    await second.berth.program.waitForOutput(WAITS, OLD_MS)

    await second[Symbol.asyncDispose]()

    await push(first.client, makeImage('still there'))
  })

  test('who ends in order, with all its processes at once, is followed at once by another machine, which serves what was pushed', async () => {
    const bucket = await store().newBucket()
    const image = makeImage('moved')
    using folder = new TemporaryFolder()
    {
      await using first = await startBerth({
        folder,
        processes: 3,
        dataDirectory: bucket,
        berth: HURRIED_BERTH,
        expectsFaults: true,
      })
      await push(new RegistryClient(first.url), image)
    }

    await using second = await startOn(bucket)

    expect(second.berth.program.output).not.toMatch(WAITS)
    await expectPulled(second.client, image)
  })
})
