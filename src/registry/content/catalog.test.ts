import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { RestartableRegistry } from '../../../test/support/restartable-registry.ts'
import { ownWork } from '../../observe/actor.ts'
import { type Digest, digestOf } from '../../oci/digest.ts'
import { OCI_IMAGE_INDEX, OCI_IMAGE_MANIFEST } from '../../oci/media-types.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { rangesOf } from '../../oci/name-ranges.ts'
import { parseTag } from '../../oci/reference.ts'
import { RepositoryGlob } from '../../oci/repository-glob.ts'
import type { Page } from './catalog.ts'

const ALL = { last: undefined, limit: undefined }
const NAMES = ['a', 'a/b', 'a-b', 'a.b', 'a_b', 'a0', 'aa', 'b/c/d']
const TAGS = ['latest', 'Latest', '_x', 'v1', 'v10', 'v1.0', 'v1-a', '0']
const tagged = parseRepositoryName('a')
const subject = digestOf('sha256', new TextEncoder().encode('subject'))

let berth: RestartableRegistry

beforeAll(async () => {
  berth = await RestartableRegistry.start({ storage: 'inmemory' })
  for (const name of NAMES) await pushIndex(name, {})
  for (const tag of TAGS) await pushIndex('a', {}, tag)
  for (const artifactType of ['one', 'two', 'two', undefined]) {
    await pushIndex('a', { artifactType, subject: { mediaType: OCI_IMAGE_MANIFEST, digest: subject, size: 1 } })
  }
  const chunk = { body: new Response('x').body, start: undefined, length: undefined }
  await berth.registry.uploads.push(parseRepositoryName('only-a-blob'), {
    digest: digestOf('sha256', new TextEncoder().encode('x')),
    chunk,
    actor: ownWork('test'),
  })
})
afterAll(async () => {
  await berth[Symbol.asyncDispose]()
})

let manifests = 0
async function pushIndex(name: string, fields: object, tag?: string): Promise<Digest> {
  manifests += 1
  const body = { schemaVersion: 2, mediaType: OCI_IMAGE_INDEX, manifests: [], annotations: { count: `${manifests}` }, ...fields }
  const bytes = new TextEncoder().encode(JSON.stringify(body))
  const digest = digestOf('sha256', bytes)
  const reference = tag === undefined ? digest : parseTag(tag)
  await berth.registry.manifests.put(parseRepositoryName(name), {
    reference,
    tags: [],
    contentType: undefined,
    bytes,
    actor: ownWork('test'),
  })
  return digest
}

function inByteOrder(texts: readonly string[]): string[] {
  return [...texts].sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)))
}

/** All entries, asked for in pages of this size, each beginning after the last of the one before. */
async function inPages<Entry>(
  limit: number,
  list: (page: { last: string | undefined; limit: number }) => Promise<Page<Entry>>,
  keyOf: (entry: Entry) => string,
): Promise<Entry[]> {
  const entries: Entry[] = []
  for (;;) {
    const last = entries.at(-1)
    const page = await list({ last: last === undefined ? undefined : keyOf(last), limit })
    expect(page.entries.length).toBeLessThanOrEqual(limit)
    if (page.more) expect(page.entries).toHaveLength(limit)
    entries.push(...page.entries)
    if (!page.more) return entries
  }
}

describe.each([
  ['as it was written', undefined],
  ['after a start without the database', { database: 'gone', maintenance: 'off' } as const],
])('a list, %s,', (_, restart) => {
  beforeAll(async () => {
    if (restart !== undefined) await berth.restart(restart)
  })

  test('of repositories has those that hold a manifest, in byte order', async () => {
    const { catalog } = berth.registry

    expect(await catalog.listRepositories(ALL)).toEqual({ entries: inByteOrder(NAMES), more: false })
    for (const limit of [1, 3, 8, 9]) {
      expect(await inPages(limit, (page) => catalog.listRepositories(page), String)).toEqual(inByteOrder(NAMES))
    }
  })

  test.each([
    [['a'], ['a']],
    [
      ['a/*', 'b/**'],
      ['a/b', 'b/c/d'],
    ],
    [['a*'], ['a', 'a-b', 'a.b', 'a0', 'a_b', 'aa']],
    [
      ['a0', 'aa', 'b/c/*'],
      ['a0', 'aa', 'b/c/d'],
    ],
    [
      ['**/d', 'a'],
      ['a', 'b/c/d'],
    ],
    [['c/**'], []],
  ] as const)('of repositories that fit %j has %j', async (patterns, expected) => {
    const globs = patterns.map((text) => RepositoryGlob.find(text)).filter((glob) => glob !== undefined)
    const fits = (name: string) => globs.some((glob) => glob.fits(name))
    const { catalog } = berth.registry

    // Where the rules are known, what fits them is kept.
    for (const rules of [undefined, patterns.join(' ')]) {
      const shown = { fits, ranges: rangesOf(globs), rules }
      for (const limit of [1, 2, 3, 9])
        expect(await inPages(limit, (page) => catalog.listRepositories(page, shown), String)).toEqual([...expected])
    }
  })

  test('of tags is in byte order, in pages of any size', async () => {
    const { catalog } = berth.registry

    expect(await catalog.listTags(tagged, ALL)).toEqual({ entries: inByteOrder(TAGS), more: false })
    for (const limit of [1, 3, 8, 9]) {
      expect(await inPages(limit, (page) => catalog.listTags(tagged, page), String)).toEqual(inByteOrder(TAGS))
    }
  })

  test('of none is empty, and says whether there is something', async () => {
    const { catalog } = berth.registry

    expect(await catalog.listTags(tagged, { last: undefined, limit: 0 })).toEqual({ entries: [], more: true })
    expect(await catalog.listTags(tagged, { last: 'zzz', limit: 0 })).toEqual({ entries: [], more: false })
    expect(await catalog.listRepositories({ last: undefined, limit: 0 })).toEqual({ entries: [], more: true })
  })

  test('of the tags of a repository without a manifest does not exist', async () => {
    for (const name of ['none', 'only-a-blob']) {
      await expect(berth.registry.catalog.listTags(parseRepositoryName(name), ALL)).rejects.toMatchObject({
        code: 'NAME_UNKNOWN',
      })
    }
  })

  test('of repositories looks at no more names than a short page of what a caller may see needs', async () => {
    const looked: string[] = []
    const shown = { fits: (name: string) => looked.push(name) > 0, ranges: [{ from: '', below: '\u{10ffff}' }] }

    const page = await berth.registry.catalog.listRepositories({ last: undefined, limit: 1 }, shown)

    expect(page).toEqual({ entries: ['a'], more: true })
    expect(looked).toEqual(['a', 'a-b'])
  })

  test('of referrers is in the order of digests, filtered where asked for, in pages of any size', async () => {
    const { catalog } = berth.registry
    const referrers = async (artifactType: string | undefined) =>
      (await catalog.listReferrers(tagged, subject, { artifactType }, ALL)).entries.map(({ digest }) => digest)
    const all = await referrers(undefined)

    expect(all).toHaveLength(4)
    expect(all).toEqual([...all].sort())
    expect((await Promise.all(['one', 'two', 'none'].map(referrers))).map((digests) => digests.length)).toEqual([1, 2, 0])
    for (const limit of [1, 3, 4, 5]) {
      const list = (page: { last: string | undefined; limit: number }) =>
        catalog.listReferrers(tagged, subject, { artifactType: undefined }, page)
      const paged = await inPages(limit, list, ({ digest }) => digest)
      expect(paged.map(({ digest }) => digest)).toEqual(all)
    }
  })

  test('of referrers is empty for what nobody refers to, and for a repository that is not there', async () => {
    const empty = { entries: [], more: false }
    const { catalog } = berth.registry

    expect(await catalog.listReferrers(tagged, digestOf('sha256', new Uint8Array()), { artifactType: undefined }, ALL)).toEqual(
      empty,
    )
    expect(await catalog.listReferrers(parseRepositoryName('none'), subject, { artifactType: undefined }, ALL)).toEqual(empty)
  })
})
