import { describe, expect, test } from 'bun:test'
import { contentHeaders, expectError, header } from '../support/answers.ts'
import { type Content, contentOf, sha256, sha512 } from '../support/images.ts'
import { onEachDriver, type TestRegistry } from '../support/registry.ts'

/** Bytes that differ from their neighbours, so that a part from the wrong place shows. */
function bytesOf(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, position) => (position * 7 + (position >> 8)) % 256)
}

const BLOB = contentOf('application/octet-stream', bytesOf(4000))
const EMPTY = contentOf('application/octet-stream', new Uint8Array())
const EMPTY_JSON = contentOf('application/vnd.oci.empty.v1+json', Buffer.from('{}'))
const SHA512_BLOB = { ...BLOB, digest: sha512(BLOB.bytes) }

async function pushed(registry: TestRegistry, blob: Content = BLOB): Promise<string> {
  const repository = registry.newRepository()
  await registry.pushBlob(repository, blob)
  return `/v2/${repository}/blobs/${blob.digest}`
}

onEachDriver('pulling blobs', (registry) => {
  test('GET gives the bytes with their digest, length, type and validator (end-2)', async () => {
    const response = await registry.request('GET', await pushed(registry))

    expect(response.status).toBe(200)
    expect(contentHeaders(response)).toEqual({
      'accept-ranges': 'bytes',
      'cache-control': 'max-age=31536000',
      'content-disposition': 'attachment',
      'content-length': '4000',
      'content-type': 'application/octet-stream',
      'docker-content-digest': BLOB.digest,
      'docker-distribution-api-version': 'registry/2.0',
      etag: `"${BLOB.digest}"`,
    })
    expect(await response.bytes()).toEqual(BLOB.bytes)
  })

  test('HEAD has the status and the headers of GET and no body (end-2)', async () => {
    const path = await pushed(registry)

    const head = await registry.request('HEAD', path)

    expect(head.status).toBe(200)
    expect(contentHeaders(head)).toEqual(contentHeaders(await registry.request('GET', path)))
    expect((await head.bytes()).length).toBe(0)
  })

  test.each([
    ['the empty blob', EMPTY],
    ['the blob {}', EMPTY_JSON],
    ['a blob under its sha512', SHA512_BLOB],
  ])('%s is pulled like any other (end-2)', async (_, blob) => {
    const path = await pushed(registry, blob)

    const response = await registry.request('GET', path)
    const head = await registry.request('HEAD', path)

    expect(response.status).toBe(200)
    expect(header(response, 'docker-content-digest')).toBe(blob.digest)
    expect(contentHeaders(head)).toEqual(contentHeaders(response))
    expect(header(head, 'content-length')).toBe(String(blob.bytes.length))
    expect(await response.bytes()).toEqual(new Uint8Array(blob.bytes))
  })

  test('a blob of several megabytes arrives whole (end-2)', async () => {
    const blob = contentOf('application/octet-stream', bytesOf(5_000_000))

    const response = await registry.request('GET', await pushed(registry, blob))

    expect(header(response, 'content-length')).toBe('5000000')
    expect(sha256(await response.bytes())).toBe(blob.digest)
  })

  test('a blob that the repository does not have is 404, to GET and to HEAD (end-2)', async () => {
    const repository = registry.newRepository()
    await registry.pushBlob(repository, EMPTY_JSON)
    const path = `/v2/${repository}/blobs/${sha256(Buffer.from('never pushed'))}`

    await expectError(await registry.request('GET', path), 404, 'BLOB_UNKNOWN')
    const head = await registry.request('HEAD', path)
    expect(head.status).toBe(404)
    expect(await head.text()).toBe('')
  })

  test('a blob of another repository is 404, and so is any in a repository that is not there (end-2)', async () => {
    await pushed(registry)

    await expectError(await registry.request('GET', `/v2/some/where/else/blobs/${BLOB.digest}`), 404, 'BLOB_UNKNOWN')
  })

  test.each(['sha256:abc', `sha256:${'A'.repeat(64)}`, `md5:${'a'.repeat(32)}`, 'latest', `sha512:${'a'.repeat(64)}`])(
    'the digest %s is 400 (end-2)',
    async (digest) => {
      await expectError(await registry.request('GET', `/v2/a/blobs/${digest}`), 400, 'DIGEST_INVALID')
      expect((await registry.request('HEAD', `/v2/a/blobs/${digest}`)).status).toBe(400)
    },
  )
})

onEachDriver('blobs that a client has already', (registry) => {
  test.each([
    ['the ETag', `"${BLOB.digest}"`],
    ['a weak one', `W/"${BLOB.digest}"`],
    ['a list', `"x", "${BLOB.digest}"`],
    ['*', '*'],
  ])('If-None-Match with %s is 304 with the validators and no body (end-2)', async (_, ifNoneMatch) => {
    const path = await pushed(registry)

    for (const method of ['GET', 'HEAD']) {
      const response = await registry.request(method, path, { headers: { 'If-None-Match': ifNoneMatch, Range: 'bytes=0-9' } })
      expect(response.status).toBe(304)
      expect(header(response, 'etag')).toBe(`"${BLOB.digest}"`)
      expect(header(response, 'docker-content-digest')).toBe(BLOB.digest)
      expect(header(response, 'cache-control')).toBe('max-age=31536000')
      expect((await response.bytes()).length).toBe(0)
    }
  })

  test('If-None-Match with another ETag gives the blob (end-2)', async () => {
    const response = await registry.request('GET', await pushed(registry), { headers: { 'If-None-Match': '"other"' } })

    expect(response.status).toBe(200)
  })

  test('If-None-Match does not make a blob that is not there look unchanged (end-2)', async () => {
    const path = `/v2/${registry.newRepository()}/blobs/${BLOB.digest}`

    for (const ifNoneMatch of ['*', `"${BLOB.digest}"`]) {
      const response = await registry.request('GET', path, { headers: { 'If-None-Match': ifNoneMatch } })
      await expectError(response, 404, 'BLOB_UNKNOWN')
    }
  })
})

describe('names that hold the words of the API', () => {
  onEachDriver('blobs', (registry) => {
    test.each(['blobs', 'a/blobs/uploads', 'manifests/tags/list', 'v2/referrers'])(
      '%s is a repository (end-2, end-4b)',
      async (name) => {
        const response = await registry.request('POST', `/v2/${name}/blobs/uploads/?digest=${BLOB.digest}`, {
          body: BLOB.bytes.slice(),
        })

        expect(header(response, 'location')).toBe(`/v2/${name}/blobs/${BLOB.digest}`)
        expect((await registry.request('GET', `/v2/${name}/blobs/${BLOB.digest}`)).status).toBe(200)
      },
    )
  })
})
