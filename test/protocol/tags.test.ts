import { describe, expect, test } from 'bun:test'
import { contentHeaders, expectError, header, nextPage } from '../support/answers.ts'
import { type Content, jsonContent, makeImage } from '../support/images.ts'
import { onDriver, onEachDriver, type TestRegistry } from '../support/registry.ts'

const INDEX = jsonContent('application/vnd.oci.image.index.v1+json', {
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.index.v1+json',
  manifests: [],
})

interface TagList {
  readonly name: string
  readonly tags: readonly string[]
}

async function tagged(registry: TestRegistry, tags: readonly string[], manifest: Content = INDEX): Promise<string> {
  const repository = registry.newRepository()
  await registry.pushManifest(repository, manifest)
  for (const tag of tags) await registry.pushManifest(repository, manifest, tag)
  return repository
}

async function list(registry: TestRegistry, path: string) {
  const response = await registry.request('GET', path)
  expect(response.status).toBe(200)
  const { name, tags } = (await response.json()) as TagList
  return { name, tags, next: nextPage(response), response }
}

onEachDriver('listing tags', (registry) => {
  test('GET gives the name and every tag in the order of bytes, without a Link (end-8a)', async () => {
    const repository = await tagged(registry, ['v10', 'v2', 'B', 'a', '_', 'v1', 'V1', 'a.b', 'a-b', 'A'])

    const { name, tags, next, response } = await list(registry, `/v2/${repository}/tags/list`)

    expect(name).toBe(repository)
    expect(tags).toEqual(['A', 'B', 'V1', '_', 'a', 'a-b', 'a.b', 'v1', 'v10', 'v2'])
    expect(next).toBeUndefined()
    expect(header(response, 'content-type')).toBe('application/json')
    expect(Number(header(response, 'content-length'))).toBe(JSON.stringify({ name, tags }).length)
  })

  test('HEAD has the headers of GET (end-8a)', async () => {
    const path = `/v2/${await tagged(registry, ['a', 'b'])}/tags/list?n=1`

    const head = await registry.request('HEAD', path)

    expect(head.status).toBe(200)
    expect(contentHeaders(head)).toEqual(contentHeaders(await registry.request('GET', path)))
  })

  test('a repository whose manifests have no tags has an empty list (end-8a)', async () => {
    const repository = await tagged(registry, [])

    expect((await list(registry, `/v2/${repository}/tags/list`)).tags).toEqual([])
  })

  test('a repository that is not there is 404, and so is one that has blobs alone (end-8a)', async () => {
    const repository = registry.newRepository()
    await registry.pushBlob(repository, makeImage('blobs alone').config)

    for (const query of ['', '?n=0', '?n=5&last=a']) {
      await expectError(await registry.request('GET', `/v2/no/such/repository/tags/list${query}`), 404, 'NAME_UNKNOWN')
      await expectError(await registry.request('GET', `/v2/${repository}/tags/list${query}`), 404, 'NAME_UNKNOWN')
    }
  })

  test('n gives that many, and a Link to the rest as long as there is one (end-8b)', async () => {
    const repository = await tagged(registry, ['a', 'b', 'c', 'd', 'e'])

    const first = await list(registry, `/v2/${repository}/tags/list?n=2`)
    const second = await list(registry, first.next ?? '')
    const third = await list(registry, second.next ?? '')

    expect([first.tags, second.tags, third.tags]).toEqual([['a', 'b'], ['c', 'd'], ['e']])
    expect(first.next).toBe(`/v2/${repository}/tags/list?last=b&n=2`)
    expect(third.next).toBeUndefined()
  })

  test('a page that ends with the last tag has no Link (end-8b)', async () => {
    const repository = await tagged(registry, ['a', 'b', 'c', 'd'])

    expect((await list(registry, `/v2/${repository}/tags/list?n=4`)).next).toBeUndefined()
    expect((await list(registry, `/v2/${repository}/tags/list?n=2&last=b`)).next).toBeUndefined()
    expect((await list(registry, `/v2/${repository}/tags/list?n=100`)).tags).toEqual(['a', 'b', 'c', 'd'])
  })

  test('n=0 gives an empty list without a Link (end-8b)', async () => {
    const repository = await tagged(registry, ['a', 'b'])

    const { tags, next } = await list(registry, `/v2/${repository}/tags/list?n=0`)

    expect(tags).toEqual([])
    expect(next).toBeUndefined()
  })

  test('last gives what comes after it, whether it is a tag or not, with n or without (end-8b)', async () => {
    const repository = await tagged(registry, ['a', 'b', 'd', 'e'])
    const after = async (query: string) => (await list(registry, `/v2/${repository}/tags/list?${query}`)).tags

    expect(await after('last=b')).toEqual(['d', 'e'])
    expect(await after('last=c')).toEqual(['d', 'e'])
    expect(await after('last=b&n=1')).toEqual(['d'])
    expect(await after('last=a%2Bnot%20a%20tag')).toEqual(['b', 'd', 'e'])
    expect(await after('last=zzz')).toEqual([])
    expect(await after('last=')).toEqual(['a', 'b', 'd', 'e'])
  })

  test.each(['-1', 'x', '1.5', '1e3', '%2B1', '0x1'])('n=%s is 400 (end-8b)', async (n) => {
    const repository = await tagged(registry, ['a'])

    const response = await registry.request('GET', `/v2/${repository}/tags/list?n=${n}`)

    await expectError(response, 400, 'PAGINATION_NUMBER_INVALID')
  })
})

describe('with tags.maxtags', () => {
  onDriver(
    'inmemory',
    (registry) => {
      test('a larger n is cut to it and the Link leads on; without n the list is whole (end-8b)', async () => {
        const repository = await tagged(registry, ['a', 'b', 'c', 'd'])

        const cut = await list(registry, `/v2/${repository}/tags/list?n=100`)
        const rest = await list(registry, cut.next ?? '')
        const whole = await list(registry, `/v2/${repository}/tags/list`)

        expect(cut.tags).toEqual(['a', 'b', 'c'])
        expect(rest.tags).toEqual(['d'])
        expect(whole.tags).toEqual(['a', 'b', 'c', 'd'])
      })
    },
    { maxTags: 3 },
  )
})

describe('a repository with many tags', () => {
  onDriver('inmemory', (registry) => {
    test('is listed whole without n, and page by page along the Links (end-8a, end-8b)', async () => {
      const tags = Array.from({ length: 10_050 }, (_, at) => `v${String(at).padStart(6, '0')}`)
      const repository = await tagged(registry, [])
      for (let at = 0; at < tags.length; at += 50) {
        const query = tags.slice(at, at + 50).map((tag) => `tag=${tag}`)
        await registry.pushManifest(repository, INDEX, `${INDEX.digest}?${query.join('&')}`)
      }

      const whole = await list(registry, `/v2/${repository}/tags/list`)
      const paged: string[] = []
      let next: string | undefined = `/v2/${repository}/tags/list?n=900`
      while (next !== undefined) {
        const page = await list(registry, next)
        paged.push(...page.tags)
        next = page.next
      }

      expect(whole.tags).toEqual(tags)
      expect(whole.next).toBeUndefined()
      expect(paged).toEqual(tags)
      expect((await registry.request('HEAD', `/v2/${repository}/tags/list`)).status).toBe(200)
    }, 120_000)
  })
})
