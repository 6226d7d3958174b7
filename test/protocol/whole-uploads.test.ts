import { expect, test } from 'bun:test'
import { header } from '../support/answers.ts'
import { contentOf, sha256, sha512 } from '../support/images.ts'
import { onEachDriver } from '../support/registry.ts'
import { EMPTY, expectBlob, newContent, repositoryOf, startUpload, streamOf } from '../support/uploads.ts'

onEachDriver('pushing a blob in one piece', (registry) => {
  test('POST, then PUT with everything, is 201 with a Location that can be pulled (end-4a, end-6)', async () => {
    const content = newContent()

    const response = await registry.client.closeUpload(await startUpload(registry), content.digest, content.bytes)

    expect(response.status).toBe(201)
    expect(header(response, 'docker-content-digest')).toBe(content.digest)
    expect(header(response, 'content-length')).toBe('0')
    const location = header(response, 'location') ?? ''
    expect(location).toEndWith(`/blobs/${content.digest}`)
    expect(await (await registry.request('GET', location)).text()).toBe(Buffer.from(content.bytes).toString())
  })

  test('PUT with a body of unknown length is taken (end-6)', async () => {
    const content = newContent()
    const location = await startUpload(registry)

    const response = await registry.request('PUT', `${location}?digest=${content.digest}`, { body: streamOf(content.bytes) })

    expect(response.status).toBe(201)
    await expectBlob(registry, repositoryOf(location), content)
  })

  test.each([
    ['sha256', sha256],
    ['sha512', sha512],
  ])('a %s digest is kept as it is (end-4b, end-6)', async (_, hash) => {
    const [first, second] = [newContent(), newContent()]
    const repository = registry.newRepository()

    const closed = await registry.client.closeUpload(await startUpload(registry, repository), hash(first.bytes), first.bytes)
    const posted = await registry.request('POST', `/v2/${repository}/blobs/uploads/?digest=${hash(second.bytes)}`, {
      body: second.bytes.slice(),
    })

    expect(header(closed, 'docker-content-digest')).toBe(hash(first.bytes))
    expect(header(posted, 'docker-content-digest')).toBe(hash(second.bytes))
    await expectBlob(registry, repository, { ...first, digest: hash(first.bytes) })
    await expectBlob(registry, repository, { ...second, digest: hash(second.bytes) })
  })

  test('POST with the digest and the bytes is 201 with a Location that can be pulled (end-4b)', async () => {
    const repository = registry.newRepository()
    const content = newContent()

    const response = await registry.request('POST', `/v2/${repository}/blobs/uploads/?digest=${content.digest}`, {
      body: content.bytes.slice(),
    })

    expect(response.status).toBe(201)
    expect(header(response, 'location')).toBe(`/v2/${repository}/blobs/${content.digest}`)
    expect(header(response, 'docker-content-digest')).toBe(content.digest)
    await expectBlob(registry, repository, content)
  })

  test('POST with a digest and no bytes opens a session, unless it is the empty blob that is meant (end-4b)', async () => {
    const repository = registry.newRepository()
    const content = newContent()

    const opened = await registry.request('POST', `/v2/${repository}/blobs/uploads/?digest=${content.digest}`)
    const empty = await registry.request('POST', `/v2/${repository}/blobs/uploads/?digest=${EMPTY.digest}`)

    expect(opened.status).toBe(202)
    expect((await registry.client.closeUpload(header(opened, 'location') ?? '', content.digest, content.bytes)).status).toBe(201)
    expect(empty.status).toBe(201)
    await expectBlob(registry, repository, EMPTY)
  })

  test('the empty blob is pushed by an empty PUT, with or without an empty PATCH before (end-5, end-6)', async () => {
    const repository = registry.newRepository()
    const [plain, patched] = [await startUpload(registry, repository), await startUpload(registry, repository)]

    expect((await registry.client.closeUpload(plain, EMPTY.digest)).status).toBe(201)
    expect((await registry.request('PATCH', patched, { headers: { 'Content-Length': '0' } })).status).toBe(202)
    expect((await registry.client.closeUpload(patched, EMPTY.digest)).status).toBe(201)
    await expectBlob(registry, repository, EMPTY)
  })

  test('a body sent as a form is bytes like any other: only the query is read for parameters (end-6)', async () => {
    const content = contentOf('application/octet-stream', Buffer.from('digest=wrong&mount=wrong'))
    const location = await startUpload(registry)
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }

    const response = await registry.request('PUT', `${location}?digest=${content.digest}`, {
      headers,
      body: content.bytes.slice(),
    })

    expect(response.status).toBe(201)
    await expectBlob(registry, repositoryOf(location), content)
  })

  test('the same blob sent by several clients at once is 201 to each of them (end-4b, end-6)', async () => {
    const repository = registry.newRepository()
    const content = newContent(200_000)

    const statuses = await Promise.all(
      Array.from({ length: 6 }, async (_, client) => {
        if (client % 2 === 0)
          return (await registry.client.closeUpload(await startUpload(registry, repository), content.digest, content.bytes))
            .status
        const path = `/v2/${repository}/blobs/uploads/?digest=${content.digest}`
        return (await registry.request('POST', path, { body: content.bytes.slice() })).status
      }),
    )

    expect(statuses).toEqual([201, 201, 201, 201, 201, 201])
    await expectBlob(registry, repository, content)
  })

  test('a blob that is there already is taken again (end-6)', async () => {
    const repository = registry.newRepository()
    const content = newContent()
    await registry.pushBlob(repository, content)

    const again = await registry.client.closeUpload(await startUpload(registry, repository), content.digest, content.bytes)

    expect(again.status).toBe(201)
    await expectBlob(registry, repository, content)
  })
})
