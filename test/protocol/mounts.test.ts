import { expect, test } from 'bun:test'
import { header } from '../support/answers.ts'
import { type Content, contentOf, sha256, sha512 } from '../support/images.ts'
import { onEachDriver, type TestRegistry } from '../support/registry.ts'

let contents = 0
function newContent(): Content {
  contents += 1
  return contentOf('application/octet-stream', Buffer.from(`content ${contents}`))
}

async function mount(registry: TestRegistry, repository: string, query: string): Promise<Response> {
  return await registry.request('POST', `/v2/${repository}/blobs/uploads/?${query}`)
}

/** Whatever kept the mount from being done, the client uploads, and that works. */
async function expectUpload(registry: TestRegistry, response: Response, { digest, bytes }: Content): Promise<void> {
  expect(response.status).toBe(202)
  expect(header(response, 'range')).toBe('0-0')
  expect((await registry.client.closeUpload(header(response, 'location') ?? '', digest, bytes)).status).toBe(201)
}

onEachDriver('mounting blobs', (registry) => {
  test('a blob of another repository is 201 with a Location that can be pulled (end-11)', async () => {
    const [from, to] = [registry.newRepository(), registry.newRepository()]
    const content = newContent()
    await registry.pushBlob(from, content)

    const response = await mount(registry, to, `mount=${content.digest}&from=${from}`)

    expect(response.status).toBe(201)
    expect(header(response, 'location')).toBe(`/v2/${to}/blobs/${content.digest}`)
    expect(header(response, 'docker-content-digest')).toBe(content.digest)
    expect(header(response, 'content-length')).toBe('0')
    expect(await (await registry.request('GET', header(response, 'location') ?? '')).bytes()).toEqual(
      new Uint8Array(content.bytes),
    )
  })

  test('without from, the blob is looked for in every repository (end-11)', async () => {
    const content = newContent()
    await registry.pushBlob(registry.newRepository(), content)
    const to = registry.newRepository()

    const response = await mount(registry, to, `mount=${content.digest}`)

    expect(response.status).toBe(201)
    expect((await registry.client.headBlob(to, content.digest)).status).toBe(200)
  })

  test('a blob under its sha512 is mounted under it (end-11)', async () => {
    const [from, to] = [registry.newRepository(), registry.newRepository()]
    const content = newContent()
    const blob = { ...content, digest: sha512(content.bytes) }
    await registry.pushBlob(from, blob)

    const response = await mount(registry, to, `mount=${blob.digest}&from=${from}`)

    expect(response.status).toBe(201)
    expect(header(response, 'docker-content-digest')).toBe(blob.digest)
  })

  test('a mount into the repository that has the blob already is 201 (end-11)', async () => {
    const repository = registry.newRepository()
    const content = newContent()
    await registry.pushBlob(repository, content)

    expect((await mount(registry, repository, `mount=${content.digest}&from=${repository}`)).status).toBe(201)
  })

  test('keys of single clients and their JSON type make no difference (end-11)', async () => {
    const [from, to] = [registry.newRepository(), registry.newRepository()]
    const content = newContent()
    await registry.pushBlob(from, content)

    const path = `/v2/${to}/blobs/uploads/?mount=${content.digest}&from=${from}&origin=gcr.io`
    const response = await registry.request('POST', path, { headers: { 'Content-Type': 'application/json' } })

    expect(response.status).toBe(201)
  })

  test.each([
    ['a repository that does not have it', 'nobody/has/this'],
    ['a repository that cannot be one', 'NOT/A/NAME'],
  ])('from %s is 202, and the blob can be uploaded (end-11, end-4a)', async (_, from) => {
    const content = newContent()
    await registry.pushBlob(registry.newRepository(), content)

    await expectUpload(registry, await mount(registry, registry.newRepository(), `mount=${content.digest}&from=${from}`), content)
  })

  test('from the wrong repository is 202, although another one has the blob (end-11)', async () => {
    const [has, hasNot, to] = [registry.newRepository(), registry.newRepository(), registry.newRepository()]
    const content = newContent()
    await registry.pushBlob(has, content)
    await registry.pushBlob(hasNot, newContent())

    await expectUpload(registry, await mount(registry, to, `mount=${content.digest}&from=${hasNot}`), content)
  })

  test.each(['sha256:abc', `md5:${'a'.repeat(32)}`, 'latest', ''])(
    'mount=%s is 202: a push must not end here (end-11)',
    async (digest) => {
      await expectUpload(registry, await mount(registry, registry.newRepository(), `mount=${digest}&from=a`), newContent())
    },
  )

  test('a blob that nobody has is 202 without from as well (end-11)', async () => {
    const content = newContent()

    await expectUpload(registry, await mount(registry, registry.newRepository(), `mount=${content.digest}`), content)
  })

  test('a sha512 that cannot be mounted can be uploaded (end-11, end-6)', async () => {
    const content = newContent()
    const blob = { ...content, digest: sha512(content.bytes) }

    await expectUpload(registry, await mount(registry, registry.newRepository(), `mount=${blob.digest}&from=a`), blob)
  })

  test('what was mounted stays when its source is deleted, and is no longer mounted from there (end-10, end-11)', async () => {
    const [from, to, third] = [registry.newRepository(), registry.newRepository(), registry.newRepository()]
    const content = newContent()
    await registry.pushBlob(from, content)
    await mount(registry, to, `mount=${content.digest}&from=${from}`)

    expect((await registry.client.deleteBlob(from, content.digest)).status).toBe(202)

    expect((await registry.client.headBlob(to, content.digest)).status).toBe(200)
    expect((await mount(registry, third, `mount=${content.digest}&from=${from}`)).status).toBe(202)
    expect((await mount(registry, third, `mount=${content.digest}&from=${to}`)).status).toBe(201)
  })

  test('a mount that fails may bring the bytes itself (end-11, end-4b)', async () => {
    const repository = registry.newRepository()
    const content = newContent()

    const path = `/v2/${repository}/blobs/uploads/?mount=${sha256(Buffer.from('no'))}&from=a&digest=${content.digest}`
    const response = await registry.request('POST', path, { body: content.bytes.slice() })

    expect(response.status).toBe(201)
    expect(header(response, 'docker-content-digest')).toBe(content.digest)
  })
})
