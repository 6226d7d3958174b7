import { describe, expect, test } from 'bun:test'
import { digestOf } from '../../oci/digest.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { nextLink, Paths, rootPath } from './links.ts'

const repository = parseRepositoryName('a/b')
const digest = digestOf('sha256', new Uint8Array())

describe('paths', () => {
  test('are paths alone, without a query', () => {
    const paths = new Paths('')

    expect(paths.blob(repository, digest)).toBe(`/v2/a/b/blobs/${digest}`)
    expect(paths.manifest(repository, digest)).toBe(`/v2/a/b/manifests/${digest}`)
    expect(paths.upload(repository, '1')).toBe('/v2/a/b/blobs/uploads/1')
  })

  test('begin with what stands before the API for clients', () => {
    expect(new Paths('/registry').tags(repository)).toBe('/registry/v2/a/b/tags/list')
    expect(new Paths('/registry').catalog()).toBe('/registry/v2/_catalog')
    expect(new Paths('/registry').referrers(repository, digest)).toBe(`/registry/v2/a/b/referrers/${digest}`)
  })

  test.each([
    [undefined, '', ''],
    [undefined, '/registry', '/registry'],
    ['https://registry.example.com', '', ''],
    ['https://registry.example.com/', '/registry', '/registry'],
    ['https://example.com/public/', '', '/public'],
    ['https://example.com/public', '/registry', '/public'],
    ['not a url', '', ''],
  ])('http.host %p and http.prefix %p give the root %p', (host, prefix, root) => {
    expect(rootPath(host, prefix)).toBe(root)
  })
})

describe('Link (RFC 8288)', () => {
  test('leads to the next page with its parameters in order', () => {
    expect(nextLink('/v2/a/tags/list', { last: 'v1', n: 10 })).toBe('</v2/a/tags/list?last=v1&n=10>; rel="next"')
  })

  test('leaves out what is undefined and escapes what would end it', () => {
    const link = nextLink('/v2/a/referrers/x', { artifactType: 'a/b+c; d="e">&f=1,ü', last: undefined })

    expect(link).toBe('</v2/a/referrers/x?artifactType=a%2Fb%2Bc%3B%20d%3D%22e%22%3E%26f%3D1%2C%C3%BC>; rel="next"')
    const target = new URL(link.slice(1, link.indexOf('>')), 'http://invalid')
    expect(target.searchParams.get('artifactType')).toBe('a/b+c; d="e">&f=1,ü')
  })
})
