import { expect, test } from 'bun:test'
import { expectError, header } from '../support/answers.ts'
import {
  artifact,
  DOCKER_LIST,
  EMPTY_CONFIG,
  MISSING,
  OCI_IMAGE,
  OCI_INDEX,
  putManifest,
  repositoryWithConfig,
} from '../support/artifacts.ts'
import { type Content, descriptorOf, jsonContent, makeImage, sha256 } from '../support/images.ts'
import { parseRaw, requestHead, sendRaw } from '../support/raw-http.ts'
import { onEachDriver } from '../support/registry.ts'

const image = makeImage('manifests')

onEachDriver('what a manifest names', (registry) => {
  test('a config or a layer that the repository does not have is MANIFEST_BLOB_UNKNOWN (end-7a)', async () => {
    const repository = await repositoryWithConfig(registry)
    const manifests = [artifact({ layers: [descriptorOf(MISSING)] }), artifact({ config: descriptorOf(MISSING) })]

    for (const { bytes } of manifests) {
      const response = await putManifest(registry, `/v2/${repository}/manifests/v1`, bytes, OCI_IMAGE)
      const error = await expectError(response, 400, 'MANIFEST_BLOB_UNKNOWN')
      expect(JSON.stringify(error.detail)).toContain(MISSING.digest)
    }
    expect((await registry.client.headManifest(repository, 'v1')).status).toBe(404)
  })

  test('an artifact type that is too long to be a media type is MANIFEST_INVALID (end-7a)', async () => {
    const repository = await repositoryWithConfig(registry)
    const { bytes } = artifact({ artifactType: `a/${'b'.repeat(1023)}` })

    const error = await expectError(
      await putManifest(registry, `/v2/${repository}/manifests/v1`, bytes, OCI_IMAGE),
      400,
      'MANIFEST_INVALID',
    )

    expect(error.message).toContain('an artifact type of more than 1024 bytes')
  })

  test('a blob of another repository does not count (end-7a)', async () => {
    await repositoryWithConfig(registry)

    const response = await putManifest(registry, `/v2/${registry.newRepository()}/manifests/v1`, artifact().bytes, OCI_IMAGE)

    await expectError(response, 400, 'MANIFEST_BLOB_UNKNOWN')
  })

  test('the children of an image index may be manifests or blobs, and must be there (end-7a)', async () => {
    const repository = await repositoryWithConfig(registry)
    await registry.pushManifest(repository, artifact())
    const indexOf = (...manifests: readonly Content[]) => {
      return jsonContent(OCI_INDEX, { schemaVersion: 2, mediaType: OCI_INDEX, manifests: manifests.map(descriptorOf) })
    }

    await registry.pushManifest(repository, indexOf(artifact(), EMPTY_CONFIG), 'mixed')
    await registry.pushManifest(repository, indexOf(indexOf(artifact(), EMPTY_CONFIG)), 'nested')
    await registry.pushManifest(repository, indexOf(), 'empty')

    const sparse = await registry.client.putManifest(repository, 'sparse', indexOf(artifact(), MISSING))
    await expectError(sparse, 400, 'MANIFEST_BLOB_UNKNOWN')
  })

  test('an artifact may have no layers, any types, an empty config and data inside (end-7a)', async () => {
    const repository = await repositoryWithConfig(registry)
    const config = { ...descriptorOf(EMPTY_CONFIG), data: 'e30=' }

    for (const manifest of [
      artifact({ layers: [] }),
      artifact({ layers: undefined }),
      artifact({ config, artifactType: 'x/y' }),
    ]) {
      await registry.pushManifest(repository, manifest)
    }
  })

  test.each([
    'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
    'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  ])('a layer of type %s need not be there (end-7a)', async (mediaType) => {
    const repository = await repositoryWithConfig(registry)
    const layer = { ...descriptorOf(MISSING), mediaType, urls: ['https://example.com/layer'] }

    await registry.pushManifest(repository, artifact({ layers: [layer] }))
  })

  test('a subject need not be there, and the answer says that it was understood (end-7a)', async () => {
    const repository = await repositoryWithConfig(registry)
    const subject = descriptorOf(image.manifest)
    const index = jsonContent(OCI_INDEX, { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [], subject })

    for (const manifest of [artifact({ subject }), index]) {
      const response = await registry.pushManifest(repository, manifest)
      expect(header(response, 'oci-subject')).toBe(image.manifest.digest)
    }
  })
})

onEachDriver('manifests that are refused', (registry) => {
  test.each([
    ['not JSON', '{"schemaVersion":', OCI_IMAGE],
    ['empty', '', OCI_IMAGE],
    ['not an object', '[]', OCI_IMAGE],
    ['without a config', `{"schemaVersion":2,"mediaType":"${OCI_IMAGE}","layers":[]}`, OCI_IMAGE],
    ['of another schema version', `{"schemaVersion":3,"mediaType":"${OCI_INDEX}","manifests":[]}`, OCI_INDEX],
    ['of another type than its Content-Type', `{"schemaVersion":2,"mediaType":"${OCI_INDEX}","manifests":[]}`, DOCKER_LIST],
    ['a Docker list that does not say so itself', '{"schemaVersion":2,"manifests":[]}', DOCKER_LIST],
    ['of a type that is no manifest', `{"schemaVersion":2,"mediaType":"${OCI_INDEX}","manifests":[]}`, 'application/json'],
    [
      'of Docker schema 1',
      '{"schemaVersion":1,"name":"a","tag":"b"}',
      'application/vnd.docker.distribution.manifest.v1+prettyjws',
    ],
    [
      'with a digest that cannot be one',
      `{"schemaVersion":2,"mediaType":"${OCI_INDEX}","manifests":[{"digest":"sha256:x","size":1,"mediaType":"a"}]}`,
      OCI_INDEX,
    ],
  ])('a manifest %s is MANIFEST_INVALID (end-7a)', async (_, body, contentType) => {
    const repository = await repositoryWithConfig(registry)

    await expectError(await putManifest(registry, `/v2/${repository}/manifests/v1`, body, contentType), 400, 'MANIFEST_INVALID')

    expect((await registry.client.headManifest(repository, 'v1')).status).toBe(404)
  })
})

onEachDriver('the size of manifests', (registry) => {
  const MAX = 4 * 1024 * 1024
  function ofSize(size: number): Content {
    const padding = size - artifact({ annotations: { padding: '' } }).bytes.length
    return artifact({ annotations: { padding: 'x'.repeat(padding) } })
  }

  test('four mebibytes are taken and come back (end-7a, end-3)', async () => {
    const repository = await repositoryWithConfig(registry)

    await registry.pushManifest(repository, ofSize(MAX), 'large')

    const pulled = await registry.request('GET', `/v2/${repository}/manifests/large`)
    expect(header(pulled, 'content-length')).toBe(String(MAX))
    expect(sha256(await pulled.bytes())).toBe(ofSize(MAX).digest)
  })

  test('one byte more is 413, with a length and without (end-7a)', async () => {
    const repository = await repositoryWithConfig(registry)
    const path = `/v2/${repository}/manifests/large`
    const { bytes } = ofSize(MAX + 1)

    const head = requestHead('PUT', path, [`Content-Type: ${OCI_IMAGE}`, 'Transfer-Encoding: chunked'])
    const chunked = `${head}${bytes.length.toString(16)}\r\n${Buffer.from(bytes).toString()}\r\n0\r\n\r\n`

    await expectError(await putManifest(registry, path, bytes, OCI_IMAGE), 413, 'MANIFEST_INVALID')
    expect(parseRaw(await sendRaw(registry.url, chunked)).status).toBe(413)
    expect((await registry.client.headManifest(repository, 'large')).status).toBe(404)
  })

  test('one that is announced as too large is 413 before it is sent (end-7a)', async () => {
    const head = requestHead('PUT', '/v2/a/manifests/large', [`Content-Type: ${OCI_IMAGE}`, `Content-Length: ${MAX + 1}`])

    expect(parseRaw(await sendRaw(registry.url, head)).status).toBe(413)
  })

  test('a body that breaks off stores nothing, even where its start is a manifest (end-7a)', async () => {
    const repository = await repositoryWithConfig(registry)
    const path = `/v2/${repository}/manifests/broken-off`
    const head = requestHead('PUT', path, [`Content-Type: ${OCI_IMAGE}`, `Content-Length: ${artifact().bytes.length + 1}`])

    await sendRaw(registry.directUrl, Buffer.concat([Buffer.from(head), artifact().bytes]), 'fin')
    await registry.log.line(({ fields }) => fields.status === 499 && fields.path === path)

    expect((await registry.client.headManifest(repository, 'broken-off')).status).toBe(404)
  })
})
