import { describe, expect, test } from 'bun:test'
import { expectError, header } from '../support/answers.ts'
import { blobsOf, makeImage, makeImageIndex, sha256 } from '../support/images.ts'
import { onDriver, onEachDriver, type TestRegistry } from '../support/registry.ts'

const image = makeImage('deletes')
const other = makeImage('deletes', { architecture: 'arm64' })
const UNKNOWN = sha256(Buffer.from('never pushed'))

async function pushed(registry: TestRegistry, ...tags: readonly string[]): Promise<string> {
  const repository = registry.newRepository()
  await registry.pushImage(repository, image)
  for (const tag of tags) await registry.pushManifest(repository, image.manifest, tag)
  return repository
}

async function tagsOf(registry: TestRegistry, repository: string): Promise<unknown> {
  return ((await (await registry.request('GET', `/v2/${repository}/tags/list`)).json()) as { tags: unknown }).tags
}

onEachDriver('deleting tags', (registry) => {
  test('DELETE of a tag is 202; the tag is gone, the manifest and its other tags stay (end-9)', async () => {
    const repository = await pushed(registry, 'a', 'b')

    const response = await registry.client.deleteManifest(repository, 'a')

    expect(response.status).toBe(202)
    expect(header(response, 'content-length')).toBe('0')
    await expectError(await registry.client.getManifest(repository, 'a'), 404, 'MANIFEST_UNKNOWN')
    expect((await registry.client.headManifest(repository, 'b')).status).toBe(200)
    expect((await registry.client.headManifest(repository, image.manifest.digest)).status).toBe(200)
    expect(await tagsOf(registry, repository)).toEqual(['b'])
  })

  test('a tag that is not there is 404, also the second time (end-9)', async () => {
    const repository = await pushed(registry, 'a')
    await registry.client.deleteManifest(repository, 'a')

    for (const tag of ['a', 'never', '.dot']) {
      await expectError(await registry.client.deleteManifest(repository, tag), 404, 'MANIFEST_UNKNOWN')
    }
    await expectError(await registry.client.deleteManifest('no/such/repository', 'a'), 404, 'MANIFEST_UNKNOWN')
  })

  test('a tag that was deleted can be pushed again (end-7a, end-9)', async () => {
    const repository = await pushed(registry, 'a')
    await registry.client.deleteManifest(repository, 'a')

    await registry.pushImage(repository, other, 'a')

    expect(header(await registry.client.headManifest(repository, 'a'), 'docker-content-digest')).toBe(other.manifest.digest)
  })
})

onEachDriver('deleting manifests', (registry) => {
  test('DELETE of a digest is 202; the manifest and every tag on it are gone, the others stay (end-9)', async () => {
    const repository = await pushed(registry, 'a', 'b')
    await registry.pushImage(repository, other, 'c')

    const response = await registry.client.deleteManifest(repository, image.manifest.digest)

    expect(response.status).toBe(202)
    for (const reference of ['a', 'b', image.manifest.digest]) {
      await expectError(await registry.client.getManifest(repository, reference), 404, 'MANIFEST_UNKNOWN')
    }
    expect((await registry.client.headManifest(repository, 'c')).status).toBe(200)
    expect(await tagsOf(registry, repository)).toEqual(['c'])
  })

  test('the answer says how many bytes a delete frees, and by when', async () => {
    const repository = await pushed(registry, 'a', 'b')
    await registry.request('GET', `/v2/${repository}/tags/list`)
    const alone = makeImage(`only in ${repository}`)
    await registry.pushImage(repository, alone, 'c')
    const bytes = [alone.manifest, ...blobsOf(alone)].reduce((sum, part) => sum + part.bytes.length, 0)

    const ofTag = await registry.client.deleteManifest(repository, 'a')
    const ofManifest = await registry.client.deleteManifest(repository, alone.manifest.digest)

    expect(header(ofTag, 'berth-frees')).toBe('0')
    const [size, by = ''] = (header(ofManifest, 'berth-frees') ?? '').split(';by=')
    expect(Number(size)).toBe(bytes)
    expect(Date.parse(by)).toBeGreaterThan(Date.now())
  })

  test('a manifest or a repository that is not there is 404, and a digest that cannot be one is 400 (end-9)', async () => {
    const repository = await pushed(registry)

    await expectError(await registry.client.deleteManifest(repository, UNKNOWN), 404, 'MANIFEST_UNKNOWN')
    await expectError(await registry.client.deleteManifest('no/such/repository', image.manifest.digest), 404, 'MANIFEST_UNKNOWN')
    await expectError(await registry.client.deleteManifest(repository, 'sha256:bad'), 400, 'DIGEST_INVALID')
  })

  test('the same manifest in another repository stays (end-9)', async () => {
    const [first, second] = [await pushed(registry, 'a'), await pushed(registry, 'a')]

    await registry.client.deleteManifest(first, image.manifest.digest)

    expect((await registry.client.headManifest(second, 'a')).status).toBe(200)
  })

  test('deleting an image index leaves its children to be pulled (end-9)', async () => {
    const repository = registry.newRepository()
    const index = makeImageIndex([image, other])
    await registry.pushImage(repository, index, 'latest')

    await registry.client.deleteManifest(repository, index.manifest.digest)

    expect((await registry.client.headManifest(repository, 'latest')).status).toBe(404)
    expect((await registry.client.headManifest(repository, other.manifest.digest)).status).toBe(200)
  })

  test('a child of an image index is refused with 405, naming the indexes, until they are gone or with ?force=true (end-9)', async () => {
    const [repository, elsewhere] = [registry.newRepository(), await pushed(registry)]
    const index = makeImageIndex([image, other])
    await registry.pushImage(repository, index, 'latest')

    const refused = await registry.client.deleteManifest(repository, image.manifest.digest)

    const error = await expectError(refused, 405, 'DENIED')
    expect(error.message).toContain(index.manifest.digest)
    expect(error.detail).toEqual({ namedBy: [index.manifest.digest] })
    expect(header(refused, 'allow')).toBe('GET, HEAD, PUT')
    expect((await registry.client.headManifest(repository, image.manifest.digest)).status).toBe(200)
    expect((await registry.client.deleteManifest(elsewhere, image.manifest.digest)).status).toBe(202)
    expect((await registry.client.deleteManifest(repository, image.manifest.digest, { force: true })).status).toBe(202)
    expect((await registry.client.deleteManifest(repository, index.manifest.digest)).status).toBe(202)
    expect((await registry.client.deleteManifest(repository, other.manifest.digest)).status).toBe(202)
  })

  test('a subject that is referred to can be deleted, and what refers to it stays (end-9)', async () => {
    const repository = await pushed(registry)
    const referrer = makeImage('refers', { subject: image.manifest, layers: 1 })
    await registry.pushImage(repository, referrer)

    expect((await registry.client.deleteManifest(repository, image.manifest.digest)).status).toBe(202)

    expect((await registry.client.headManifest(repository, referrer.manifest.digest)).status).toBe(200)
  })

  test('a manifest that was deleted can be pushed again: its blobs are still there (end-7a, end-9)', async () => {
    const repository = await pushed(registry, 'a')
    await registry.client.deleteManifest(repository, image.manifest.digest)

    await registry.pushManifest(repository, image.manifest, 'a')

    expect((await registry.client.headManifest(repository, 'a')).status).toBe(200)
    for (const { digest } of blobsOf(image)) expect((await registry.client.headBlob(repository, digest)).status).toBe(200)
  })

  test('the repository whose last manifest is deleted is no longer there (end-8a, end-9)', async () => {
    const repository = await pushed(registry, 'a')

    await registry.client.deleteManifest(repository, image.manifest.digest)

    await expectError(await registry.request('GET', `/v2/${repository}/tags/list`), 404, 'NAME_UNKNOWN')
  })
})

onEachDriver('deleting blobs', (registry) => {
  test('DELETE is 202, and the blob is gone from this repository at once (end-10)', async () => {
    const repository = await pushed(registry)

    const response = await registry.client.deleteBlob(repository, image.config.digest, { force: true })

    expect(response.status).toBe(202)
    expect(header(response, 'content-length')).toBe('0')
    await expectError(await registry.client.getBlob(repository, image.config.digest), 404, 'BLOB_UNKNOWN')
    expect((await registry.client.headBlob(repository, image.config.digest)).status).toBe(404)
  })

  test('a blob that was mounted is gone from the repository that it is deleted from, and from no other (end-10, end-11)', async () => {
    const [from, to] = [await pushed(registry), registry.newRepository()]
    expect(await registry.client.mountBlob(to, image.config.digest, from)).toBe(201)

    expect((await registry.client.deleteBlob(to, image.config.digest)).status).toBe(202)

    expect((await registry.client.headBlob(to, image.config.digest)).status).toBe(404)
    expect((await registry.client.headBlob(from, image.config.digest)).status).toBe(200)
  })

  test('a blob that is not there is 404, also the second time, and a digest that cannot be one is 400 (end-10)', async () => {
    const repository = registry.newRepository()
    await registry.pushBlob(repository, image.config)
    await registry.client.deleteBlob(repository, image.config.digest)

    await expectError(await registry.client.deleteBlob(repository, image.config.digest), 404, 'BLOB_UNKNOWN')
    await expectError(await registry.client.deleteBlob(repository, UNKNOWN), 404, 'BLOB_UNKNOWN')
    await expectError(await registry.client.deleteBlob('no/such/repository', image.config.digest), 404, 'BLOB_UNKNOWN')
    await expectError(await registry.client.deleteBlob(repository, 'sha256:bad'), 400, 'DIGEST_INVALID')
  })

  test('a manifest can name a deleted blob again only after a push of it (end-7a, end-10)', async () => {
    const repository = await pushed(registry)
    await registry.client.deleteBlob(repository, image.config.digest, { force: true })

    await expectError(await registry.client.putManifest(repository, 'a', image.manifest), 400, 'MANIFEST_BLOB_UNKNOWN')

    await registry.pushBlob(repository, image.config)
    await registry.pushManifest(repository, image.manifest, 'a')
  })

  test('a blob that a manifest of the repository names is refused with 405, naming the manifests, until they are gone (end-10)', async () => {
    const repository = await pushed(registry, 'a')
    await registry.client.deleteManifest(repository, 'a')

    for (const { digest } of blobsOf(image)) {
      const response = await registry.client.deleteBlob(repository, digest)
      const error = await expectError(response, 405, 'DENIED')
      expect(error.message).toContain('?force=true')
      expect(error.detail).toEqual({ namedBy: [image.manifest.digest] })
      expect(header(response, 'allow')).toBe('GET, HEAD')
      expect((await registry.client.headBlob(repository, digest)).status).toBe(200)
    }

    await registry.client.deleteManifest(repository, image.manifest.digest)
    for (const { digest } of blobsOf(image)) expect((await registry.client.deleteBlob(repository, digest)).status).toBe(202)
  })
})

describe('a registry that does not allow deletes', () => {
  onDriver(
    'inmemory',
    (registry) => {
      test('refuses to delete tags, manifests and blobs with 405, and keeps them (end-9, end-10)', async () => {
        const repository = await pushed(registry, 'a')
        const paths = [`manifests/a`, `manifests/${image.manifest.digest}`, `blobs/${image.config.digest}`]

        for (const path of paths) {
          const response = await registry.request('DELETE', `/v2/${repository}/${path}`)
          const error = await expectError(response, 405, 'UNSUPPORTED')
          expect(error.message).toContain('storage.delete.enabled')
          expect(header(response, 'allow')).not.toContain('DELETE')
          expect((await registry.request('HEAD', `/v2/${repository}/${path}`)).status).toBe(200)
        }
      })

      test('still lets a client cancel its own upload (end-14)', async () => {
        const location = await registry.client.startUpload(registry.newRepository())

        expect((await registry.request('DELETE', location)).status).toBe(204)
      })
    },
    { deletes: false },
  )
})
