import { describe, expect, test } from 'bun:test'
import { expectError, header } from '../support/answers.ts'
import {
  artifact,
  DOCKER_IMAGE,
  DOCKER_LIST,
  EMPTY_CONFIG,
  MISSING,
  OCI_IMAGE,
  OCI_INDEX,
  putManifest,
  repositoryWithConfig,
} from '../support/artifacts.ts'
import { makeImage, makeImageIndex, sha256, sha512 } from '../support/images.ts'
import { parseRaw, requestHead, sendRaw } from '../support/raw-http.ts'
import { onEachDriver } from '../support/registry.ts'

const image = makeImage('manifests')
const arm = makeImage('manifests', { architecture: 'arm64' })

onEachDriver('pushing manifests', (registry) => {
  test('PUT by tag is 201 with the digest and a Location that can be pulled (end-7a)', async () => {
    const repository = registry.newRepository()

    const response = await registry.pushImage(repository, image, 'latest')

    expect(header(response, 'location')).toBe(`/v2/${repository}/manifests/${image.manifest.digest}`)
    expect(header(response, 'docker-content-digest')).toBe(image.manifest.digest)
    expect(header(response, 'content-length')).toBe('0')
    expect(header(response, 'oci-subject')).toBeNull()
    expect(await (await registry.request('GET', header(response, 'location') ?? '')).bytes()).toEqual(image.manifest.bytes)
  })

  test('PUT by digest makes the manifest pullable, and no tag (end-7a)', async () => {
    const repository = registry.newRepository()

    const response = await registry.pushImage(repository, image)

    expect(header(response, 'location')).toBe(`/v2/${repository}/manifests/${image.manifest.digest}`)
    expect(await (await registry.request('GET', `/v2/${repository}/tags/list`)).json()).toEqual({ name: repository, tags: [] })
  })

  test('the bytes are kept exactly as they came, whatever their layout and fields (end-7a)', async () => {
    const repository = await repositoryWithConfig(registry)
    const text = `\n{ "layers":[], "x-custom" : {"b":1,"a":[1.0,2e3,"\\u00e9é"]},\t"schemaVersion": 2,\r\n
      "config": {"size":2,"mediaType":"application/vnd.oci.empty.v1+json","digest":"${EMPTY_CONFIG.digest}","data":"e30="},
      "mediaType":"${OCI_IMAGE}" } \n`

    const response = await putManifest(registry, `/v2/${repository}/manifests/odd`, text, OCI_IMAGE)

    expect(response.status).toBe(201)
    expect(header(response, 'docker-content-digest')).toBe(sha256(Buffer.from(text)))
    const pulled = await registry.request('GET', `/v2/${repository}/manifests/odd`)
    expect(await pulled.text()).toBe(text)
    expect(header(pulled, 'content-length')).toBe(String(Buffer.byteLength(text)))
  })

  test.each([
    ['OCI image', OCI_IMAGE, image],
    ['OCI image index', OCI_INDEX, makeImageIndex([image, arm])],
    ['Docker image', DOCKER_IMAGE, makeImage('manifests', { format: 'docker' })],
    ['Docker manifest list', DOCKER_LIST, makeImageIndex([makeImage('manifests', { format: 'docker' })], 'docker')],
  ])('%s comes back with the Content-Type that it was pushed with (end-3, end-7a)', async (_, mediaType, pushed) => {
    const repository = registry.newRepository()

    await registry.pushImage(repository, pushed, 'v1')

    expect(header(await registry.request('GET', `/v2/${repository}/manifests/v1`), 'content-type')).toBe(mediaType)
  })

  test.each([`${OCI_IMAGE}; charset=utf-8`, `${OCI_IMAGE.toUpperCase()} ;a="b,c"`, ` ${OCI_IMAGE} `])(
    'of Content-Type %p only the type counts (end-7a)',
    async (contentType) => {
      const repository = await repositoryWithConfig(registry)

      expect((await putManifest(registry, `/v2/${repository}/manifests/v1`, artifact().bytes, contentType)).status).toBe(201)
      expect(header(await registry.request('HEAD', `/v2/${repository}/manifests/v1`), 'content-type')).toBe(OCI_IMAGE)
    },
  )

  test('without a Content-Type the manifest says itself what it is (end-7a)', async () => {
    const repository = await repositoryWithConfig(registry)

    expect((await putManifest(registry, `/v2/${repository}/manifests/v1`, artifact().bytes, undefined)).status).toBe(201)
  })

  test('two Content-Types are 400 (end-7a)', async () => {
    const repository = await repositoryWithConfig(registry)
    const headers = ['Content-Type: application/json', `Content-Type: ${OCI_IMAGE}`, `Content-Length: ${artifact().bytes.length}`]
    const head = requestHead('PUT', `/v2/${repository}/manifests/v1`, headers)

    const answer = parseRaw(await sendRaw(registry.url, Buffer.concat([Buffer.from(head), artifact().bytes])))

    expect(answer.status).toBe(400)
    expect(answer.body).toContain('MANIFEST_INVALID')
  })

  test('a manifest by its sha512 is kept under it (end-7a, end-3)', async () => {
    const repository = await repositoryWithConfig(registry)
    const digest = sha512(artifact().bytes)

    const response = await putManifest(registry, `/v2/${repository}/manifests/${digest}`, artifact().bytes, OCI_IMAGE)

    expect(response.status).toBe(201)
    expect(header(response, 'docker-content-digest')).toBe(digest)
    const pulled = await registry.request('GET', `/v2/${repository}/manifests/${digest}`)
    expect(pulled.status).toBe(200)
    expect(header(pulled, 'docker-content-digest')).toBe(digest)
  })

  test('a digest that is not that of the bytes is 400, and nothing is stored (end-7a)', async () => {
    const repository = await repositoryWithConfig(registry)

    for (const digest of [MISSING.digest, sha512(MISSING.bytes)]) {
      const response = await putManifest(registry, `/v2/${repository}/manifests/${digest}`, artifact().bytes, OCI_IMAGE)
      await expectError(response, 400, 'DIGEST_INVALID')
    }
    expect((await registry.client.headManifest(repository, artifact().digest)).status).toBe(404)
  })

  test.each([
    ['sha256:baddigeststring', 'DIGEST_INVALID'],
    [`md5:${'a'.repeat(32)}`, 'DIGEST_INVALID'],
    ['.dot', 'MANIFEST_INVALID'],
    ['-dash', 'MANIFEST_INVALID'],
    ['a'.repeat(129), 'MANIFEST_INVALID'],
    ['a+b', 'MANIFEST_INVALID'],
  ])('PUT to %s is 400: it is neither a tag nor a digest (end-7a)', async (reference, code) => {
    const repository = await repositoryWithConfig(registry)

    const response = await putManifest(
      registry,
      `/v2/${repository}/manifests/${encodeURIComponent(reference)}`,
      artifact().bytes,
      OCI_IMAGE,
    )

    await expectError(response, 400, code)
  })

  test.each(['a', 'A', '_', '0', 'v1.2.3-rc.1_x', 'a'.repeat(128)])('%s is a tag (end-7a, end-3)', async (tag) => {
    const repository = await repositoryWithConfig(registry)

    expect((await putManifest(registry, `/v2/${repository}/manifests/${tag}`, artifact().bytes, OCI_IMAGE)).status).toBe(201)
    expect((await registry.client.getManifest(repository, tag)).status).toBe(200)
  })

  test('a tag that is pushed again moves, and the manifest it leaves stays (end-7a)', async () => {
    const repository = registry.newRepository()
    await registry.pushImage(repository, image, 'latest')

    await registry.pushImage(repository, arm, 'latest')

    expect(header(await registry.client.headManifest(repository, 'latest'), 'docker-content-digest')).toBe(arm.manifest.digest)
    expect((await registry.client.headManifest(repository, image.manifest.digest)).status).toBe(200)
  })

  test('a manifest that is pushed again is 201 again (end-7a)', async () => {
    const repository = registry.newRepository()
    await registry.pushImage(repository, image, 'latest')

    expect((await registry.pushManifest(repository, image.manifest, 'latest')).status).toBe(201)
    expect((await registry.pushManifest(repository, image.manifest)).status).toBe(201)
  })
})

onEachDriver('several tags in one push', (registry) => {
  test('PUT by digest with tags sets them all and names them in OCI-Tag (end-7b)', async () => {
    const repository = await repositoryWithConfig(registry)
    const tags = Array.from({ length: 10 }, (_, at) => `v1.${at}`)
    const query = tags.map((tag) => `tag=${tag}`).join('&')

    const path = `/v2/${repository}/manifests/${artifact().digest}?${query}&tag=v1.0`
    const response = await putManifest(registry, path, artifact().bytes, OCI_IMAGE)

    expect(response.status).toBe(201)
    expect(header(response, 'oci-tag')).toBe(tags.join(', '))
    for (const tag of tags) {
      expect(header(await registry.client.headManifest(repository, tag), 'docker-content-digest')).toBe(artifact().digest)
    }
    expect(await (await registry.request('GET', `/v2/${repository}/tags/list`)).json()).toEqual({ name: repository, tags })
  })

  test('without tag parameters there is no OCI-Tag (end-7a)', async () => {
    const repository = await repositoryWithConfig(registry)

    expect(header(await registry.pushManifest(repository, artifact(), 'v1'), 'oci-tag')).toBeNull()
  })

  test('a parameter that cannot be a tag is 400, and none is set (end-7b)', async () => {
    const repository = await repositoryWithConfig(registry)

    for (const bad of ['.dot', '', 'sha256:a']) {
      const path = `/v2/${repository}/manifests/${artifact().digest}?tag=good&tag=${bad}`
      await expectError(await putManifest(registry, path, artifact().bytes, OCI_IMAGE), 400, 'MANIFEST_INVALID')
    }
    expect((await registry.client.headManifest(repository, 'good')).status).toBe(404)
  })

  test('a hundred tags are taken, more are 414 (end-7b)', async () => {
    const repository = await repositoryWithConfig(registry)
    const pathWith = (count: number) => {
      const query = Array.from({ length: count }, (_, at) => `tag=t${at}`).join('&')
      return `/v2/${repository}/manifests/${artifact().digest}?${query}`
    }

    await expectError(await putManifest(registry, pathWith(101), artifact().bytes, OCI_IMAGE), 414, 'MANIFEST_INVALID')
    expect((await putManifest(registry, pathWith(100), artifact().bytes, OCI_IMAGE)).status).toBe(201)
  })
})

describe('two clients', () => {
  onEachDriver('manifests', (registry) => {
    test('that push one tag at once both get 201, and the tag is one of theirs (end-7a)', async () => {
      const repository = registry.newRepository()
      await registry.pushImage(repository, image)
      await registry.pushImage(repository, arm)

      const pushes = Array.from({ length: 10 }, (_, at) =>
        registry.pushManifest(repository, (at % 2 ? image : arm).manifest, 'latest'),
      )
      for (const response of await Promise.all(pushes)) expect(response.status).toBe(201)

      const digest = header(await registry.client.headManifest(repository, 'latest'), 'docker-content-digest')
      expect([image.manifest.digest, arm.manifest.digest]).toContain(digest ?? '')
    })
  })
})
