import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { BerthInProcess, type InProcessOptions } from '../../../test/support/berth-in-process.ts'
import { descriptorOf, type Image, jsonContent } from '../../../test/support/images.ts'
import { expectStatus } from '../../../test/support/registry-client.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { loseDatabase } from '../../../test/support/test-root.ts'
import { MetadataNotWritableError } from '../../metadata/query.ts'
import { listPending } from '../../metadata/search/entries.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { rangeFrom, type ShownNames } from '../../oci/name-ranges.ts'

setDefaultTimeout(120_000)

const OCI = 'application/vnd.oci.image.manifest.v1+json'
const INDEX = 'application/vnd.oci.image.index.v1+json'
const DESCRIPTION = 'org.opencontainers.image.description'
const ALL = { first: 0, count: 1_000 }

let folder: TemporaryFolder
let berth: BerthInProcess

beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  await start()
})
afterEach(async () => {
  await berth[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

async function start(options: InProcessOptions = {}): Promise<void> {
  berth = await BerthInProcess.start(folder.join('data'), options)
}

interface Said {
  readonly description?: string
  readonly created?: string
  readonly labels?: Readonly<Record<string, string>>
  /** Of another manifest. */
  readonly subject?: Image['manifest']
}

function imageOf({ description, created = '2024-01-01T00:00:00Z', labels = {}, subject }: Said = {}): Image {
  const said = description === undefined ? labels : { ...labels, [DESCRIPTION]: description }
  const config = jsonContent('application/vnd.oci.image.config.v1+json', { created, config: { Labels: said } })
  const refers = subject === undefined ? {} : { subject: descriptorOf(subject) }
  const body = { schemaVersion: 2, mediaType: OCI, config: descriptorOf(config), layers: [], ...refers }
  return { config, layers: [], manifest: jsonContent(OCI, body) }
}

async function push(repository: string, said: Said = {}, reference = 'latest'): Promise<Image> {
  const image = imageOf(said)
  await berth.client.pushBlob(repository, image.config)
  await expectStatus(await berth.client.putManifest(repository, reference, image.manifest), 201)
  return image
}

async function names(query: string, fits?: (name: RepositoryName) => boolean): Promise<readonly string[]> {
  return (await berth.registry.search.find(query, ALL, fits && shownBy(fits))).found.map(({ name }) => name)
}

/** Nothing is known of where these names lie. */
function shownBy(fits: (name: RepositoryName) => boolean): ShownNames {
  return { fits, ranges: [rangeFrom('')] }
}

async function descriptionOf(repository: string): Promise<string | undefined> {
  const { found } = await berth.registry.search.find(repository, ALL)
  return found.find(({ name }) => name === repository)?.description
}

describe('a search', () => {
  test('has the exact name first, then names that begin so, then those that have it, then what is said of the others', async () => {
    await push('b/says', { description: 'Built on Apache THRIFT' })
    for (const name of ['z/thrift', 'thrift-tools', 'thrift', 'a/other', 'apache/thrift', 'thrift/compiler']) await push(name)
    await push('a/labelled', { labels: { uses: 'some thrift' } })

    expect(await names('Thrift')).toEqual([
      ...['thrift', 'thrift-tools', 'thrift/compiler', 'apache/thrift', 'z/thrift', 'a/labelled', 'b/says'],
    ])
  })

  test('finds parts of words, in any order, and all of them', async () => {
    await push('team/compiler', { description: 'Apache Thrift' })
    await push('team/other', { description: 'Apache' })

    expect(await names('hrif')).toEqual(['team/compiler'])
    expect(await names('thrift ompil')).toEqual(['team/compiler'])
    expect(await names('apa team')).toEqual(['team/compiler', 'team/other'])
    expect(await names('thrift none')).toEqual([])
    expect(await names('trifth')).toEqual([])
  })

  test.each(['%', '_', '"', "'", '*', 'a" OR "b', 'NEAR(a b)', '100%', '[a-z]', '\\', '{', '日本語'])(
    'takes %j for itself',
    async (text) => {
      await push('plain', { description: 'nothing of the kind' })
      await push('odd', { description: `it says ${text} here` })

      expect(await names(text)).toEqual(['odd'])
    },
  )

  test('finds words of one and of two letters, in names and in descriptions', async () => {
    await push('go/app')
    await push('app', { description: 'written in Go' })
    await push('other')

    await push('tool/ox')

    expect(await names('go')).toEqual(['go/app', 'app'])
    expect(await names('w')).toEqual(['app'])
    expect(await names('ox')).toEqual(['tool/ox'])
    expect(await names('x')).toEqual(['tool/ox'])
  })

  test('for nothing gives all by name', async () => {
    for (const name of ['b', 'a', 'c/d']) await push(name)

    expect(await names('')).toEqual(['a', 'b', 'c/d'])
  })

  test('gives a page of the whole, and says how many there are', async () => {
    for (const name of ['a/app', 'b/app', 'app', 'c/app']) await push(name)

    const { total, found } = await berth.registry.search.find('app', { first: 1, count: 2 })

    expect([total, found.map(({ name }) => String(name))]).toEqual([4, ['a/app', 'b/app']])
  })

  test('shows what its caller may see, and counts nothing else', async () => {
    for (const name of ['app', 'app-hidden', 'team/app', 'secret/app', 'go', 'secret/go']) await push(name)
    const isShown = (name: string) => !name.includes('secret') && !name.includes('hidden')

    expect(await names('app', isShown)).toEqual(['app', 'team/app'])
    expect(await names('go', isShown)).toEqual(['go'])
    expect((await berth.registry.search.find('app', ALL, shownBy(isShown))).total).toBe(2)
  })

  test('goes through more than one step of the lists to what its caller may see', async () => {
    await addRepositories(600)

    const shown = (name: string) => name.endsWith('99')
    expect(await names('many', shown)).toEqual(['many/99', 'many/199', 'many/299', 'many/399', 'many/499', 'many/599'].sort())
    expect(await names('any', shown)).toHaveLength(6)
    expect((await berth.registry.search.find('any/', ALL)).total).toBe(600)
  })

  test('orders and counts a thousand, and no more', async () => {
    await addRepositories(1_200)

    expect((await berth.registry.search.find('many', ALL)).total).toBe(1_000)
    expect((await berth.registry.search.find('any', ALL)).total).toBe(1_000)
    expect((await berth.registry.search.find('y', ALL)).total).toBe(1_000)
  })

  test('does not find what has been deleted', async () => {
    const { manifest } = await push('app', { description: 'Thrift' })
    expect(await names('thrift')).toEqual(['app'])

    await expectStatus(await berth.client.deleteManifest('app', manifest.digest), 202)

    expect(await names('thrift')).toEqual([])
    expect(await names('app')).toEqual([])
  })

  test('looks at each change once', async () => {
    await push('app', { description: 'Thrift' })
    await names('app')

    expect(await listPending(berth.opened.metadata.read, 10)).toEqual([])
  })

  test('keeps in its index what the entries say, and nothing that they said before', async () => {
    await push('app', { description: 'Apache Thrift', created: '2024-01-01T00:00:00Z' }, 'one')
    await names('thrift')
    await push('app', { description: 'something else', created: '2024-02-01T00:00:00Z' }, 'two')
    expect(await names('thrift')).toEqual([])

    // SQLite throws where the index and the entries differ.
    await berth.opened.metadata.write((query) =>
      query.run("INSERT INTO search_words (search_words, rank) VALUES ('integrity-check', 1)"),
    )
  })

  test('finds what was pushed before it was asked, whatever others ask at the same time', async () => {
    const searching = Array.from({ length: 20 }, async (_, number) => {
      await push(`app-${number}`)
      return await names(`app-${number}`)
    })

    const found = await Promise.all(searching)

    expect(found.map(([first]) => first)).toEqual(Array.from({ length: 20 }, (_, number) => `app-${number}`))
  })

  test('finds what was known where nothing can be written', async () => {
    let isFull = false
    await berth.stop()
    await start({
      metadata: (metadata) => ({
        read: metadata.read,
        revision: () => metadata.revision(),
        write: async (operation) => {
          if (isFull) throw new MetadataNotWritableError(new Error('SQLITE_FULL'))
          return await metadata.write(operation)
        },
      }),
    })
    await push('app')
    expect(await names('app')).toEqual(['app'])
    await push('app2')
    isFull = true

    expect(await names('app')).toContain('app')
  })
})

describe('the description', () => {
  test('is that of the newest image, by when it was made', async () => {
    await push('app', { description: 'new', created: '2024-02-01T00:00:00Z' }, 'new')
    await push('app', { description: 'old', created: '2023-01-01T00:00:00Z' }, 'old')
    expect(await descriptionOf('app')).toBe('new')

    await push('app', { description: 'newer', created: '2024-03-01T00:00:00Z' }, 'newer')

    expect(await descriptionOf('app')).toBe('newer')
    expect(await names('old')).toEqual([])
  })

  test('is that of the next one when the newest has gone', async () => {
    await push('app', { description: 'old', created: '2023-01-01T00:00:00Z' }, 'old')
    const newest = await push('app', { description: 'new', created: '2024-02-01T00:00:00Z' }, 'new')
    const middle = await push('app', { description: 'middle', created: '2023-06-01T00:00:00Z' }, 'middle')
    expect(await descriptionOf('app')).toBe('new')

    await expectStatus(await berth.client.deleteManifest('app', newest.manifest.digest), 202)
    expect(await descriptionOf('app')).toBe('middle')
    await expectStatus(await berth.client.deleteManifest('app', middle.manifest.digest), 202)

    expect(await descriptionOf('app')).toBe('old')
  })

  test('is not that of an image which says nothing, or of what is attached to one', async () => {
    const image = await push('app', { description: 'says it' })
    expect(await descriptionOf('app')).toBe('says it')
    await push('app', { created: '2025-01-01T00:00:00Z' }, 'silent')
    await push('app', { description: 'a signature', created: '2025-01-01T00:00:00Z', subject: image.manifest }, 'attached')

    expect(await descriptionOf('app')).toBe('says it')
  })

  test('of an image index is its own, and where it says nothing that of its images', async () => {
    const image = await push('app', { description: 'of the image' })
    const body = { schemaVersion: 2, mediaType: INDEX, manifests: [descriptorOf(image.manifest)] }

    await expectStatus(await berth.client.putManifest('app', 'silent', jsonContent(INDEX, body)), 201)
    expect(await descriptionOf('app')).toBe('of the image')
    const said = jsonContent(INDEX, { ...body, annotations: { [DESCRIPTION]: 'of the index' } })
    await expectStatus(await berth.client.putManifest('app', 'latest', said), 201)

    expect(await descriptionOf('app')).toBe('of the index')
  })

  test('and all that is found is the same after the database is lost', async () => {
    await push('app', { description: 'new', created: '2024-02-01T00:00:00Z' }, 'new')
    await push('app', { description: 'old', created: '2023-01-01T00:00:00Z' }, 'old')
    await push('thrift')
    await berth.stop()
    loseDatabase(folder.join('data'))
    await start()

    expect(await names('thrift')).toEqual(['thrift'])
    await berth.scan()
    expect(await descriptionOf('app')).toBe('')
    await berth.registry.facts.run(new AbortController().signal)

    expect(await descriptionOf('app')).toBe('new')
    expect(await names('new')).toEqual(['app'])
  })
})

/** Without a push of each: a tag makes none of them more there. */
async function addRepositories(count: number): Promise<void> {
  const { opened } = berth
  const image = await push('first')
  await opened.metadata.write(async (query) => {
    await query.run(
      "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?) INSERT INTO repository (name, scanned_epoch) SELECT 'many/' || i, ? FROM n",
      count,
      opened.epoch,
    )
    await query.run(
      "INSERT INTO manifest (repository_id, digest, held, linked, number, epoch) SELECT id, ?, 1, 1, 0, ? FROM repository WHERE name LIKE 'many/%'",
      image.manifest.digest,
      opened.epoch,
    )
  })
}
