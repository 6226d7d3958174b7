import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { ANSWERS } from '../../src/http/api/answers.ts'
import { listen } from '../../src/http/server/server.ts'
import { listenForStreams } from '../../src/http/server/stream-server.ts'
import { expectError, header } from '../support/answers.ts'
import { AppInTest } from '../support/app-in-test.ts'
import { blobsOf, type Content, contentOf, makeImage } from '../support/images.ts'
import { expectStatus, type RegistryClient } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

/** What clients hear of a quota, and when. Bytes are random: nothing that one test pushes is there for another. */

const LIMIT = 10_000

describe.each([
  ['the server for directories', listen],
  ['the server for buckets', listenForStreams],
])('%s', (_, server) => {
  let folder: TemporaryFolder
  let berth: AppInTest
  let client: RegistryClient
  let number = 0

  beforeAll(async () => {
    folder = new TemporaryFolder()
    const quotas = [
      { name: 'tests', repositories: ['*/**'], except: ['other/**'], each: true, limit: `${LIMIT}`, warn: '8kB' },
      { name: 'soft', repositories: ['soft/**'], warn: '1kB' },
    ]
    berth = await AppInTest.start(folder, { quotas }, { server })
    client = berth.client
    await berth.log.line(({ message }) => message === 'what is known of the storage is counted for the quotas')
  })
  afterAll(async () => {
    await berth[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  /** A repository whose quota nothing has used yet. */
  const fresh = (name = 'app') => {
    number += 1
    return `t${number}/${name}`
  }
  const uploads = (repository: string, query = '') => `/v2/${repository}/blobs/uploads/${query}`
  const post = (repository: string, { digest, bytes }: Content) =>
    client.request('POST', uploads(repository, `?digest=${digest}`), { body: bytes.slice() })

  async function fill(repository: string, size = LIMIT): Promise<Content> {
    const blob = random(size)
    await expectStatus(await post(repository, blob), 201)
    return blob
  }

  async function expectRefused(response: Response): Promise<void> {
    const { message } = await expectError(response, 403, 'DENIED')
    expect(message).toMatch(
      /^The quota tests\/t\d+ allows 10 kB and holds [\d.]+ (kB|bytes): (this content is larger than the [\d.]+ (kB|bytes?) left|nothing more can be added)\. Delete images that are not needed \(.*berth delete.*\), or ask for a higher limit\. \(request [0-9a-f]+\)$/,
    )
  }

  test('what fits to the last byte is taken, and one byte more is refused at the POST that says its length', async () => {
    const repository = fresh()
    const [fits, more] = [random(LIMIT), random(1)]

    const taken = await post(repository, fits)
    const refused = await post(repository, more)

    await expectStatus(taken, 201)
    await expectRefused(refused)
    expect((await client.headBlob(repository, more.digest)).status).toBe(404)
    expect((await client.headBlob(repository, fits.digest)).status).toBe(200)
  })

  test('a body without a length is refused where it passes what is left: in POST, PATCH and PUT', async () => {
    const blob = random(LIMIT + 1)
    const [patched, closed] = [await client.startUpload(fresh()), await client.startUpload(fresh())]

    const inPost = await client.request('POST', uploads(fresh(), `?digest=${blob.digest}`), { body: inChunks(blob.bytes) })
    const inPatch = await client.request('PATCH', patched, { body: inChunks(blob.bytes) })
    const inPut = await client.request('PUT', `${closed}?digest=${blob.digest}`, { body: inChunks(blob.bytes) })

    for (const refused of [inPost, inPatch, inPut]) await expectRefused(refused)
    for (const session of [patched, closed]) await expectError(await client.request('GET', session), 404, 'BLOB_UPLOAD_UNKNOWN')
  })

  test('the chunks of a session count together, and the one that passes what is left ends it', async () => {
    const blob = random(LIMIT + 1)
    const first = await client.appendUpload(await client.startUpload(fresh()), blob.bytes.subarray(0, LIMIT / 2))

    const refused = await client.request('PATCH', first, { body: blob.bytes.slice(LIMIT / 2) })

    await expectRefused(refused)
    await expectError(await client.request('GET', first), 404, 'BLOB_UPLOAD_UNKNOWN')
  })

  test('a session that began while there was room is refused at its end when there is none any more', async () => {
    const repository = fresh()
    const blob = random(LIMIT / 2)
    const session = await client.appendUpload(await client.startUpload(repository), blob.bytes)
    await fill(repository)

    const refused = await client.closeUpload(session, blob.digest)

    await expectRefused(refused)
    await expectError(await client.request('GET', session), 404, 'BLOB_UPLOAD_UNKNOWN')
  })

  test('a mount is refused that would bring what the quota does not hold, and one within the quota costs nothing', async () => {
    const repository = fresh()
    const other = await fill('other/app', 100)
    const own = await fill(repository)

    const refused = await client.request('POST', uploads(repository, `?mount=${other.digest}&from=other/app`))
    const within = await client.mountBlob(`${repository}-copy`, own.digest, repository)

    await expectRefused(refused)
    expect(within).toBe(201)
  })

  test('a manifest is refused at last, and the push of an image that is there goes through a full quota', async () => {
    const repository = fresh()
    const [image, another] = [makeImage(repository, { layers: 1 }), makeImage(repository, { layers: 1, architecture: 'arm64' })]
    for (const blob of [...blobsOf(image), ...blobsOf(another)]) await expectStatus(await post(repository, blob), 201)
    await expectStatus(await client.putManifest(repository, 'v1', image.manifest), 201)
    const sizes = [image.manifest, ...blobsOf(image), another.config].map(({ bytes }) => bytes.length)
    await fill(repository, LIMIT - sizes.reduce((sum, size) => sum + size, 0))

    const refused = await client.putManifest(repository, 'v2', another.manifest)
    for (const blob of blobsOf(image)) await expectStatus(await post(repository, blob), 201)
    const session = await client.startUpload(repository)
    const chunked = await client.closeUpload(session, image.config.digest, image.config.bytes)
    const [sameTag, newTag] = [
      await client.putManifest(repository, 'v1', image.manifest),
      await client.putManifest(repository, 'v3', image.manifest),
    ]

    await expectRefused(refused)
    for (const taken of [chunked, sameTag, newTag]) await expectStatus(taken, 201)
  })

  test('above the soft limit a manifest is answered with a warning, and the log has one line', async () => {
    const repository = fresh()
    const image = makeImage(repository, { layers: 1 })
    for (const blob of blobsOf(image)) await post(repository, blob)
    const below = await client.putManifest(repository, 'v1', image.manifest)
    await fill(repository, 8_000)
    const above = [
      await client.putManifest(repository, 'v1', image.manifest),
      await client.putManifest(repository, 'v2', image.manifest),
    ]

    const lines = berth.log.lines.filter(
      ({ message, fields }) => message === 'a quota is above its soft limit' && `${fields.quota}/app`.endsWith(`/${repository}`),
    )
    expect(header(below, 'warning')).toBeNull()
    for (const response of above) {
      expect(response.status).toBe(201)
      expect(header(response, 'warning')).toMatch(
        /^299 - "The quota tests\/t\d+ holds 8\.\d kB of 10 kB; above that pushes are refused\."$/,
      )
    }
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatchObject({ level: 'warn', fields: { warn: 8_000, limit: LIMIT } })
  })

  test('every quota of a repository holds: one without a limit warns, beside the one that refuses', async () => {
    const image = makeImage('soft', { layers: 1 })
    await fill('soft/app', 1_000)
    for (const blob of blobsOf(image)) await post('soft/app', blob)

    const warned = await client.putManifest('soft/app', 'v1', image.manifest)
    const refused = await post('soft/app', random(LIMIT))

    await expectStatus(warned, 201)
    expect(header(warned, 'warning')).toMatch(/^299 - "The quota soft holds 1\.\d kB, more than the 1 kB that it is to hold\."$/)
    await expectError(refused, 403, 'DENIED')
  })

  test('/api/v1 tells the quotas of a repository with their use, to the byte', async () => {
    const repository = fresh()
    const quotas = async (name: string) => {
      const response = await client.request('GET', `/api/v1/repositories/${name}/quotas`)
      return ANSWERS.quotas.parse(await (await expectStatus(response, 200)).json())
    }
    const before = await quotas(repository)
    const { bytes } = await fill(repository, 1_234)

    const quota = { name: `tests/${repository.split('/')[0]}`, used: 0, limit: LIMIT, warn: 8_000 }
    expect(before).toEqual({ quotas: [quota], counted: true })
    expect(await quotas(repository)).toEqual({ quotas: [{ ...quota, used: bytes.length }], counted: true })
    expect((await quotas('soft/app')).quotas.map(({ name, limit }) => [name, limit])).toContainEqual(['soft', null])
    expect(await quotas('other/app')).toEqual({ quotas: [], counted: true })
  })

  test('without a quota anything is taken, and nothing is said', async () => {
    const image = makeImage('other', { layers: 1 })
    for (const blob of [...blobsOf(image), random(3 * LIMIT)]) await expectStatus(await post('other/app', blob), 201)

    const pushed = await client.putManifest('other/app', 'v1', image.manifest)

    expect([pushed.status, header(pushed, 'warning')]).toEqual([201, null])
  })
})

function random(size: number): Content {
  return contentOf('application/octet-stream', crypto.getRandomValues(new Uint8Array(size)))
}

/** Sent without a Content-Length. */
function inChunks(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new Blob([bytes.slice()]).stream().pipeThrough(new TransformStream())
}
