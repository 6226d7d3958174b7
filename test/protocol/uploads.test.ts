import { expect, test } from 'bun:test'
import { contentHeaders, expectError, header } from '../support/answers.ts'
import { sha512 } from '../support/images.ts'
import { onEachDriver } from '../support/registry.ts'
import { EMPTY, expectBlob, newContent, part, repositoryOf, startUpload } from '../support/uploads.ts'

onEachDriver('starting an upload', (registry) => {
  test('POST is 202 with a Location that is a path without a query and holds the id (end-4a)', async () => {
    const repository = registry.newRepository()

    const response = await registry.request('POST', `/v2/${repository}/blobs/uploads/`)

    const uploadId = header(response, 'docker-upload-uuid') ?? ''
    expect(response.status).toBe(202)
    expect(uploadId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/)
    expect(header(response, 'location')).toBe(`/v2/${repository}/blobs/uploads/${uploadId}`)
    expect(header(response, 'range')).toBe('0-0')
    expect(header(response, 'content-length')).toBe('0')
    expect(header(response, 'oci-chunk-min-length')).toBeNull()
  })

  test('each POST opens a session of its own (end-4a)', async () => {
    const repository = registry.newRepository()

    expect(await startUpload(registry, repository)).not.toBe(await startUpload(registry, repository))
  })

  test('POST without the slash at the end is answered the same, body and all (end-4a, end-4b)', async () => {
    const repository = registry.newRepository()
    const content = newContent()

    expect((await registry.request('POST', `/v2/${repository}/blobs/uploads`)).status).toBe(202)
    const pushed = await registry.request('POST', `/v2/${repository}/blobs/uploads?digest=${content.digest}`, {
      body: content.bytes.slice(),
    })
    expect(pushed.status).toBe(201)
    await expectBlob(registry, repository, content)
  })

  test('POST with the JSON type that go-containerregistry sends and no body is 202 (end-4a)', async () => {
    const headers = { 'Content-Type': 'application/json' }

    expect((await registry.request('POST', `/v2/${registry.newRepository()}/blobs/uploads/`, { headers })).status).toBe(202)
  })

  test('POST with an algorithm opens a session for it, and refuses one that is not supported (end-4c)', async () => {
    const content = newContent()
    const digest = sha512(content.bytes)

    const location = await startUpload(registry, undefined, '?digest-algorithm=sha512')
    const closed = await registry.client.closeUpload(location, digest, content.bytes)

    expect(closed.status).toBe(201)
    expect(header(closed, 'docker-content-digest')).toBe(digest)
    await expectBlob(registry, repositoryOf(location), { ...content, digest })
    const refused = await registry.request('POST', `/v2/${registry.newRepository()}/blobs/uploads/?digest-algorithm=md5`)
    await expectError(refused, 400, 'DIGEST_INVALID')
  })
})

onEachDriver('the status of an upload', (registry) => {
  test('GET is 204 with the Location and the end of what is there, and HEAD is the same (end-13)', async () => {
    const content = newContent()
    const location = await startUpload(registry)

    const before = await registry.request('GET', location)
    await registry.request('PATCH', location, part(content, 0, 1000))
    const after = await registry.request('GET', location)

    expect(before.status).toBe(204)
    expect(header(before, 'range')).toBe('0-0')
    expect(after.status).toBe(204)
    expect(header(after, 'location')).toBe(location)
    expect(header(after, 'range')).toBe('0-999')
    expect(header(after, 'docker-upload-uuid')).toBe(location.split('/').at(-1) ?? '')
    expect(contentHeaders(await registry.request('HEAD', location))).toEqual(contentHeaders(after))
  })

  test('GET takes no notice of a digest that is left over from a PUT (end-13)', async () => {
    const location = await startUpload(registry)

    expect((await registry.request('GET', `${location}?digest=${EMPTY.digest}`)).status).toBe(204)
  })

  test.each([
    ['PATCH', ''],
    ['PUT', `?digest=${EMPTY.digest}`],
    ['GET', ''],
    ['DELETE', ''],
  ])(
    '%s of a session that is not there, or of another repository, is 404 (end-5, end-6, end-13, end-14)',
    async (method, query) => {
      const uploadId = (await startUpload(registry)).split('/').at(-1)
      const paths = [
        `/v2/a/blobs/uploads/${crypto.randomUUID()}`,
        `/v2/another/blobs/uploads/${uploadId}`,
        '/v2/a/blobs/uploads/%20',
      ]

      for (const path of paths) await expectError(await registry.request(method, path + query), 404, 'BLOB_UPLOAD_UNKNOWN')
    },
  )
})

onEachDriver('cancelling an upload', (registry) => {
  test('DELETE is 204, and the session is gone (end-14)', async () => {
    const content = newContent()
    const location = await startUpload(registry)
    await registry.request('PATCH', location, part(content, 0, 1000))

    const cancelled = await registry.request('DELETE', location)

    expect(cancelled.status).toBe(204)
    expect(await cancelled.text()).toBe('')
    await expectError(await registry.request('GET', location), 404, 'BLOB_UPLOAD_UNKNOWN')
    await expectError(await registry.request('PATCH', location, part(content, 1000, 2000)), 404, 'BLOB_UPLOAD_UNKNOWN')
    await expectError(await registry.request('DELETE', location), 404, 'BLOB_UPLOAD_UNKNOWN')
  })

  test('a session that was closed cannot be used again (end-5, end-6)', async () => {
    const content = newContent()
    const location = await startUpload(registry)
    await registry.client.closeUpload(location, content.digest, content.bytes)

    await expectError(await registry.request('PATCH', location, part(content, 0, 1000)), 404, 'BLOB_UPLOAD_UNKNOWN')
    await expectError(await registry.client.closeUpload(location, content.digest), 404, 'BLOB_UPLOAD_UNKNOWN')
  })
})

onEachDriver(
  'uploads that were given up',
  (registry) => {
    test('end by themselves (end-13)', async () => {
      const location = await startUpload(registry)
      const deadline = performance.now() + 10_000

      let status = 204
      while (status === 204 && performance.now() < deadline) status = (await registry.request('GET', location)).status

      expect(status).toBe(404)
    }, 120_000)
  },
  { uploadPurging: { ageMs: 0, intervalMs: 20 } },
)
