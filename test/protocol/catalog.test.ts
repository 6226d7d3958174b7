import { describe, expect, test } from 'bun:test'
import { expectError, header, nextPage } from '../support/answers.ts'
import { jsonContent, makeImage } from '../support/images.ts'
import { onEachDriver, type TestRegistry } from '../support/registry.ts'

const INDEX = jsonContent('application/vnd.oci.image.index.v1+json', {
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.index.v1+json',
  manifests: [],
})
const NAMES = ['a', 'a-b/c', 'a.b', 'a/b', 'a/b/c', 'b', 'z/y']

async function list(registry: TestRegistry, path: string) {
  const response = await registry.request('GET', path)
  expect(response.status).toBe(200)
  expect(header(response, 'content-type')).toBe('application/json')
  const { repositories } = (await response.json()) as { repositories: string[] }
  return { repositories, next: nextPage(response) }
}

onEachDriver('an empty registry', (registry) => {
  test('has an empty catalog', async () => {
    expect(await list(registry, '/v2/_catalog')).toEqual({ repositories: [], next: undefined })
  })

  test('a repository with blobs alone is not in the catalog, one with a manifest is until its last is deleted', async () => {
    await registry.pushBlob('blobs/alone', makeImage('catalog').config)
    await registry.pushManifest('comes/and/goes', INDEX)

    expect((await list(registry, '/v2/_catalog')).repositories).toEqual(['comes/and/goes'])
    await registry.client.deleteManifest('comes/and/goes', INDEX.digest)
    expect((await list(registry, '/v2/_catalog')).repositories).toEqual([])
  })
})

onEachDriver('the catalog', (registry) => {
  test('lists the repositories in the order of bytes, and pages them', async () => {
    for (const name of NAMES.toReversed()) await registry.pushManifest(name, INDEX)

    expect(await list(registry, '/v2/_catalog')).toEqual({ repositories: NAMES, next: undefined })
    const first = await list(registry, '/v2/_catalog?n=3')
    const second = await list(registry, first.next ?? '')
    const third = await list(registry, second.next ?? '')
    expect(first.next).toBe('/v2/_catalog?last=a.b&n=3')
    expect([...first.repositories, ...second.repositories, ...third.repositories]).toEqual(NAMES)
    expect(third.next).toBeUndefined()
  })

  test('a name in last is escaped in the Link and need not exist', async () => {
    expect((await list(registry, '/v2/_catalog?n=2')).next).toBe('/v2/_catalog?last=a-b%2Fc&n=2')
    expect((await list(registry, '/v2/_catalog?last=a%2Fzzz')).repositories).toEqual(['b', 'z/y'])
    expect(await list(registry, '/v2/_catalog?n=0')).toEqual({ repositories: [], next: undefined })
  })

  test.each(['-1', 'x'])('n=%s is 400', async (n) => {
    await expectError(await registry.request('GET', `/v2/_catalog?n=${n}`), 400, 'PAGINATION_NUMBER_INVALID')
  })
})

describe('with catalog.maxentries', () => {
  onEachDriver(
    'the catalog',
    (registry) => {
      test('is cut to it with and without n, and the Link leads on', async () => {
        for (const name of NAMES) await registry.pushManifest(name, INDEX)

        expect(await list(registry, '/v2/_catalog')).toEqual({
          repositories: NAMES.slice(0, 4),
          next: '/v2/_catalog?last=a%2Fb&n=4',
        })
        const cut = await list(registry, '/v2/_catalog?n=10000')
        expect(cut.repositories).toEqual(NAMES.slice(0, 4))
        expect((await list(registry, cut.next ?? '')).repositories).toEqual(NAMES.slice(4))
      })
    },
    { maxEntries: 4 },
  )
})
