import { describe, expect, test } from 'bun:test'
import { findRoute } from './routes.ts'

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
