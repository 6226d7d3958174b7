import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { AppInTest } from '../support/app-in-test.ts'
import { FakeUpstream, notFound } from '../support/fake-upstream.ts'
import { Gate } from '../support/gate.ts'
import { type Content, makeImage, makeImageIndex } from '../support/images.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const FIRST = makeImage('first').manifest
const SECOND = makeImage('second', { format: 'docker' }).manifest

/** What the upstream has, by what stands behind `/manifests/`. */
let content: Map<string, Content>
let folder: TemporaryFolder
let upstream: FakeUpstream
let mirror: AppInTest

beforeEach(async () => {
  content = new Map([FIRST, SECOND].map((manifest) => [manifest.digest, manifest]))
  content.set('latest', FIRST)
  folder = new TemporaryFolder()
  upstream = await FakeUpstream.start(serve)
  mirror = await startMirror()
})
afterEach(async () => {
  await mirror[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

async function startMirror(more: object = {}): Promise<AppInTest> {
  const storage = { filesystem: { rootdirectory: folder.join('data') }, delete: { enabled: true } }
  return await AppInTest.start(folder, { storage, proxy: { remoteurl: upstream.url, ...more } })
}

const serve: FakeUpstream['answer'] = ({ url = '', method, headers }, response) => {
  const manifest = content.get(url.split('/').at(-1) ?? '')
  if (manifest === undefined) return notFound({} as never, response)
  const { digest, mediaType, bytes } = manifest
  if (headers['if-none-match'] === `"${digest}"`) return void response.writeHead(304).end()
  response.writeHead(200, { 'docker-content-digest': digest, 'content-type': mediaType, 'content-length': bytes.length })
  response.end(method === 'HEAD' ? undefined : bytes)
}

/** Status, digest and Warning of a pull. */
async function pull(reference: string, method = 'GET') {
  const asking = method === 'GET' ? mirror.client.getManifest('app', reference) : mirror.client.headManifest('app', reference)
  const { status, headers } = await asking
  return { status, digest: headers.get('docker-content-digest'), warning: headers.get('warning') }
}

const GET_LATEST = 'GET /v2/app/manifests/latest'
const HEAD_LATEST = 'HEAD /v2/app/manifests/latest'

describe('a manifest of a mirror', () => {
  test('is fetched once by its digest, though nothing that it names is here', async () => {
    const index = makeImageIndex([makeImage('child')]).manifest
    content.set(index.digest, index)

    for (const manifest of [FIRST, SECOND, index]) {
      const answers = await Promise.all(Array.from({ length: 8 }, () => mirror.client.getManifest('app', manifest.digest)))
      for (const answer of [...answers, await mirror.client.getManifest('app', manifest.digest)]) {
        expect(answer.headers.get('content-type')).toBe(manifest.mediaType)
        expect(Buffer.from(await answer.bytes()).equals(manifest.bytes)).toBe(true)
      }
    }

    expect(upstream.asked).toEqual([FIRST, SECOND, index].map(({ digest }) => `GET /v2/app/manifests/${digest}`))
  })

  test('that the upstream does not have is unknown, and asked for once in a moment', async () => {
    expect(await pull('other')).toMatchObject({ status: 404 })
    expect(await pull('other', 'HEAD')).toMatchObject({ status: 404 })
    expect(await pull(SECOND.digest)).toMatchObject({ status: 200 })

    expect(upstream.asked).toEqual(['GET /v2/app/manifests/other', `GET /v2/app/manifests/${SECOND.digest}`])
  })

  test.each([
    ['HTML', () => Buffer.from('<html>log in</html>')],
    ['JSON of another kind', () => Buffer.from('{"a": 1}')],
    ['other bytes', () => SECOND.bytes],
  ])('for which the upstream sends %s is an outage that names it, and nothing is stored', async (_, bytes) => {
    upstream.answer = ({ url }, response) => {
      const says = url === '/v2/app/manifests/latest' ? {} : { 'content-type': FIRST.mediaType }
      response.writeHead(200, says).end(bytes())
    }
    const isAlsoAManifest = bytes() === SECOND.bytes

    for (const reference of isAlsoAManifest ? [FIRST.digest] : [FIRST.digest, 'latest']) {
      const answer = await mirror.client.getManifest('app', reference)
      expect(answer.status).toBe(503)
      expect(await answer.text()).toContain(`The upstream ${upstream.url}`)
    }

    upstream.answer = serve
    expect(await pull('latest')).toMatchObject({ digest: FIRST.digest })
  })
})

describe('a tag of a mirror', () => {
  test('is fetched by one GET, and looked up by one HEAD at each later pull', async () => {
    expect(await pull('latest')).toEqual({ status: 200, digest: FIRST.digest, warning: null })
    expect(await pull('latest')).toMatchObject({ digest: FIRST.digest })
    expect(await pull('latest', 'HEAD')).toMatchObject({ digest: FIRST.digest })

    expect(upstream.asked).toEqual([GET_LATEST, HEAD_LATEST, HEAD_LATEST])
  })

  test('that has moved is fetched anew, and stays there for pulls without the upstream', async () => {
    await pull('latest')
    content.set('latest', SECOND)

    expect(await pull('latest', 'HEAD')).toMatchObject({ digest: SECOND.digest })
    upstream.answer = (_, response) => void response.writeHead(500).end()

    expect(await pull('latest')).toMatchObject({ digest: SECOND.digest })
    expect(await pull(FIRST.digest)).toEqual({ status: 200, digest: FIRST.digest, warning: null })
  })

  test('is looked up once for all requests that ask at the same time', async () => {
    await pull('latest')
    const gate = new Gate()
    upstream.answer = async (request, response) => {
      await gate.pass()
      await serve(request, response)
    }

    const pulls = Array.from({ length: 32 }, (_, at) => pull('latest', at % 2 === 0 ? 'GET' : 'HEAD'))
    await gate.reached()
    gate.open()

    for (const pulled of await Promise.all(pulls)) expect(pulled).toMatchObject({ status: 200, digest: FIRST.digest })
    // One that arrives when the answer is here already asks again.
    expect(upstream.count(HEAD_LATEST)).toBeLessThan(32)
  })

  test('is not looked up again within tagttl', async () => {
    await using patient = await startMirror({ tagttl: '1h' })
    for (let pulls = 0; pulls < 3; pulls += 1) {
      const { status } = await patient.client.getManifest('app', 'latest')
      expect(status).toBe(200)
    }

    expect(upstream.asked).toEqual([GET_LATEST])
  })

  test.each([401, 404, 429, 500, 503])(
    'is served as it is here, with a warning, when the upstream answers %d',
    async (status) => {
      await pull('latest')
      upstream.answer = (_, response) => void response.writeHead(status).end()

      for (const method of ['GET', 'HEAD']) {
        const warning = `111 - "${upstream.url} could not confirm the tag"`
        expect(await pull('latest', method)).toEqual({ status: 200, digest: FIRST.digest, warning })
      }

      const line = await mirror.log.line(({ message }) => message === 'a tag is not confirmed, what is here is served')
      expect(line).toMatchObject({ level: 'warn', fields: { upstream: upstream.url, repository: 'app', tag: 'latest' } })
    },
  )

  test('that was pulled is pulled also when the upstream is gone and the mirror has started anew', async () => {
    await pull('latest')
    await upstream[Symbol.asyncDispose]()
    await mirror[Symbol.asyncDispose]()
    mirror = await startMirror()

    expect(await pull('latest')).toMatchObject({ status: 200, digest: FIRST.digest })
    expect(await pull(FIRST.digest)).toMatchObject({ status: 200, digest: FIRST.digest })
    const other = await mirror.client.getManifest('app', 'other')
    expect(other.status).toBe(503)
    expect(await other.text()).toContain(`The upstream ${upstream.url} does not answer`)
  })
})

describe('a mirror', () => {
  test.each([
    ['POST', '/v2/app/blobs/uploads/'],
    ['PUT', '/v2/app/manifests/latest'],
    ['DELETE', '/v2/app/manifests/latest'],
    ['DELETE', `/v2/app/blobs/${FIRST.digest}`],
    ['PATCH', '/v2/app/blobs/uploads/some-id'],
  ])('takes no changes: %s %s is UNSUPPORTED, as at registry:2', async (method, path) => {
    const answer = await mirror.request(method, path)

    expect([answer.status, answer.headers.get('allow')]).toEqual([
      405,
      path.includes('/uploads/') ? expect.any(String) : 'GET, HEAD',
    ])
    expect(await answer.text()).toContain(`This registry is a cache of ${upstream.url}: push and delete there.`)
    expect(upstream.asked).toEqual([])
  })

  test('answers /v2/ by itself', async () => {
    expect((await mirror.request('GET', '/v2/')).status).toBe(200)
    expect(upstream.asked).toEqual([])
  })
})
