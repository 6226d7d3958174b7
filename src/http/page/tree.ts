import type { Page } from '../../registry/content/catalog.ts'

/** A repository, or a folder in which there are some; the name of a folder ends in a slash. */
export interface Entry {
  readonly kind: 'repository' | 'folder'
  readonly name: string
}

export interface TreePage {
  readonly entries: readonly Entry[]
  /** After what the next page begins; undefined: there is none. */
  readonly next: string | undefined
}

interface TreeRequest {
  /** '' or a folder. */
  readonly below: string
  /** `next` of the page before. */
  readonly after: string | undefined
  readonly limit: number
}

/** Names of repositories after this one, in byte order. */
type ListNames = (last: string, limit: number) => Promise<Page<string>>

/** No part of a name has a letter that comes after it: names after `team/~` are those after all of `team/`. */
const END = '~'

/**
 * What is below a folder. All of its repositories, also those in folders below it, where they fit on one page: a reader finds one at a glance. Where
 * there are more, folders stand for what is in them; the names in a folder are jumped over, not read.
 */
export async function treePage(list: ListNames, { below, after, limit }: TreeRequest): Promise<TreePage> {
  if (after === undefined) {
    const { entries } = await list(below, limit + 1)
    const names = entries.filter((name) => name.startsWith(below))
    if (names.length <= limit) return { entries: names.map((name) => ({ kind: 'repository', name })), next: undefined }
  }
  const entries: Entry[] = []
  for await (const entry of entriesBelow(list, below, after ?? below)) {
    if (entries.length === limit) return { entries, next: placeAfter(entries.at(-1)) }
    entries.push(entry)
  }
  return { entries, next: undefined }
}

const NAMES_AT_ONCE = 100

/** One name tells of a folder; where repositories follow each other, more are read at once. */
async function* entriesBelow(list: ListNames, below: string, after: string): AsyncGenerator<Entry> {
  let atOnce = 1
  for (let last = after, isEnd = false; !isEnd; ) {
    const { entries: names, more } = await list(last, atOnce)
    isEnd = !more
    atOnce = Math.min(NAMES_AT_ONCE, 4 * atOnce)
    for (const name of names) {
      if (!name.startsWith(below)) return
      if (name <= last) continue
      const slash = name.indexOf('/', below.length)
      const entry: Entry = slash < 0 ? { kind: 'repository', name } : { kind: 'folder', name: name.slice(0, slash + 1) }
      if (entry.kind === 'folder') atOnce = 1
      yield entry
      last = placeAfter(entry)
    }
    // Without a page to look at, the list would begin at the same place again.
    const end = names.at(-1) ?? last
    if (end > last) last = end
  }
}

function placeAfter(entry: Entry | undefined): string {
  return entry === undefined ? '' : `${entry.name}${entry.kind === 'folder' ? END : ''}`
}
