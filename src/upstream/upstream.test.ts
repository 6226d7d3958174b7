import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { FakeUpstream, sendBlob, sendCut } from '../../test/support/fake-upstream.ts'
import { digestOf } from '../oci/digest.ts'
import { parseRepositoryName } from '../oci/name.ts'
import { parseTag } from '../oci/reference.ts'
import { Upstream, type UpstreamBlob } from './upstream.ts'
import { UpstreamFailure } from './upstream-failure.ts'

const APP = parseRepositoryName('library/app')
const LATEST = parseTag('latest')
const BLOB = new Uint8Array(300_000).map((_, at) => at % 251)
const DIGEST = digestOf('sha256', BLOB)
const MANIFEST = new TextEncoder().encode('{"schemaVersion":2}')
const MANIFEST_DIGEST = digestOf('sha256', MANIFEST)
const signal = new AbortController().signal

let server: FakeUpstream
beforeEach(async () => {
  server = await FakeUpstream.start()
})
afterEach(() => server[Symbol.asyncDispose]())

function upstream(way = { headMs: 20_000, stallMs: 20_000 }): Upstream {
  return new Upstream({ url: new URL(server.url), way })
}

async function bytesOf(blob: UpstreamBlob | undefined): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(blob?.chunks ?? []))
}

async function failureOf(asking: Promise<unknown>): Promise<UpstreamFailure> {
  const error: unknown = await asking.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof UpstreamFailure) return error
  throw new Error(`no UpstreamFailure: ${Bun.inspect(error)}`)
}

describe('an upstream', () => {
  test('gives a blob with its size, and the rest of it from any byte on', async () => {
    server.answer = (request, response) => sendBlob(request, response, BLOB)

    const whole = await upstream().openBlob(APP, DIGEST, 0, signal)
    const rest = await upstream().openBlob(APP, DIGEST, 299_000, signal)

    expect(whole).toMatchObject({ start: 0, size: 300_000 })
    expect(digestOf('sha256', await bytesOf(whole))).toBe(DIGEST)
    expect(rest).toMatchObject({ start: 299_000, size: 300_000 })
    expect((await bytesOf(rest)).equals(BLOB.subarray(299_000))).toBe(true)
  })

  test('that does not know Range says that its bytes begin at the start', async () => {
    server.answer = (_, response) => {
      response.writeHead(200, { 'content-length': BLOB.length }).end(BLOB)
    }

    expect(await upstream().openBlob(APP, DIGEST, 5, signal)).toMatchObject({ start: 0, size: 300_000 })
  })

  test('that sends another part than was asked for has failed', async () => {
    server.answer = (_, response) => {
      response.writeHead(206, { 'content-range': 'bytes 6-299999/300000' }).end('x')
    }

    expect((await failureOf(upstream().openBlob(APP, DIGEST, 5, signal))).message).toContain('another part')
  })

  test('gives a manifest whose bytes have the digest that it says', async () => {
    server.answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/vnd.oci.image.index.v1+json; charset=utf-8' }).end(MANIFEST)
    }

    expect(await upstream().findManifest(APP, LATEST, signal)).toMatchObject({
      digest: MANIFEST_DIGEST,
      contentType: 'application/vnd.oci.image.index.v1+json',
    })
    expect((await failureOf(upstream().findManifest(APP, DIGEST, signal))).message).toContain('other bytes')
  })

  test('is asked for a tag by one conditional HEAD', async () => {
    server.answer = ({ headers }, response) => {
      const isKnown = headers['if-none-match'] === `"${MANIFEST_DIGEST}"`
      response.writeHead(isKnown ? 304 : 200, { 'docker-content-digest': MANIFEST_DIGEST }).end()
    }

    expect(await upstream().findTag(APP, LATEST, MANIFEST_DIGEST, signal)).toEqual({ digest: MANIFEST_DIGEST })
    expect(await upstream().findTag(APP, LATEST, DIGEST, signal)).toEqual({ digest: MANIFEST_DIGEST })
    expect(server.asked).toEqual(Array(2).fill('HEAD /v2/library/app/manifests/latest'))
  })

  test('has nothing where it answers 404', async () => {
    expect(await upstream().findTag(APP, LATEST, DIGEST, signal)).toBeUndefined()
    expect(await upstream().findManifest(APP, LATEST, signal)).toBeUndefined()
    expect(await upstream().findBlob(APP, DIGEST, signal)).toBeUndefined()
    expect(await upstream().openBlob(APP, DIGEST, 0, signal)).toBeUndefined()
    expect(await upstream().openBlob(APP, DIGEST, 7, signal)).toBeUndefined()
  })

  test.each([
    [401, 'UNAUTHORIZED', undefined, false],
    [403, 'DENIED', undefined, false],
    [429, 'TOOMANYREQUESTS', 17, true],
    [500, 'UNAVAILABLE', 17, true],
    [502, 'UNAVAILABLE', 17, true],
    [418, 'UNAVAILABLE', 17, false],
  ] as const)('that answers %d is an error %s that names it', async (status, code, retryAfterSeconds, mayPass) => {
    server.answer = (_, response) => {
      response.writeHead(status, { 'retry-after': '17' }).end('<html>')
    }

    const failures = await Promise.all([
      failureOf(upstream().findTag(APP, LATEST, DIGEST, signal)),
      failureOf(upstream().findManifest(APP, LATEST, signal)),
      failureOf(upstream().findBlob(APP, DIGEST, signal)),
      failureOf(upstream().openBlob(APP, DIGEST, 0, signal)),
    ])

    for (const failure of failures) {
      expect(failure).toMatchObject({ code, status, retryAfterSeconds, mayPass })
      expect(failure.message).toContain(server.url)
      expect(failure.message).toContain(String(status))
    }
  })

  test('that cannot be reached, or says nothing in time, is an outage', async () => {
    const gone = await FakeUpstream.start()
    const url = new URL(gone.url)
    await gone[Symbol.asyncDispose]()
    server.answer = () => undefined

    expect(await failureOf(new Upstream({ url }).findManifest(APP, LATEST, signal))).toMatchObject({ code: 'UNAVAILABLE' })
    const silent = await failureOf(upstream({ headMs: 30, stallMs: 30 }).findManifest(APP, LATEST, signal))
    expect(silent.message).toContain('no answer within 0.03 s')
  })

  test('whose body breaks off, stalls or has no end is not taken for whole', async () => {
    server.answer = ({ url = '' }, response) => {
      if (url.endsWith('latest')) response.end(new Uint8Array(5 * 1024 * 1024))
      else if (url.includes(DIGEST)) void sendCut(response, { bytes: BLOB.subarray(0, 1000), length: BLOB.length })
      else response.writeHead(200, { 'content-length': 10 }).write('{')
    }

    expect((await failureOf(upstream().findManifest(APP, LATEST, signal))).message).toContain('more than 4194304 bytes')
    expect(await failureOf(bytesOf(await upstream().openBlob(APP, DIGEST, 0, signal)))).toMatchObject({ mayPass: true })
    const stalled = upstream({ headMs: 20_000, stallMs: 30 }).openBlob(APP, MANIFEST_DIGEST, 0, signal)
    expect((await failureOf(bytesOf(await stalled))).message).toContain('nothing has come for 0.03 s')
  })

  test('is asked for bytes as they are, and what it compressed all the same is not unpacked', async () => {
    const packed = Bun.gzipSync(MANIFEST)
    server.answer = (request, response) => {
      expect(request.headers['accept-encoding']).toBe('identity')
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(packed)
    }

    expect((await bytesOf(await upstream().openBlob(APP, DIGEST, 0, signal))).equals(packed)).toBe(true)
  })
})

describe('a redirect', () => {
  test('is followed to another host, with its Range', async () => {
    await using store = await FakeUpstream.start((request, response) => sendBlob(request, response, BLOB))
    server.answer = (_, response) => {
      response.writeHead(307, { location: `${store.url}/store?signature=a` }).end()
    }

    expect((await bytesOf(await upstream().openBlob(APP, DIGEST, 9, signal))).equals(BLOB.subarray(9))).toBe(true)
    expect(store.asked).toEqual(['GET /store?signature=a'])
  })

  test('that never ends, or leads nowhere, is an error', async () => {
    server.answer = ({ url = '' }, response) => {
      response.writeHead(302, { location: url.includes(DIGEST) ? url : 'gopher://a' }).end()
    }

    expect((await failureOf(upstream().openBlob(APP, DIGEST, 0, signal))).message).toContain('more than 5 times')
    expect((await failureOf(upstream().findManifest(APP, LATEST, signal))).message).toContain('an address that is none')
    expect(server.asked.length).toBe(7)
  })
})

test('an exchange ends with its signal', async () => {
  const ending = new AbortController()
  server.answer = (_, response) => {
    response.writeHead(200, { 'content-length': 10 }).write('1')
  }
  const blob = await upstream().openBlob(APP, DIGEST, 0, ending.signal)
  const chunks = blob?.chunks[Symbol.asyncIterator]()
  await chunks?.next()

  const rest = chunks?.next()
  ending.abort(new Error('the registry stops'))

  await expect(rest).rejects.toThrow('the registry stops')
  await expect(upstream().findManifest(APP, LATEST, ending.signal)).rejects.toThrow('the registry stops')
})
