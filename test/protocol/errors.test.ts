import { expect, test } from 'bun:test'
import { expectError, header } from '../support/answers.ts'
import { onDriver } from '../support/registry.ts'

const DIGEST = `sha256:${'a'.repeat(64)}`
const UPLOAD = '/v2/a/blobs/uploads/00000000-0000-0000-0000-000000000000'

onDriver('inmemory', (registry) => {
  test.each([
    ['GET', `/v2/a/blobs/${DIGEST}`, 404, 'BLOB_UNKNOWN'],
    ['PATCH', UPLOAD, 404, 'BLOB_UPLOAD_UNKNOWN'],
    ['PUT', `${UPLOAD}?digest=bad`, 400, 'DIGEST_INVALID'],
    ['PUT', '/v2/a/manifests/latest', 400, 'MANIFEST_INVALID'],
    ['GET', '/v2/a/manifests/latest', 404, 'MANIFEST_UNKNOWN'],
    ['GET', '/v2/UPPER/manifests/latest', 400, 'NAME_INVALID'],
    ['GET', '/v2/a/tags/list', 404, 'NAME_UNKNOWN'],
    ['POST', '/v2/a/tags/list', 405, 'UNSUPPORTED'],
    ['GET', '/v2/_catalog?n=x', 400, 'PAGINATION_NUMBER_INVALID'],
  ])('%s %s is %d with the code %s, a sentence and the request id', async (method, path, status, code) => {
    const error = await expectError(await registry.request(method, path), status, code)

    expect(error.message).toMatch(/^[A-Z].*[.)] \(request [0-9a-f]{16}\)$/)
  })

  test.each([
    '/v2/-a/tags/list',
    '/v2/a-/tags/list',
    '/v2/a__b___c/tags/list',
    '/v2/a..b/tags/list',
    '/v2/a/_b/tags/list',
    '/v2/a%20b/tags/list',
    '/v2/%C3%A9/tags/list',
    '/v2/a:b/tags/list',
    '/v2/registry.example.com:5000/a/tags/list',
    `/v2/${'a'.repeat(256)}/tags/list`,
  ])('a name outside the grammar is NAME_INVALID: %s', async (path) => {
    await expectError(await registry.request('GET', path), 400, 'NAME_INVALID')
  })

  test.each(['a', '0', 'a/b/c/d/e/f', 'a.b', 'a_b', 'a__b', 'a---b', 'library/a-b_c.d', 'a'.repeat(255)])(
    'a name inside the grammar is not: %s',
    async (name) => {
      await expectError(await registry.request('GET', `/v2/${name}/tags/list`), 404, 'NAME_UNKNOWN')
    },
  )

  test('the error to a HEAD has the headers of the one to a GET and no body', async () => {
    const path = `/v2/a/blobs/${DIGEST}`
    const [head, get] = [await registry.request('HEAD', path), await registry.request('GET', path)]

    expect(head.status).toBe(404)
    expect(header(head, 'content-type')).toBe('application/json')
    expect(header(head, 'content-length')).toBe(header(get, 'content-length'))
    expect(await head.text()).toBe('')
  })

  test('what a client sends comes back in an error only as JSON', async () => {
    const text = '"}<script>'

    const response = await registry.request('GET', `/v2/a/blobs/${encodeURIComponent(text)}`)

    const error = await expectError(response, 400, 'DIGEST_INVALID')
    expect(error.detail).toBe(text)
  })

  test('a mistake of a client is not a failure in the log', async () => {
    await registry.request('GET', '/v2/UPPER/tags/list')
    await registry.request('PUT', '/v2/a/manifests/latest', { body: '{' })

    expect(registry.log.lines.filter(({ level }) => level === 'error' || level === 'warn')).toEqual([])
  })
})
