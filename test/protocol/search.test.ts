import { expect, test } from 'bun:test'
import { expectError, header } from '../support/answers.ts'
import { descriptorOf, jsonContent } from '../support/images.ts'
import { onDriver, onEachDriver, type TestRegistry } from '../support/registry.ts'

interface Answer {
  readonly query: string
  readonly num_results: number
  readonly num_pages: number
  readonly page: number
  readonly page_size: number
  readonly results: readonly { readonly name: string; readonly description: string; readonly is_official: boolean }[]
}

async function search(registry: TestRegistry, query: string): Promise<Answer> {
  const response = await registry.request('GET', `/v1/search?${query}`)
  expect(response.status).toBe(200)
  expect(header(response, 'content-type')).toBe('application/json')
  return (await response.json()) as Answer
}

async function names(registry: TestRegistry, query: string): Promise<readonly string[]> {
  return (await search(registry, query)).results.map(({ name }) => name)
}

async function push(registry: TestRegistry, repository: string, description: string): Promise<void> {
  const Labels = { 'org.opencontainers.image.description': description }
  const config = jsonContent('application/vnd.oci.image.config.v1+json', { config: { Labels } })
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  await registry.pushBlob(repository, config)
  const body = { schemaVersion: 2, mediaType, config: descriptorOf(config), layers: [] }
  await registry.pushManifest(repository, jsonContent(mediaType, body), 'latest')
}

onEachDriver('an empty registry', (registry) => {
  test('finds nothing', async () => {
    expect(await search(registry, 'q=thrift&n=25')).toEqual({
      ...{ query: 'thrift', num_results: 0, num_pages: 0, page: 1, page_size: 25, results: [] },
    })
  })
})

onEachDriver('a search', (registry) => {
  test('answers in the form of the first registry API, with what was pushed a moment ago', async () => {
    await push(registry, 'thrift', 'Thrift is a\u0007 framework')

    expect(await search(registry, 'q=Thrift')).toEqual({
      ...{ query: 'Thrift', num_results: 1, num_pages: 1, page: 1, page_size: 25 },
      results: [
        {
          ...{ name: 'thrift', description: 'Thrift is a  framework', star_count: 0 },
          ...{ is_automated: false, is_official: false, is_trusted: false },
        } as never,
      ],
    })
  })

  test('calls official what stands in library, and nothing below it', async () => {
    for (const name of ['library/redis', 'library/redis/deep', 'redis']) await push(registry, name, 'Redis')

    const { results } = await search(registry, 'q=redis')

    expect(results.map(({ name, is_official }) => [name, is_official])).toEqual([
      ['redis', false],
      ['library/redis', true],
      ['library/redis/deep', false],
    ])
  })

  test('gives as many as are asked for, 100 at most, and the next page', async () => {
    for (const number of ['1', '2', '3', '4', '5']) await push(registry, `paged/${number}`, 'of five')

    expect(await names(registry, 'q=paged&n=2')).toEqual(['paged/1', 'paged/2'])
    expect(await names(registry, 'q=paged&n=2&page=3')).toEqual(['paged/5'])
    expect(await names(registry, 'q=paged&n=2&page=4')).toEqual([])
    expect(await search(registry, 'q=paged&n=1000')).toMatchObject({ page_size: 100, num_pages: 1, num_results: 5 })
    expect(await search(registry, 'q=paged&n=0')).toMatchObject({ page_size: 1, num_pages: 5 })
  })

  test.each(['n=x', 'n=-1', 'page=0', 'page=x', 'page=99999999999'])('with %s is 400', async (query) => {
    await expectError(await registry.request('GET', `/v1/search?q=a&${query}`), 400, 'PAGINATION_NUMBER_INVALID')
  })

  test('for a name with a slash, and for one that is escaped, is the same', async () => {
    await push(registry, 'apache/thrift', 'Apache')

    expect(await names(registry, 'q=apache/thr')).toEqual(['apache/thrift'])
    expect(await names(registry, 'q=apache%2Fthr')).toEqual(['apache/thrift'])
  })

  test('forgets what was deleted', async () => {
    await push(registry, 'comes/and/goes', 'for a moment')
    const found = async () => await names(registry, 'q=comes+moment')
    expect(await found()).toEqual(['comes/and/goes'])
    const digest = header(await registry.client.headManifest('comes/and/goes', 'latest'), 'docker-content-digest')

    await registry.client.deleteManifest('comes/and/goes', digest ?? '')

    expect(await found()).toEqual([])
  })
})

onEachDriver('the first registry API', (registry) => {
  test('is there for Docker to ask before it searches', async () => {
    const response = await registry.request('GET', '/v1/_ping')

    expect(response.status).toBe(200)
    expect(header(response, 'x-docker-registry-standalone')).toBe('true')
    expect(await response.json()).toEqual({ standalone: true })
  })

  test.each([
    '/v1/',
    '/v1/repositories/app/images',
    '/v1/repositories/app/tags',
    '/v1/images/abc/json',
    '/v1/search/more',
    '/v1/users',
  ])('has no %s, and says where clients go on', async (path) => {
    const response = await registry.request('GET', path)

    expect(header(response, 'docker-distribution-api-version')).toBe('registry/2.0')
    const body = await response.clone().text()
    await expectError(response, 404, 'NAME_UNKNOWN')
    expect(body).toContain('/v2/')
  })

  test.each(['POST', 'PUT', 'DELETE'])('takes no %s', async (method) => {
    await expectError(await registry.request(method, '/v1/search?q=a'), 405, 'UNSUPPORTED')
  })
})

onDriver(
  'filesystem',
  (registry) => {
    test('with search.official, what the patterns name is official, and library no longer', async () => {
      for (const name of ['library/redis', 'base/deep/redis', 'redis']) await push(registry, name, 'Redis')

      const { results } = await search(registry, 'q=redis')

      expect(Object.fromEntries(results.map(({ name, is_official }) => [name, is_official]))).toEqual({
        ...{ redis: true, 'base/deep/redis': true, 'library/redis': false },
      })
    })
  },
  { official: ['base/**', 'redis'] },
)
