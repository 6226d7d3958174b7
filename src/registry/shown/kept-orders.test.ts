import { afterEach, beforeEach, expect, setDefaultTimeout, spyOn, test } from 'bun:test'
import { pushImage } from '../../../test/collect/rows/row.ts'
import { BerthInProcess } from '../../../test/support/berth-in-process.ts'
import { makeImage } from '../../../test/support/images.ts'
import { SeededRandom } from '../../../test/support/seeded-random.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { dayNumberOf } from '../../metadata/pulls/notes.ts'
import type { Metadata, Query } from '../../metadata/query.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { PullCounts } from '../pulls/pull-counts.ts'
import { KeptOrders, MANY_TAGS } from './kept-orders.ts'
import { OrderedTags } from './ordered-tags.ts'
import { TAG_SORTS, type TagSort } from './tag-order.ts'

setDefaultTimeout(120_000)

const APP = parseRepositoryName('app')
const { signal } = new AbortController()
const images = Array.from({ length: 8 }, (_, number) => makeImage(`image ${number}`))

let folder: TemporaryFolder
let berth: BerthInProcess
let id: number

beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  berth = await BerthInProcess.start(folder.join('data'))
  for (const [number, image] of images.entries()) await pushImage(berth.client, image, `first-${number}`, APP)
  await berth.scan()
  id = (await berth.opened.metadata.read.get<{ id: number }>("SELECT id FROM repository WHERE name = 'app'"))?.id ?? 0
})
afterEach(async () => {
  await berth[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

/** Without a push of each. */
async function addTags(tags: readonly string[], random: SeededRandom): Promise<void> {
  const rows = tags.map((tag) => [
    tag,
    images[random.below(images.length)]?.manifest.digest,
    random.below(3) === 0 ? null : random.below(50),
  ])
  await write(
    `INSERT INTO tag (repository_id, name, digest, held, number, epoch, moved_ms)
     SELECT ?, value ->> 0, value ->> 1, 1, 0, ?, value ->> 2 FROM json_each(?) WHERE true
     ON CONFLICT (repository_id, name) DO UPDATE SET digest = excluded.digest, held = 1, moved_ms = excluded.moved_ms`,
    ...[id, berth.opened.epoch, JSON.stringify(rows)],
  )
}

async function write(sql: string, ...values: (string | number)[]): Promise<void> {
  await berth.opened.metadata.write((query) => query.run(sql, ...values))
}

/** In pages, as clients ask for them. */
async function shown(sort: TagSort, isDescending: boolean, part: string | undefined, limit: number): Promise<readonly string[]> {
  const names: string[] = []
  for (let after: never | undefined; ; ) {
    const page = await berth.registry.shown.tags.page(APP, { sort, isDescending, part, after, limit, signal })
    names.push(...page.entries.map(({ tag }) => tag))
    if (page.next === undefined) return names
    after = page.next as never
  }
}

async function expectAll(limit: number): Promise<void> {
  const { metadata } = berth.opened
  for (const sort of TAG_SORTS) {
    const sorted = await new OrderedTags({ metadata, pulls: new PullCounts(metadata) }).of({ id, name: APP }, sort, signal)
    const names = sorted.map(({ tag }) => String(tag))
    for (const isDescending of [false, true]) {
      for (const part of [undefined, '1', 'RC', 'zz']) {
        const expected = (isDescending ? names.toReversed() : names).filter((name) => name.includes(part?.toLowerCase() ?? ''))
        expect([sort, isDescending, part, await shown(sort, isDescending, part, limit)]).toEqual([
          sort,
          isDescending,
          part,
          expected,
        ])
      }
    }
  }
}

function someTags(random: SeededRandom, count: number): readonly string[] {
  const number = () => random.below(12)
  return Array.from({ length: count }, () => {
    const version = [
      `${number()}.${number()}`,
      `v${number()}`,
      `${number()}.${number()}.0`,
      `1.${number()}-rc.${number()}`,
      `1.0-${number()}`,
    ]
    return version[random.below(5)] ?? `main-${number()}`
  }).concat('latest', 'main-7', 'a', 'Z')
}

test('orders that are kept are those that sorting gives, page by page, whatever is pushed, moved, deleted or read meanwhile', async () => {
  const random = new SeededRandom(21)
  await addTags(someTags(random, 150), random)
  await write(
    'INSERT INTO pull_day (repository, reference, day, count, last_ms) SELECT ?, value, ?, 1 + length(value), 0 FROM json_each(?)',
    ...['app', dayNumberOf(Date.now()), JSON.stringify(['latest', 'a', 'gone', 'v1', 'v2'])],
  )
  await write('UPDATE image_facts SET created_ms = NULL, size = NULL WHERE digest = ?', images[0]?.manifest.digest ?? '')

  await berth.registry.orders.keep(id)
  await expectAll(7)
  await berth.registry.orders.run(signal)
  expect(await berth.opened.metadata.read.get('SELECT filled FROM ordered_repository')).toEqual({ filled: null })
  await expectAll(7)

  await addTags(someTags(random, 60), random)
  await write("UPDATE tag SET held = 0, digest = NULL WHERE name IN ('latest', 'v1')")
  await write("DELETE FROM tag WHERE name = 'Z'")
  await expectAll(40)
  await write('UPDATE image_facts SET state = 1, created_ms = NULL, size = NULL')
  await write('UPDATE image_facts SET state = 0, created_ms = length(digest) + unicode(substr(digest, 9)), size = 5')
  await expectAll(40)
})

test('of an image index the facts of its first image count, also where these are read after it', async () => {
  const [index = '', child = ''] = images.map(({ manifest }) => manifest.digest)
  await write('UPDATE image_facts SET first_image = ?, created_ms = NULL, size = NULL WHERE digest = ?', child, index)
  await write("INSERT INTO reference (repository_id, manifest, target, role) VALUES (?, ?, ?, 'child')", id, index, child)
  await write('UPDATE image_facts SET state = 1, size = NULL WHERE digest = ?', child)
  await berth.registry.orders.keep(id)
  await berth.registry.orders.run(signal)
  expect((await shown('size', false, undefined, 100)).slice(0, 2)).toEqual(['first-0', 'first-1'])

  await write('UPDATE image_facts SET state = 0, size = 999999999 WHERE digest = ?', child)

  expect((await shown('size', true, undefined, 100)).slice(0, 2)).toEqual(['first-1', 'first-0'])
})

test('a repository of very many tags is found, its order is kept, and a page reads no more rows than it shows', async () => {
  await addTags(
    Array.from({ length: MANY_TAGS }, (_, number) => `v${number}`),
    new SeededRandom(1),
  )
  await berth.registry.orders.run(signal)
  const rows = spyOn(berth.opened.metadata.read, 'all')

  const page = await berth.registry.shown.tags.page(APP, {
    ...{ sort: 'version', isDescending: true, part: undefined, after: undefined, limit: 3, signal },
  })
  const whole = await berth.registry.shown.repositories.of(APP, undefined, signal)
  const read = await Promise.all(rows.mock.results.map(async ({ value }) => ((await value) as unknown[]).length))
  rows.mockRestore()

  expect(page.entries.map(({ tag }) => String(tag))).toEqual(['v4999', 'v4998', 'v4997'])
  expect([whole.tags, whole.images]).toEqual([MANY_TAGS + images.length, images.length])
  expect(Math.max(...read)).toBeLessThanOrEqual(100)
})

test('a look for repositories of many tags is about a few of them at a time where these take long', async () => {
  const repositories = 300
  await write(`WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < ${repositories})
    INSERT INTO repository (name) SELECT 'ci/app-' || n FROM i`)
  const { metadata } = berth.opened
  const spans: number[] = []
  let nowMs = 0
  const all: Query['all'] = async (sql, ...values) => {
    const [after, upTo] = values.map(Number)
    if (String(sql).includes('OFFSET') && after !== undefined && upTo !== undefined) {
      spans.push(upTo - after)
      nowMs += upTo - after
    }
    return await metadata.read.all(sql, ...values)
  }
  const { read } = metadata
  const slow: Metadata = {
    read: { all, get: (sql, ...values) => read.get(sql, ...values), run: (sql, ...values) => read.run(sql, ...values) },
    revision: () => metadata.revision(),
    write: (operation) => metadata.write(operation),
  }
  using _clock = spyOn(performance, 'now').mockImplementation(() => nowMs)

  await new KeptOrders({ metadata: slow, backgroundScan: { isComplete: async () => true } }).run(signal)

  // Each repository takes a millisecond of this clock.
  expect(spans.reduce((sum, span) => sum + span, 0)).toBeGreaterThanOrEqual(repositories)
  expect(Math.max(...spans)).toBeLessThan(10)
})

test('a repository that goes takes its orders along', async () => {
  await berth.registry.orders.keep(id)
  await berth.registry.orders.run(signal)
  await write('DELETE FROM repository WHERE id = ?', id)

  const left = await berth.opened.metadata.read.get<{ rows: number }>(
    'SELECT (SELECT count(*) FROM ordered_tag) + (SELECT count(*) FROM ordered_pending) + (SELECT count(*) FROM ordered_repository) AS rows',
  )
  expect(left).toEqual({ rows: 0 })
})
