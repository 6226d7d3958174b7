import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import fc from 'fast-check'
import { Paths } from '../../src/http/answer/links.ts'
import { findRoute } from '../../src/http/routes.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { RegistryError } from '../../src/oci/errors.ts'
import { parseRepositoryName } from '../../src/oci/name.ts'
import { parseTag } from '../../src/oci/reference.ts'
import { PROPERTY_TIMEOUT_MS, runs } from '../support/property-runs.ts'

setDefaultTimeout(PROPERTY_TIMEOUT_MS)

const METHODS = fc.constantFrom('GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY')
const PREFIXES = fc.constantFrom('', '/registry', '/a/b')

/** The words of the API itself are names as good as any. */
const components = fc.oneof(
  fc.constantFrom('v2', 'blobs', 'manifests', 'tags', 'list', 'uploads', 'referrers', 'a', 'a-b'),
  fc.stringMatching(/^[a-z0-9]{1,8}([._-][a-z0-9]{1,4}){0,2}$/),
)
const repositories = fc.array(components, { minLength: 1, maxLength: 5 }).map((parts) => parseRepositoryName(parts.join('/')))
const digests = fc
  .tuple(fc.constantFrom('sha256', 'sha512'), fc.uint8Array())
  .map(([algorithm, bytes]) => digestOf(algorithm, bytes))
const tags = fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,20}$/).map(parseTag)

function routeOf(method: string, path: string, prefix = '') {
  return findRoute(method, new URL(path, 'http://invalid'), prefix)
}

/** The same path, with some of its letters percent-encoded, as it may arrive. */
function encoded(path: string, every: number): string {
  const encode = (letter: string) => `%${letter.charCodeAt(0).toString(16)}`
  return [...path].map((letter, index) => (/[a-z:]/.test(letter) && index % every === 0 ? encode(letter) : letter)).join('')
}

describe('a path that the registry gives out', () => {
  const paths = fc.record({
    method: METHODS,
    prefix: PREFIXES,
    repository: repositories,
    digest: digests,
    every: fc.integer({ min: 1, max: 9 }),
  })

  test('leads back to what it was given out for', () => {
    const check = fc.property(paths, ({ method, prefix, repository, digest }) => {
      const given = new Paths(prefix)

      expect(routeOf(method, given.catalog(), prefix)).toMatchObject({ resource: 'catalog' })
      expect(routeOf(method, given.tags(repository), prefix)).toMatchObject({ resource: 'tags', repository })
      expect(routeOf(method, given.blob(repository, digest), prefix)).toMatchObject({ resource: 'blob', repository, digest })
      expect(routeOf(method, given.manifest(repository, digest), prefix)).toMatchObject({
        resource: 'manifest',
        repository,
        reference: digest,
      })
      expect(routeOf(method, given.referrers(repository, digest), prefix)).toMatchObject({
        resource: 'referrers',
        repository,
        subject: digest,
      })
      const uploadId = Bun.randomUUIDv7()
      expect(routeOf(method, given.upload(repository, uploadId), prefix)).toMatchObject({
        resource: 'upload',
        repository,
        uploadId,
      })
    })
    fc.assert(check, runs(1000))
  })

  test('means the same when a client encodes letters that need not be', () => {
    const check = fc.property(paths, ({ method, repository, digest, every }) => {
      const given = new Paths('')

      for (const path of [given.blob(repository, digest), given.tags(repository), given.referrers(repository, digest)]) {
        expect(routeOf(method, `/v2${encoded(path.slice('/v2'.length), every)}`)).toEqual(routeOf(method, path))
      }
    })
    fc.assert(check, runs(500))
  })

  test('by a tag leads to the tag', () => {
    const check = fc.property(METHODS, repositories, tags, (method, repository, tag) => {
      expect(routeOf(method, `/v2/${repository}/manifests/${tag}`)).toMatchObject({
        resource: 'manifest',
        repository,
        reference: tag,
      })
    })
    fc.assert(check, runs(500))
  })
})

describe('any other path', () => {
  const segments = fc.oneof(
    components,
    fc.constantFrom(
      '',
      '.',
      '..',
      '%2e%2e',
      '%2F',
      '%00',
      '%zz',
      '%',
      '_catalog',
      'A',
      '..%2f',
      '%c3%28',
      'sha256:',
      'a:b',
      '\\',
      '~',
      ' ',
    ),
    digests,
    tags,
    fc.string({ unit: 'grapheme' }),
  )
  const anyPath = fc.array(segments, { maxLength: 8 }).map((parts) => `/${parts.join('/')}`)

  test('is nothing, something, or refused with a code: never anything else', () => {
    const check = fc.property(
      METHODS,
      PREFIXES,
      fc.oneof(
        anyPath,
        anyPath.map((path) => `/v2${path}`),
      ),
      (method, prefix, path) => {
        fc.pre(URL.canParse(path, 'http://invalid'))
        try {
          const route = routeOf(method, path, prefix)
          if (route !== undefined && 'repository' in route)
            expect(String(parseRepositoryName(route.repository))).toBe(route.repository)
        } catch (error) {
          expect(error).toBeInstanceOf(RegistryError)
        }
      },
    )
    fc.assert(check, runs(5000))
  })
})
