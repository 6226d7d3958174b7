import { describe, expect, test } from 'bun:test'
import { parseTarget } from './request/target.ts'
import { findRoute, RememberedRoutes } from './routes.ts'

const DIGEST = `sha256:${'a'.repeat(64)}`

function route(path: string, method = 'GET', prefix = '') {
  const found = findRoute(method, new URL(path, 'http://invalid'), prefix)
  if (found === undefined) return undefined
  const { query: _, ...parts } = { query: undefined, ...found }
  return parts
}

describe('routes', () => {
  test('each path of the API leads to its resource', () => {
    expect(route('/')).toEqual({ resource: 'root' })
    expect(route('/v2/')).toEqual({ resource: 'base' })
    expect(route('/v2/_catalog')).toEqual({ resource: 'catalog' })
    expect(route('/v2/a/b/tags/list')).toMatchObject({ resource: 'tags', repository: 'a/b' })
    expect(route('/v2/a/b/manifests/v1')).toMatchObject({ resource: 'manifest', repository: 'a/b', reference: 'v1' })
    expect(route(`/v2/a/manifests/${DIGEST}`)).toMatchObject({ resource: 'manifest', repository: 'a', reference: DIGEST })
    expect(route(`/v2/a/referrers/${DIGEST}`)).toMatchObject({ resource: 'referrers', repository: 'a', subject: DIGEST })
    expect(route(`/v2/a/blobs/${DIGEST}`)).toMatchObject({ resource: 'blob', repository: 'a', digest: DIGEST })
    expect(route('/v2/a/blobs/uploads/')).toMatchObject({ resource: 'uploads', repository: 'a' })
    expect(route('/v2/a/blobs/uploads/1-2_3.4')).toMatchObject({ resource: 'upload', repository: 'a', uploadId: '1-2_3.4' })
  })

  test('a slash too many or too few at the end makes no difference', () => {
    expect(route('/v2')).toEqual({ resource: 'base' })
    expect(route('/v2/a/tags/list/')).toMatchObject({ resource: 'tags', repository: 'a' })
    expect(route('/v2/a/blobs/uploads')).toMatchObject({ resource: 'uploads', repository: 'a' })
    expect(route('/v2//a//b/manifests/v1')).toMatchObject({ resource: 'manifest', repository: 'a/b' })
  })

  test.each([
    ['/v2/blobs/blobs/uploads/', { resource: 'uploads', repository: 'blobs' }],
    ['/v2/a/blobs/uploads/blobs/uploads/', { resource: 'uploads', repository: 'a/blobs/uploads' }],
    ['/v2/a/blobs/uploads/manifests/v1', { resource: 'manifest', repository: 'a/blobs/uploads' }],
    ['/v2/a/manifests/tags/list', { resource: 'tags', repository: 'a/manifests' }],
    ['/v2/tags/list/tags/list', { resource: 'tags', repository: 'tags/list' }],
    ['/v2/tags/manifests/list', { resource: 'manifest', repository: 'tags', reference: 'list' }],
    [`/v2/manifests/manifests/${DIGEST}`, { resource: 'manifest', repository: 'manifests', reference: DIGEST }],
    [`/v2/referrers/referrers/${DIGEST}`, { resource: 'referrers', repository: 'referrers' }],
    [`/v2/uploads/blobs/${DIGEST}`, { resource: 'blob', repository: 'uploads' }],
    ['/v2/a/blobs/blobs/uploads/7', { resource: 'upload', repository: 'a/blobs', uploadId: '7' }],
    ['/v2/v2/_catalog/tags/list', 'NAME_INVALID'],
  ])('a name may contain the words of the API: %s', (path, expected) => {
    if (typeof expected === 'string') expect(() => route(path)).toThrow(expect.objectContaining({ code: expected }))
    else expect(route(path)).toMatchObject(expected)
  })

  test.each([
    '/v1/',
    '/v1/search/more',
    '/v3/',
    '/v2/a',
    '/v2/a/b/c',
    '/v2/tags/list',
    '/v2/manifests/v1',
    '/v2/blobs/uploads/',
    '/v2x/',
    '/v2/a/tags',
  ])('nothing is at %s', (path) => {
    expect(route(path)).toBeUndefined()
  })

  test('each segment is decoded once', () => {
    expect(route('/v2/a%2Fb/manifests/v%31')).toMatchObject({ repository: 'a/b', reference: 'v1' })
    expect(route(`/v2/a/blobs/${DIGEST.replace(':', '%3A')}`)).toMatchObject({ digest: DIGEST })
    expect(() => route('/v2/a%252Fb/manifests/v1')).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }))
    expect(() => route('/v2/%zz/manifests/v1')).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }))
    expect(() => route('/v2/a%00b/manifests/v1')).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }))
  })

  test('dots cannot lead out of a repository', () => {
    expect(route('/v2/a/../b/manifests/v1')).toMatchObject({ repository: 'b' })
    expect(() => route('/v2/a%2F..%2Fb/manifests/v1')).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }))
  })

  test('a name, a digest or an upload id that cannot be one is refused with its own code', () => {
    expect(() => route('/v2/UPPER/tags/list')).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }))
    expect(() => route(`/v2/${'a'.repeat(256)}/tags/list`)).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }))
    expect(() => route('/v2/a/blobs/sha256:short')).toThrow(expect.objectContaining({ code: 'DIGEST_INVALID' }))
    expect(() => route('/v2/a/referrers/latest')).toThrow(expect.objectContaining({ code: 'DIGEST_INVALID' }))
    expect(() => route('/v2/a/manifests/sha256:short')).toThrow(expect.objectContaining({ code: 'DIGEST_INVALID' }))
    expect(() => route('/v2/a/blobs/uploads/a:b')).toThrow(expect.objectContaining({ code: 'BLOB_UPLOAD_UNKNOWN' }))
  })

  test('what can never be a tag is unknown to a reader and invalid to a writer', () => {
    expect(() => route('/v2/a/manifests/.v1', 'GET')).toThrow(expect.objectContaining({ code: 'MANIFEST_UNKNOWN' }))
    expect(() => route('/v2/a/manifests/.v1', 'DELETE')).toThrow(expect.objectContaining({ code: 'MANIFEST_UNKNOWN' }))
    expect(() => route('/v2/a/manifests/.v1', 'PUT')).toThrow(expect.objectContaining({ code: 'MANIFEST_INVALID' }))
  })

  test('a prefix stands before the API but not before the root', () => {
    expect(route('/registry/v2/', 'GET', '/registry')).toEqual({ resource: 'base' })
    expect(route('/registry/v2/a/tags/list', 'GET', '/registry')).toMatchObject({ resource: 'tags', repository: 'a' })
    expect(route('/v2/', 'GET', '/registry')).toBeUndefined()
    expect(route('/registryv2/', 'GET', '/registry')).toBeUndefined()
    expect(route('/', 'GET', '/registry')).toEqual({ resource: 'root' })
  })

  test('the query is left as it is for the handler', () => {
    const found = findRoute('GET', new URL('/v2/a/tags/list?n=1&last=a%2Bb&ns=docker.io', 'http://invalid'), '')

    expect(found).toHaveProperty('query', new URLSearchParams({ n: '1', last: 'a+b', ns: 'docker.io' }))
  })
})

const [MANIFEST, BLOB, TAGS] = ['/v2/team/app/manifests/v1', `/v2/team/app/blobs/${DIGEST}`, '/v2/team/app/tags/list']

const target = (path: string) => parseTarget(`http://registry.example.com${path}`)

describe('the route of a path', () => {
  test.each([MANIFEST, BLOB, TAGS, '/v2/', `${MANIFEST}?ns=docker.io`])('%s is the same at the second request', (path) => {
    const routes = new RememberedRoutes('')
    const route = findRoute('GET', target(path), '')

    expect(routes.find('GET', target(path))).toEqual(route)
    expect(routes.find('HEAD', target(path))).toEqual(route)
  })

  test('of a pull is taken apart once', () => {
    const routes = new RememberedRoutes('')
    for (const path of [MANIFEST, BLOB]) expect(routes.find('GET', target(path))).toBe(routes.find('HEAD', target(path)))
  })

  test('is that of its own query', () => {
    const routes = new RememberedRoutes('')
    routes.find('GET', target(MANIFEST))

    const route = routes.find('GET', target(`${MANIFEST}?ns=docker.io`))

    expect(route?.resource === 'manifest' && route.query.get('ns')).toBe('docker.io')
    expect(routes.find('GET', target(MANIFEST))).toEqual(findRoute('GET', target(MANIFEST), ''))
  })

  test('is another one for a push: what can be no tag is told to a push, and unknown to a pull', () => {
    const routes = new RememberedRoutes('')
    const path = '/v2/team/app/manifests/.no-tag'

    expect(() => routes.find('GET', target(path))).toThrow(expect.objectContaining({ code: 'MANIFEST_UNKNOWN' }))
    expect(() => routes.find('PUT', target(path))).toThrow(expect.objectContaining({ code: 'MANIFEST_INVALID' }))
  })

  test('below the prefix counts alone', () => {
    const routes = new RememberedRoutes('/registry')

    expect(routes.find('GET', target(`/registry${MANIFEST}`))).toMatchObject({ repository: 'team/app', reference: 'v1' })
    expect(routes.find('GET', target(MANIFEST))).toBeUndefined()
  })

  test('is remembered of 2,000 paths, none longer than 256 characters', () => {
    const routes = new RememberedRoutes('')
    const long = `/v2/${'a/'.repeat(120)}a/manifests/v1`
    expect(routes.find('GET', target(long))).not.toBe(routes.find('GET', target(long)))

    const first = routes.find('GET', target(MANIFEST))
    for (let number = 1; number < 2000; number += 1) routes.find('GET', target(`/v2/app/manifests/v${number}`))
    expect(routes.find('GET', target(MANIFEST))).toBe(first)
    routes.find('GET', target('/v2/app/manifests/v2000'))

    expect(routes.find('GET', target(MANIFEST))).not.toBe(first)
    expect(routes.find('GET', target(MANIFEST))).toEqual(first)
  })
})
