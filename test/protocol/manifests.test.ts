import { expect, test } from 'bun:test'
import { contentHeaders, expectError, header } from '../support/answers.ts'
import { artifact, DOCKER_IMAGE, OCI_IMAGE, OCI_INDEX, repositoryWithConfig } from '../support/artifacts.ts'
import { ALL_MANIFEST_TYPES, makeImage, makeImageIndex } from '../support/images.ts'
import { onEachDriver } from '../support/registry.ts'

const image = makeImage('manifests')
const arm = makeImage('manifests', { architecture: 'arm64' })

onEachDriver('pulling manifests', (registry) => {
  test('GET by tag and by digest gives the bytes with type, digest, length and validator (end-3)', async () => {
    const repository = registry.newRepository()
    await registry.pushImage(repository, image, 'latest')

    for (const reference of ['latest', image.manifest.digest]) {
      const response = await registry.request('GET', `/v2/${repository}/manifests/${reference}`)

      expect(response.status).toBe(200)
      expect(contentHeaders(response)).toEqual({
        'content-length': String(image.manifest.bytes.length),
        'content-type': OCI_IMAGE,
        'docker-content-digest': image.manifest.digest,
        'docker-distribution-api-version': 'registry/2.0',
        etag: `"${image.manifest.digest}"`,
      })
      expect(await response.bytes()).toEqual(image.manifest.bytes)
    }
  })

  test('HEAD has the status and the headers of GET and no body (end-3)', async () => {
    const repository = registry.newRepository()
    await registry.pushImage(repository, image, 'latest')

    for (const reference of ['latest', image.manifest.digest]) {
      const path = `/v2/${repository}/manifests/${reference}`
      const head = await registry.request('HEAD', path)

      expect(head.status).toBe(200)
      expect(contentHeaders(head)).toEqual(contentHeaders(await registry.request('GET', path)))
      expect((await head.bytes()).length).toBe(0)
    }
  })

  test('a large one comes whole, with the same headers by HEAD, with a Range and without, to many clients at once (end-3)', async () => {
    const repository = await repositoryWithConfig(registry)
    const large = artifact({ annotations: { text: 'x'.repeat(3_000_000) } })
    await registry.pushManifest(repository, large, 'large')
    const path = `/v2/${repository}/manifests/large`

    const head = await registry.request('HEAD', path)
    const requests = Array.from({ length: 12 }, async (_, at) => {
      const response = await registry.request('GET', path, { headers: at % 3 === 0 ? { Range: 'bytes=0-9' } : {} })
      expect(response.status).toBe(200)
      if (at % 3 > 0) expect(contentHeaders(response)).toEqual(contentHeaders(head))
      expect(await response.bytes()).toEqual(large.bytes)
    })

    await Promise.all(requests)
    expect(header(head, 'content-length')).toBe(String(large.bytes.length))
  })

  test('what is stored is served whatever Accept says, and nothing is said about it (end-3)', async () => {
    const repository = registry.newRepository()
    const index = makeImageIndex([image, arm])
    await registry.pushImage(repository, index, 'latest')

    for (const accept of [DOCKER_IMAGE, 'application/json', '*/*', 'text/html;q=0.5', '', ALL_MANIFEST_TYPES]) {
      const response = await registry.request('GET', `/v2/${repository}/manifests/latest`, { headers: { Accept: accept } })
      expect(response.status).toBe(200)
      expect(header(response, 'content-type')).toBe(OCI_INDEX)
      expect(header(response, 'docker-content-digest')).toBe(index.manifest.digest)
    }
  })

  test('a Range is tolerated: the manifest comes whole (end-3)', async () => {
    const repository = registry.newRepository()
    await registry.pushImage(repository, image, 'latest')

    for (const range of ['bytes=0-', 'bytes=0-9', 'bytes=999999-']) {
      const response = await registry.request('GET', `/v2/${repository}/manifests/latest`, { headers: { Range: range } })
      expect(response.status).toBe(200)
      expect(await response.bytes()).toEqual(image.manifest.bytes)
    }
  })

  test.each([
    ['the ETag', `"${image.manifest.digest}"`],
    ['the digest without quotes, as registry:2 allows', image.manifest.digest],
    ['a weak one in a list', `"x", W/"${image.manifest.digest}"`],
    ['*', '*'],
  ])('If-None-Match with %s is 304 with the validators and no body (end-3)', async (_, ifNoneMatch) => {
    const repository = registry.newRepository()
    await registry.pushImage(repository, image, 'latest')

    for (const method of ['GET', 'HEAD']) {
      for (const reference of ['latest', image.manifest.digest]) {
        const path = `/v2/${repository}/manifests/${reference}`
        const response = await registry.request(method, path, { headers: { 'If-None-Match': ifNoneMatch } })
        expect(response.status).toBe(304)
        expect(header(response, 'etag')).toBe(`"${image.manifest.digest}"`)
        expect(header(response, 'docker-content-digest')).toBe(image.manifest.digest)
        expect((await response.bytes()).length).toBe(0)
      }
    }
  })

  test('If-None-Match does not make a manifest that is not there look unchanged (end-3)', async () => {
    const repository = await repositoryWithConfig(registry)

    const response = await registry.request('GET', `/v2/${repository}/manifests/${image.manifest.digest}`, {
      headers: { 'If-None-Match': `"${image.manifest.digest}"` },
    })

    await expectError(response, 404, 'MANIFEST_UNKNOWN')
  })

  test('a tag, a digest or a repository that is not there is 404, and so is what can never be a tag (end-3)', async () => {
    const repository = registry.newRepository()
    await registry.pushImage(repository, image, 'latest')
    const paths = [
      `/v2/${repository}/manifests/other`,
      `/v2/${repository}/manifests/${arm.manifest.digest}`,
      `/v2/${repository}/manifests/${image.config.digest}`,
      `/v2/${repository}/manifests/.INVALID_MANIFEST_NAME`,
      `/v2/${repository}/manifests/${'a'.repeat(129)}`,
      '/v2/no/such/repository/manifests/latest',
      `/v2/no/such/repository/manifests/${image.manifest.digest}`,
    ]

    for (const path of paths) {
      await expectError(await registry.request('GET', path), 404, 'MANIFEST_UNKNOWN')
      expect((await registry.request('HEAD', path)).status).toBe(404)
    }
  })

  test.each(['sha256:baddigeststring', 'sha256:totallywrong', `md5:${'a'.repeat(32)}`])(
    'the digest %s is 400 (end-3)',
    async (digest) => {
      await expectError(await registry.request('GET', `/v2/a/manifests/${digest}`), 400, 'DIGEST_INVALID')
    },
  )
})
