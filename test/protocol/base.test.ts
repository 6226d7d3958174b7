import { describe, expect, test } from 'bun:test'
import { contentHeaders, expectError, header, nextPage } from '../support/answers.ts'
import { contentOf, makeImage } from '../support/images.ts'
import { parseRaw, requestHead, sendRaw } from '../support/raw-http.ts'
import { onDriver } from '../support/registry.ts'

const blob = contentOf('application/octet-stream', Buffer.from('some bytes'))

onDriver('inmemory', (registry) => {
  test('GET /v2/ answers 200 with an empty JSON object and the API version (end-1)', async () => {
    const response = await registry.request('GET', '/v2/')

    expect(response.status).toBe(200)
    expect(header(response, 'docker-distribution-api-version')).toBe('registry/2.0')
    expect(header(response, 'content-type')).toBe('application/json')
    expect(header(response, 'content-length')).toBe('2')
    expect(await response.text()).toBe('{}')
  })

  test('GET /v2 answers like GET /v2/, without a redirect that a client would have to follow (end-1)', async () => {
    const response = await registry.request('GET', '/v2')

    expect(response.status).toBe(200)
    expect(await response.text()).toBe('{}')
  })

  test('HEAD /v2/ has the headers of GET and no body (end-1)', async () => {
    const head = await registry.request('HEAD', '/v2/')

    expect(head.status).toBe(200)
    expect(contentHeaders(head)).toEqual(contentHeaders(await registry.request('GET', '/v2/')))
    expect(await head.text()).toBe('')
    expect(header(head, 'date')).not.toBeNull()
  })

  test('GET / answers 200 with nothing, for load balancers', async () => {
    const response = await registry.request('GET', '/')

    expect(response.status).toBe(200)
    expect(header(response, 'content-length')).toBe('0')
    expect(header(response, 'docker-distribution-api-version')).toBeNull()
    expect(header(response, 'cache-control')).toBe('no-cache')
  })

  test.each(['/v1/', '/v1/images/a/json', '/v2/a', '/v2/tags/list', '/favicon.ico'])(
    'GET %s is 404 with an error body',
    async (path) => {
      await expectError(await registry.request('GET', path), 404, 'NAME_UNKNOWN')
    },
  )

  test.each([
    ['POST', '/v2/', 'GET, HEAD'],
    ['PUT', '/', 'GET, HEAD'],
    ['POST', '/v2/a/manifests/latest', 'GET, HEAD, PUT, DELETE'],
    ['PATCH', `/v2/a/blobs/${blob.digest}`, 'GET, HEAD, DELETE'],
    ['GET', '/v2/a/blobs/uploads/', 'POST'],
    ['POST', '/v2/a/blobs/uploads/1', 'PATCH, PUT, GET, HEAD, DELETE'],
    ['DELETE', '/v2/a/tags/list', 'GET, HEAD'],
    ['PUT', `/v2/a/referrers/${blob.digest}`, 'GET, HEAD'],
    ['POST', '/v2/_catalog', 'GET, HEAD'],
  ])('%s %s is 405 and says what is possible there', async (method, path, allow) => {
    const response = await registry.request(method, path)

    await expectError(response, 405, 'UNSUPPORTED')
    expect(header(response, 'allow')).toBe(allow)
  })

  test('OPTIONS says what is possible there', async () => {
    const response = await registry.request('OPTIONS', '/v2/a/manifests/latest')

    expect(response.status).toBe(200)
    expect(header(response, 'allow')).toBe('GET, HEAD, PUT, DELETE')
    expect(await response.text()).toBe('')
  })

  test('a request with a Host that cannot be one is 400 (end-1)', async () => {
    const request = 'GET /v2/ HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n'

    expect(parseRaw(await sendRaw(registry.url, request))).toMatchObject({ status: 400 })
  })

  test('a client of HTTP/1.0 without a Host is answered (end-1)', async () => {
    expect(parseRaw(await sendRaw(registry.url, 'GET /v2/ HTTP/1.0\r\n\r\n'))).toMatchObject({ status: 200, body: '{}' })
  })

  test.each(['/v2/%zz/tags/list', '/v2/%ff/tags/list'])('the path %s is 400', async (path) => {
    const answer = parseRaw(await sendRaw(registry.url, requestHead('GET', path)))

    expect(answer.status).toBe(400)
    expect(answer.body).toContain('NAME_INVALID')
  })

  test('a doubled slash is answered as if it were one, without a redirect that loses bodies', async () => {
    const repository = registry.newRepository()

    const response = await registry.request('POST', `/v2//${repository}//blobs/uploads/?digest=${blob.digest}`, {
      body: 'some bytes',
    })

    expect(response.status).toBe(201)
    expect(header(response, 'location')).toBe(`/v2/${repository}/blobs/${blob.digest}`)
  })

  test('the ns of a proxying client and query keys that nobody knows are ignored (end-2, end-3, end-4a)', async () => {
    const repository = registry.newRepository()
    const image = makeImage('ns')

    await registry.pushImage(repository, image, 'latest')

    const query = '?ns=docker.io&origin=x&n=not-a-number'
    expect((await registry.request('GET', `/v2/${repository}/manifests/latest${query}`)).status).toBe(200)
    expect((await registry.request('GET', `/v2/${repository}/blobs/${image.config.digest}${query}`)).status).toBe(200)
    expect((await registry.request('POST', `/v2/${repository}/blobs/uploads/${query}`)).status).toBe(202)
  })

  test('each request is one line in the log, under the id that its answer carries', async () => {
    const response = await registry.request('GET', '/v2/?find-me', { headers: { 'User-Agent': 'some-client/1' } })

    const requestId = header(response, 'x-request-id')
    const { fields } = await registry.log.line((line) => line.fields.requestId === requestId)
    expect(fields).toMatchObject({ method: 'GET', path: '/v2/?find-me', status: 200, bytes: 2, userAgent: 'some-client/1' })
    expect(registry.log.lines.filter((line) => line.fields.requestId === requestId)).toHaveLength(1)
  })
})

describe('below http.prefix', () => {
  onDriver(
    'inmemory',
    (registry) => {
      test('the API is there and nowhere else (end-1)', async () => {
        expect((await registry.request('GET', '/team/registry/v2/')).status).toBe(200)
        expect((await registry.request('GET', '/')).status).toBe(200)
        await expectError(await registry.request('GET', '/v2/'), 404, 'NAME_UNKNOWN')
      })

      test('Location and Link lead below it (end-4a, end-4b, end-8b)', async () => {
        const repository = `/team/registry/v2/${registry.newRepository()}`
        const body = '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'
        const headers = { 'Content-Type': 'application/vnd.oci.image.index.v1+json' }

        const session = await registry.request('POST', `${repository}/blobs/uploads/`)
        const pushed = await registry.request('POST', `${repository}/blobs/uploads/?digest=${blob.digest}`, {
          body: 'some bytes',
        })
        const manifest = await registry.request('PUT', `${repository}/manifests/a`, { headers, body })
        await registry.request('PUT', `${repository}/manifests/b`, { headers, body })
        const tags = await registry.request('GET', `${repository}/tags/list?n=1`)

        expect(header(session, 'location')).toStartWith(`${repository}/blobs/uploads/`)
        expect(header(pushed, 'location')).toBe(`${repository}/blobs/${blob.digest}`)
        expect(header(manifest, 'location')).toStartWith(`${repository}/manifests/sha256:`)
        expect(nextPage(tags)).toBe(`${repository}/tags/list?last=a&n=1`)
      })
    },
    { prefix: '/team/registry' },
  )
})

describe('behind a proxy that takes away the path of http.host', () => {
  onDriver(
    'inmemory',
    (registry) => {
      test('Location is the path that clients see (end-4a)', async () => {
        const response = await registry.request('POST', '/v2/a/blobs/uploads/')

        expect(header(response, 'location')).toStartWith('/public/v2/a/blobs/uploads/')
      })
    },
    { host: 'https://example.com/public' },
  )
})

describe('with http.headers', () => {
  onDriver(
    'inmemory',
    (registry) => {
      test('every answer has them, errors too', async () => {
        expect(header(await registry.request('GET', '/v2/'), 'x-content-type-options')).toBe('nosniff')
        expect(header(await registry.request('GET', '/nowhere'), 'x-content-type-options')).toBe('nosniff')
      })
    },
    { headers: { 'X-Content-Type-Options': ['nosniff'] } },
  )
})

describe('a read-only registry', () => {
  onDriver(
    'inmemory',
    (registry) => {
      test.each([
        ['POST', '/v2/a/blobs/uploads/'],
        ['PATCH', '/v2/a/blobs/uploads/1'],
        ['PUT', `/v2/a/blobs/uploads/1?digest=${blob.digest}`],
        ['DELETE', '/v2/a/blobs/uploads/1'],
        ['PUT', '/v2/a/manifests/latest'],
        ['DELETE', '/v2/a/manifests/latest'],
        ['DELETE', `/v2/a/blobs/${blob.digest}`],
      ])('refuses %s %s with 405', async (method, path) => {
        const error = await expectError(await registry.request(method, path), 405, 'UNSUPPORTED')

        expect(error.message).toContain('read-only')
      })

      test('still answers what reads (end-1, end-3)', async () => {
        expect((await registry.request('GET', '/v2/')).status).toBe(200)
        await expectError(await registry.request('GET', '/v2/a/manifests/latest'), 404, 'MANIFEST_UNKNOWN')
        expect(header(await registry.request('OPTIONS', '/v2/a/manifests/latest'), 'allow')).toBe('GET, HEAD')
      })
    },
    { readOnly: true },
  )
})
