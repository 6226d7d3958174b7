import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { FakeUpstream } from '../../test/support/fake-upstream.ts'
import { digestOf } from '../oci/digest.ts'
import { parseRepositoryName } from '../oci/name.ts'
import { parseTag } from '../oci/reference.ts'
import { fixedCredentials } from './credentials.ts'
import { PushTarget, type PushTargetOptions } from './push-target.ts'

const APP = parseRepositoryName('team/app')
const BASE = parseRepositoryName('team/base')
const BLOB = new Uint8Array(2_500).map((_, at) => at % 251)
const DIGEST = digestOf('sha256', BLOB)
const signal = new AbortController().signal

let server: FakeUpstream
/** What was sent with each request that had a body. */
let sent: { readonly asked: string; readonly range: string | undefined; readonly bytes: Buffer }[]
beforeEach(async () => {
  sent = []
  server = await FakeUpstream.start(async (request, response) => {
    const bytes = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>))
    sent.push({ asked: `${request.method} ${request.url}`, range: request.headers['content-range'], bytes })
    if (request.method === 'HEAD') return void response.writeHead(404).end()
    if (request.method === 'POST') return void response.writeHead(202, { location: '/upload?state=a%2Bb' }).end()
    if (request.method === 'PATCH') return void response.writeHead(202, { location: `/upload?state=${sent.length}` }).end()
    response.writeHead(201).end()
  })
})
afterEach(() => server[Symbol.asyncDispose]())

function target(options: Partial<PushTargetOptions> = {}): PushTarget {
  return new PushTarget({ url: new URL(server.url), pieceBytes: 1_000, ...options })
}

function blob(bytes: Uint8Array = BLOB, more: object = {}) {
  return {
    digest: DIGEST,
    size: BLOB.length,
    chunks: async function* () {
      for (let at = 0; at < bytes.length; at += 700) yield bytes.subarray(at, at + 700)
    },
    ...more,
  }
}

describe('a push of a blob', () => {
  test('that fits into one piece takes one request beside the look and the opening', async () => {
    expect(await target({ pieceBytes: 2_500 }).putBlob(APP, blob(), signal)).toBe('sent')

    expect(server.asked).toEqual([
      `HEAD /v2/team/app/blobs/${DIGEST}`,
      'POST /v2/team/app/blobs/uploads/',
      `PUT /upload?state=a%2Bb&digest=${DIGEST}`,
    ])
    expect(sent[2]?.bytes.equals(BLOB)).toBe(true)
  })

  test('that does not goes in pieces, each to where the registry says', async () => {
    await target().putBlob(APP, blob(), signal)

    expect(sent.slice(2).map(({ asked, range, bytes }) => [asked, range, bytes.length])).toEqual([
      ['PATCH /upload?state=a%2Bb', '0-999', 1_000],
      ['PATCH /upload?state=3', '1000-1999', 1_000],
      ['PATCH /upload?state=4', '2000-2499', 500],
      [`PUT /upload?state=5&digest=${DIGEST}`, undefined, 0],
    ])
    expect(Buffer.concat(sent.slice(2).map(({ bytes }) => bytes)).equals(BLOB)).toBe(true)
  })

  test('that the repository has sends nothing', async () => {
    server.answer = (_, response) => void response.writeHead(200, { 'content-length': BLOB.length }).end()

    expect(await target().putBlob(APP, blob(), signal)).toBe('there')
    expect(server.asked).toHaveLength(1)
  })

  test('that another repository has is mounted, and sent where the registry does not mount it', async () => {
    const usual = server.answer
    server.answer = async (request, response) =>
      request.method === 'POST' && request.url?.includes(DIGEST.slice(7))
        ? void response.writeHead(201).end()
        : await usual(request, response)
    const mounted = await target().putBlob(APP, blob(BLOB, { mountFrom: BASE }), signal)
    server.answer = usual
    const notMounted = await target().putBlob(APP, blob(BLOB, { mountFrom: BASE }), signal)

    expect([mounted, notMounted]).toEqual(['mounted', 'sent'])
    expect(server.asked[1]).toBe(`POST /v2/team/app/blobs/uploads/?mount=${encodeURIComponent(DIGEST)}&from=team%2Fbase`)
  })

  test.each([
    ['shorter', BLOB.subarray(0, 2_000), 'it has 2000 of the 2500 bytes'],
    ['longer', new Uint8Array(2_501), 'it has more than the 2500 bytes'],
    ['other bytes', new Uint8Array(2_500), 'it has other bytes than those'],
  ])('whose source is %s is not closed', async (_, bytes, says) => {
    await expect(target().putBlob(APP, blob(bytes), signal)).rejects.toThrow(says)

    expect(server.asked.filter((asked) => asked.startsWith('PUT'))).toEqual([])
  })

  test('is not sent on from HTTPS, and its password goes to no other server', async () => {
    await using other = await FakeUpstream.start((_, response) => void response.writeHead(202, { location: '/on' }).end())
    server.answer = async (request, response) => {
      if (request.method === 'HEAD') return void response.writeHead(401, { 'www-authenticate': 'Basic realm="a"' }).end()
      response.writeHead(202, { location: `${other.url}/upload` }).end()
    }
    const credentials = fixedCredentials('user', 'secret')

    await expect(target({ credentials }).putBlob(APP, blob(), signal)).rejects.toThrow('answered 202')

    expect(server.shown.at(-1)).toStartWith('Basic ')
    expect(other.asked).toContain(`PUT /on?digest=${DIGEST}`)
    expect(new Set(other.shown)).toEqual(new Set([undefined]))
  })

  test('that is refused says what the registry says', async () => {
    server.answer = (_, response) =>
      void response.writeHead(403).end('{"errors":[{"code":"DENIED","message":"The quota is full.\\u001b[2J"}]}')

    await expect(target().putBlob(APP, blob(), signal)).rejects.toThrow(
      `The registry ${server.url} answered 403: The quota is full. [2J`,
    )
  })
})

describe('a push of a manifest', () => {
  const bytes = new TextEncoder().encode('{}')
  const manifest = { reference: parseTag('v1'), digest: digestOf('sha256', bytes), mediaType: 'application/x', bytes }

  test('sends its exact bytes', async () => {
    await target().putManifest(APP, manifest, signal)

    expect(sent).toMatchObject([{ asked: 'PUT /v2/team/app/manifests/v1' }])
    expect(sent[0]?.bytes.toString()).toBe('{}')
  })

  test('that the registry stores under another digest is a failure', async () => {
    server.answer = (_, response) => void response.writeHead(201, { 'docker-content-digest': DIGEST }).end()

    await expect(target().putManifest(APP, manifest, signal)).rejects.toThrow(
      `stored the manifest ${manifest.digest} as ${DIGEST}`,
    )
  })
})

test('a token is asked for with the right to read what is mounted from', async () => {
  server.answer = (request, response) => {
    if (request.url?.startsWith('/token')) return void response.end('{"token":"t"}')
    const challenge = `Bearer realm="${server.url}/token",service="s",scope="repository:team/app:pull,push"`
    if (request.headers.authorization === undefined) return void response.writeHead(401, { 'www-authenticate': challenge }).end()
    response.writeHead(200, { 'content-length': BLOB.length }).end()
  }

  await target({ mountedFrom: [BASE] }).putBlob(APP, blob(), signal)

  const asked = new URL(server.asked[1]?.split(' ')[1] ?? '', server.url).searchParams
  expect(asked.getAll('scope')).toEqual(['repository:team/app:pull,push', 'repository:team/base:pull'])
})
