import { expect, test } from 'bun:test'
import { expectError, header } from '../support/answers.ts'
import { type HangUp, parseRaw, requestHead, sendRaw } from '../support/raw-http.ts'
import { onEachDriver } from '../support/registry.ts'
import { storeUnderTest } from '../support/registry-under-test.ts'
import { expectBlob, expectNoBlob, NOT_A_DIGEST, newContent, part, repositoryOf, startUpload } from '../support/uploads.ts'

onEachDriver('digests that are wrong', (registry) => {
  test('a PUT whose bytes have another digest is 400, the blob is not there, and the session has ended (end-6)', async () => {
    const [content, other] = [newContent(), newContent()]
    const location = await startUpload(registry)

    await expectError(await registry.client.closeUpload(location, other.digest, content.bytes), 400, 'DIGEST_INVALID')

    await expectError(await registry.request('GET', location), 404, 'BLOB_UPLOAD_UNKNOWN')

    await expectNoBlob(registry, repositoryOf(location), other.digest)
    await expectNoBlob(registry, repositoryOf(location), content.digest)
  })

  test('chunks that have another digest are 400, and the blob is not there (end-5, end-6)', async () => {
    const [content, other] = [newContent(), newContent()]
    const location = await startUpload(registry)
    await registry.request('PATCH', location, part(content, 0, 3000))

    await expectError(await registry.client.closeUpload(location, other.digest), 400, 'DIGEST_INVALID')

    await expectNoBlob(registry, repositoryOf(location), other.digest)
  })

  test('a POST whose bytes have another digest is 400, and the blob is not there (end-4b)', async () => {
    const [content, other] = [newContent(), newContent()]
    const repository = registry.newRepository()

    const response = await registry.request('POST', `/v2/${repository}/blobs/uploads/?digest=${other.digest}`, {
      body: content.bytes.slice(),
    })

    await expectError(response, 400, 'DIGEST_INVALID')
    await expectNoBlob(registry, repository, other.digest)
  })

  test.each([NOT_A_DIGEST, `md5:${'a'.repeat(32)}`, `sha256:${'G'.repeat(64)}`, '', 'sha256'])(
    'the digest %p is 400, and the session goes on (end-4b, end-6)',
    async (digest) => {
      const content = newContent()
      const location = await startUpload(registry)

      await expectError(await registry.client.closeUpload(location, digest, content.bytes), 400, 'DIGEST_INVALID')
      const post = `/v2/${registry.newRepository()}/blobs/uploads/?digest=${digest}`
      await expectError(await registry.request('POST', post, { body: content.bytes.slice() }), 400, 'DIGEST_INVALID')

      expect((await registry.client.closeUpload(location, content.digest, content.bytes)).status).toBe(201)
    },
  )

  test('a PUT without a digest is 400 and says what is missing (end-6)', async () => {
    const error = await expectError(await registry.request('PUT', await startUpload(registry)), 400, 'DIGEST_INVALID')

    expect(error.message).toContain('missing')
  })
})

onEachDriver('clients that go away', (registry) => {
  /** Sends the first `bytes` of a body of `length` and goes away; resolves when the server is done with it. */
  async function sendPart(
    method: string,
    path: string,
    bytes: Uint8Array,
    length: number | undefined,
    hangUp: HangUp,
  ): Promise<void> {
    const framing = length === undefined ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`
    const body = length === undefined ? Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes]) : bytes
    await sendRaw(registry.directUrl, Buffer.concat([Buffer.from(requestHead(method, path, [framing])), body]), hangUp)
    await registry.log.line(({ fields }) => fields.status === 499 && fields.path === path)
  }

  test.each([
    ['with a length', 3000, 'fin'],
    ['with a length, by a reset', 3000, 'reset'],
    ['in chunks', undefined, 'fin'],
  ] as const)(
    'a PATCH that breaks off %s is no chunk, and the upload goes on from what the status says (end-5, end-13)',
    async (_, length, hangUp) => {
      const content = newContent()
      const location = await startUpload(registry)

      await sendPart('PATCH', location, content.bytes.slice(0, 1200), length, hangUp)

      const [, last] = /^0-(\d+)$/.exec(header(await registry.request('GET', location), 'range') ?? '') ?? []
      const offset = last === '0' ? 0 : Number(last) + 1
      expect(offset).toBeLessThanOrEqual(1200)
      expect((await registry.request('PATCH', location, part(content, offset, 3000))).status).toBe(202)
      expect((await registry.client.closeUpload(location, content.digest)).status).toBe(201)
      await expectBlob(registry, repositoryOf(location), content)
    },
  )

  test('a PUT that breaks off makes no blob, and a new upload of it works (end-6)', async () => {
    const content = newContent()
    const location = await startUpload(registry)

    await sendPart('PUT', `${location}?digest=${content.digest}`, content.bytes.slice(0, 2999), 3000, 'fin')

    await expectNoBlob(registry, repositoryOf(location), content.digest)
    await registry.pushBlob(repositoryOf(location), content)
    await expectBlob(registry, repositoryOf(location), content)
  })

  test('a PUT that breaks off exactly where the digest would be right makes no blob (end-6)', async () => {
    const content = newContent()
    const location = await startUpload(registry)

    await sendPart('PUT', `${location}?digest=${content.digest}`, content.bytes, 4000, 'fin')

    await expectNoBlob(registry, repositoryOf(location), content.digest)
  })

  test('a POST with the bytes that breaks off makes no blob (end-4b)', async () => {
    const content = newContent()
    const repository = registry.newRepository()

    await sendPart('POST', `/v2/${repository}/blobs/uploads/?digest=${content.digest}`, content.bytes.slice(0, 100), 3000, 'fin')

    await expectNoBlob(registry, repository, content.digest)
  })

  test('Content-Length that disagrees with the body does not end well for anybody but the client (end-6)', async () => {
    const content = newContent()
    const location = await startUpload(registry)
    const head = requestHead('PUT', `${location}?digest=${content.digest}`, ['Content-Length: 1000'])

    const answer = parseRaw(await sendRaw(registry.url, Buffer.concat([Buffer.from(head), content.bytes])))

    expect(answer.status).toBe(400)
    // What comes after the declared length is no request. The server for streams says so before the handler has its say.
    if (storeUnderTest === undefined) expect(answer.body).toContain('DIGEST_INVALID')
    await expectNoBlob(registry, repositoryOf(location), content.digest)
  })

  test('a client that waits for 100 Continue gets it (end-6)', async () => {
    const content = newContent()
    const location = await startUpload(registry)
    const head = requestHead('PUT', `${location}?digest=${content.digest}`, ['Content-Length: 3000', 'Expect: 100-continue'])

    const text = await sendRaw(registry.url, Buffer.concat([Buffer.from(head), content.bytes]))

    expect(text).toStartWith('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 ')
  })

  test('an answer that comes before the body is read reaches the client (end-5)', async () => {
    const response = await registry.request('PATCH', '/v2/a/blobs/uploads/none', { body: new Uint8Array(20_000_000) })

    await expectError(response, 404, 'BLOB_UPLOAD_UNKNOWN')
  })
})
