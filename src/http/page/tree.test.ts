import { expect, test } from 'bun:test'
import { treePage } from './tree.ts'

/** A list of names, as the catalog gives it, and how much of it was read. */
function listOf(names: readonly string[]) {
  const sorted = names.toSorted()
  const read = { lists: 0, names: 0 }
  const list = async (last: string, limit: number) => {
    const after = sorted.filter((name) => name > last)
    const entries = after.slice(0, limit)
    read.lists += 1
    read.names += entries.length
    return { entries, more: after.length > limit }
  }
  return { list, read }
}

async function pagesOf(names: readonly string[], below: string, limit: number): Promise<readonly (readonly string[])[]> {
  const { list } = listOf(names)
  const pages: string[][] = []
  for (let after: string | undefined; ; ) {
    const { entries, next } = await treePage(list, { below, after, limit })
    pages.push(entries.map(({ name }) => name))
    if (next === undefined) return pages
    after = next
  }
}

const NAMES = ['a', 'a-b', 'a.c', 'a/x', 'a/y/z', 'a0', 'b/one', 'b/two', 'c']

test('what fits on a page is shown as it is, with all that lies in folders', async () => {
  expect(await pagesOf(NAMES, '', 9)).toEqual([NAMES.toSorted()])
  expect(await pagesOf(NAMES, 'a/', 2)).toEqual([['a/x', 'a/y/z']])
  expect(await pagesOf(NAMES, 'b/', 2)).toEqual([['b/one', 'b/two']])
})

test('of what does not fit, folders stand for what they hold, and pages go on after each other', async () => {
  const all = ['a', 'a-b', 'a.c', 'a/', 'a0', 'b/', 'c']

  expect(await pagesOf(NAMES, '', 8)).toEqual([all])
  expect(await pagesOf(NAMES, '', 2)).toEqual([['a', 'a-b'], ['a.c', 'a/'], ['a0', 'b/'], ['c']])
  expect(await pagesOf(NAMES, 'a/', 1)).toEqual([['a/x'], ['a/y/']])
})

test('nothing below a folder is an empty page', async () => {
  expect(await pagesOf(NAMES, 'none/', 9)).toEqual([[]])
  expect(await pagesOf([], '', 9)).toEqual([[]])
})

test('each name is in one entry of one page, for many names and any length of a page', async () => {
  const names = Array.from({ length: 500 }, (_, number) => `${number % 7}/${number % 5 === 0 ? 'x/' : ''}${number}`)
  for (const limit of [1, 3, 50, 499]) {
    const entries = (await pagesOf(names, '', limit)).flat()
    const counts = names.map(
      (name) => entries.filter((entry) => entry === name || (entry.endsWith('/') && name.startsWith(entry))).length,
    )
    expect(new Set(entries).size).toBe(entries.length)
    expect(counts).toEqual(names.map(() => 1))
  }
})

test('the names in a folder are jumped over, not read', async () => {
  const names = ['a', 'b', 'c'].flatMap((folder) => Array.from({ length: 5_000 }, (_, number) => `${folder}/${number}`))
  const { list, read } = listOf(names)

  const { entries } = await treePage(list, { below: '', after: undefined, limit: 100 })

  expect(entries.map(({ name }) => name)).toEqual(['a/', 'b/', 'c/'])
  // The first 101, since they might have been all, and one for each folder.
  expect(read.names).toBe(101 + 3)
  expect(read.lists).toBe(1 + 4)
})

test('repositories that follow each other are read many at once', async () => {
  const names = Array.from({ length: 300 }, (_, number) => `app-${number}`)
  const { list, read } = listOf(names)

  const { entries } = await treePage(list, { below: '', after: undefined, limit: 200 })

  expect(entries).toHaveLength(200)
  expect(read.lists).toBeLessThan(9)
})
