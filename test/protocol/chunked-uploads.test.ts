import { expect, test } from 'bun:test'
import { expectError, header } from '../support/answers.ts'
import { sha512 } from '../support/images.ts'
import { onEachDriver } from '../support/registry.ts'
import { expectBlob, expectNoBlob, newContent, part, repositoryOf, startUpload, streamOf } from '../support/uploads.ts'

onEachDriver('pushing a blob in chunks', (registry) => {
  test('each PATCH is 202 with the Location and the end of what is there, and the PUT closes it (end-5, end-6)', async () => {
    const content = newContent()
    const location = await startUpload(registry)

    const first = await registry.request('PATCH', location, part(content, 0, 1000))
    const second = await registry.request('PATCH', header(first, 'location') ?? '', part(content, 1000, 3000))
    const closed = await registry.client.closeUpload(header(second, 'location') ?? '', content.digest)

    expect(first.status).toBe(202)
    expect(header(first, 'location')).toBe(location)
    expect(header(first, 'range')).toBe('0-999')
    expect(header(first, 'content-length')).toBe('0')
    expect(header(first, 'docker-upload-uuid')).toBe(location.split('/').at(-1) ?? '')
    expect(header(second, 'range')).toBe('0-2999')
    expect(closed.status).toBe(201)
    expect(header(closed, 'location')).toBe(`/v2/${repositoryOf(location)}/blobs/${content.digest}`)
    await expectBlob(registry, repositoryOf(location), content)
  })

  test('a PATCH needs neither length nor range: Docker streams it (end-5)', async () => {
    const content = newContent(300_000)
    const location = await startUpload(registry)

    const patched = await registry.request('PATCH', location, { body: streamOf(content.bytes) })

    expect(patched.status).toBe(202)
    expect(header(patched, 'range')).toBe('0-299999')
    expect((await registry.client.closeUpload(location, content.digest)).status).toBe(201)
    await expectBlob(registry, repositoryOf(location), content)
  })

  test('a PATCH or PUT without bytes ignores its range, whatever that says (end-5, end-6)', async () => {
    const content = newContent(1000)
    for (const range of ['0-0', '1000-1000', '1000-999', '5-9', '4-0', 'x']) {
      const location = await startUpload(registry)
      await registry.client.appendUpload(location, content.bytes)
      const empty = { headers: { 'Content-Length': '0', 'Content-Range': range } }

      const patched = await registry.request('PATCH', location, empty)
      const closed = await registry.request('PUT', `${location}?digest=${content.digest}`, empty)

      expect([range, patched.status, header(patched, 'range'), closed.status]).toEqual([range, 202, '0-999', 201])
    }
  })

  test('chunks without a range are put one after the other (end-5)', async () => {
    const content = newContent()
    const location = await startUpload(registry)

    for (const [from, to] of [
      [0, 1],
      [1, 2000],
      [2000, 3000],
    ])
      await registry.client.appendUpload(location, content.bytes.slice(from, to))

    expect((await registry.client.closeUpload(location, content.digest)).status).toBe(201)
    await expectBlob(registry, repositoryOf(location), content)
  })

  test('the last chunk may come with the PUT, with its range or without (end-6)', async () => {
    for (const withRange of [true, false]) {
      const content = newContent()
      const location = await startUpload(registry)
      await registry.request('PATCH', location, part(content, 0, 2000))
      const last = part(content, 2000, 3000)

      const closed = await registry.request('PUT', `${location}?digest=${content.digest}`, withRange ? last : { body: last.body })

      expect(closed.status).toBe(201)
      await expectBlob(registry, repositoryOf(location), content)
    }
  })

  test('a sha512 is right for chunks, whatever the POST said about it (end-4c, end-5, end-6)', async () => {
    for (const query of ['', '?digest-algorithm=sha512']) {
      const content = newContent()
      const location = await startUpload(registry, undefined, query)
      await registry.request('PATCH', location, part(content, 0, 2000))
      await registry.request('PATCH', location, part(content, 2000, 3000))

      const closed = await registry.client.closeUpload(location, sha512(content.bytes))

      expect(closed.status).toBe(201)
      await expectBlob(registry, repositoryOf(location), { ...content, digest: sha512(content.bytes) })
    }
  })

  test.each(['bytes 0-999/3000', 'bytes 0-999/*', 'bytes=0-999'])(
    'Content-Range: %s is understood as well (end-5)',
    async (range) => {
      const content = newContent()
      const location = await startUpload(registry)

      const response = await registry.request('PATCH', location, {
        body: content.bytes.slice(0, 1000),
        headers: { 'Content-Range': range },
      })

      expect(response.status).toBe(202)
      expect(header(response, 'range')).toBe('0-999')
    },
  )

  test.each([
    ['a chunk too far on', 2000, 3000],
    ['a chunk that is there already', 0, 1000],
    ['a chunk that overlaps', 500, 1500],
  ])('%s is 416 with the way on, and the session goes on from there (end-5)', async (_, from, to) => {
    const content = newContent()
    const location = await startUpload(registry)
    await registry.request('PATCH', location, part(content, 0, 1000))

    const refused = await registry.request('PATCH', location, part(content, from, to))

    await expectError(refused, 416, 'RANGE_INVALID')
    expect(header(refused, 'location')).toBe(location)
    expect(header(refused, 'range')).toBe('0-999')
    expect((await registry.request('PATCH', location, part(content, 1000, 3000))).status).toBe(202)
    expect((await registry.client.closeUpload(location, content.digest)).status).toBe(201)
    await expectBlob(registry, repositoryOf(location), content)
  })

  test('a first chunk that does not begin at 0 is 416 (end-5)', async () => {
    const location = await startUpload(registry)

    await expectError(await registry.request('PATCH', location, part(newContent(), 1, 10)), 416, 'RANGE_INVALID')
  })

  test('a last chunk out of order in the PUT is 416, and the session goes on (end-6)', async () => {
    const content = newContent()
    const location = await startUpload(registry)
    await registry.request('PATCH', location, part(content, 0, 1000))

    const refused = await registry.request('PUT', `${location}?digest=${content.digest}`, part(content, 2000, 3000))

    await expectError(refused, 416, 'RANGE_INVALID')
    expect(header(refused, 'range')).toBe('0-999')
    await expectNoBlob(registry, repositoryOf(location), content.digest)
    const closed = await registry.request('PUT', `${location}?digest=${content.digest}`, part(content, 1000, 3000))
    expect(closed.status).toBe(201)
  })

  test('an empty Content-Range is none (end-5)', async () => {
    const content = newContent()
    const location = await startUpload(registry)

    const chunk = { body: content.bytes.slice(0, 10), headers: { 'Content-Range': '' } }

    expect(header(await registry.request('PATCH', location, chunk), 'range')).toBe('0-9')
  })

  test('a chunk whose length is not that of its range is 400 and changes nothing (end-5)', async () => {
    const content = newContent()
    const location = await startUpload(registry)

    for (const range of ['0-998', '0-1000', 'x', '5']) {
      const chunk = { body: content.bytes.slice(0, 1000), headers: { 'Content-Range': range } }
      await expectError(await registry.request('PATCH', location, chunk), 400, 'SIZE_INVALID')
    }
    await expectError(
      await registry.request('PATCH', location, { body: content.bytes.slice(0, 10), headers: { 'Content-Range': '9-0' } }),
      416,
      'RANGE_INVALID',
    )
    expect(header(await registry.request('GET', location), 'range')).toBe('0-0')
  })

  test('a streamed chunk with fewer bytes than its range is 400 (end-5)', async () => {
    const content = newContent()
    const location = await startUpload(registry)

    const response = await registry.request('PATCH', location, {
      body: streamOf(content.bytes.slice(0, 500)),
      headers: { 'Content-Range': '0-999' },
    })

    await expectError(response, 400, 'SIZE_INVALID')
  })
})
