import { afterEach, beforeEach, expect, setDefaultTimeout, spyOn, test } from 'bun:test'
import { pushImage } from '../../../test/collect/rows/row.ts'
import { BerthInProcess } from '../../../test/support/berth-in-process.ts'
import { makeImage } from '../../../test/support/images.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { MOST_SORTED, TooManyTags } from './ordered-tags.ts'
import type { TagPageRequest } from './tag-pages.ts'

setDefaultTimeout(120_000)

const APP = parseRepositoryName('app')
const image = makeImage('image')

let folder: TemporaryFolder
let berth: BerthInProcess

beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  berth = await BerthInProcess.start(folder.join('data'))
  await pushImage(berth.client, image, 'first', APP)
  await berth.scan()
})
afterEach(async () => {
  await berth[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

/** Without a push of each. */
async function addTags(count: number): Promise<void> {
  await berth.opened.metadata.write((query) =>
    query.run(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
       INSERT INTO tag (repository_id, name, digest, held, number, epoch, moved_ms)
       SELECT r.id, 'v' || i, ?, 1, 0, ?, i FROM n, repository r WHERE r.name = 'app'`,
      count,
      image.manifest.digest,
      berth.opened.epoch,
    ),
  )
}

async function page(request: Partial<TagPageRequest>) {
  const { signal } = new AbortController()
  const usual = { sort: 'version', isDescending: true, part: undefined, after: undefined, limit: 3, signal } as const
  return await berth.registry.shown.tags.page(APP, { ...usual, ...request })
}

test('a repository of many tags is sorted in turns, and a page of it reads them once', async () => {
  await addTags(20_000)
  const read = spyOn(berth.opened.metadata.read, 'all')
  let turns = 0
  let isDone = false
  const others = (async () => {
    for (; !isDone; turns += 1) await new Promise((resolve) => setImmediate(resolve))
  })()

  const first = await page({})
  isDone = true
  await others
  const reads = read.mock.calls.length
  const second = await page({ after: first.next })
  const more = read.mock.calls.length - reads
  read.mockRestore()

  expect([...first.entries, ...second.entries].map(({ tag }) => String(tag))).toEqual(
    [20_000, 19_999, 19_998, 19_997, 19_996, 19_995].map((number) => `v${number}`),
  )
  expect(reads).toBeGreaterThanOrEqual(21)
  expect(more).toBeLessThan(6)
  expect(turns).toBeGreaterThan(3)
})

test('more tags than are sorted are listed by name alone, and the repository is shown without their number', async () => {
  await addTags(MOST_SORTED)
  const { signal } = new AbortController()

  await expect(page({})).rejects.toThrow(TooManyTags)
  const byName = await page({ sort: 'name', isDescending: false })
  const shown = await berth.registry.shown.repositories.of(APP, undefined, signal)

  expect(byName.entries.map(({ tag }) => String(tag))).toEqual(['first', 'v1', 'v10'])
  expect([shown.tags, shown.images, shown.newest]).toEqual([undefined, undefined, undefined])
})

test('a part of a name is looked for in so many tags, and the next page goes on there', async () => {
  await addTags(30_000)

  const names: string[] = []
  let pages = 0
  for (let after: TagPageRequest['after']; ; pages += 1) {
    const { entries, next } = await page({ sort: 'name', isDescending: false, part: '29999', after })
    names.push(...entries.map(({ tag }) => tag))
    after = next
    if (next === undefined) break
  }

  expect(names).toEqual(['v29999'])
  expect(pages).toBe(1)
})

test('a request whose client has gone ends', async () => {
  await addTags(2_000)
  const ending = new AbortController()
  ending.abort(new Error('gone'))

  await expect(page({ signal: ending.signal })).rejects.toThrow('gone')
  await expect(page({ sort: 'name', isDescending: false, signal: ending.signal })).rejects.toThrow('gone')
})
