import type { Query } from '../metadata/query.ts'
import { type FoundRow, listNames, listNamesWithPiece } from '../metadata/search/found.ts'
import type { NameRange } from '../oci/name-ranges.ts'

const ROWS_AT_ONCE = 500
/** Names that are compared with the pieces of a range in one go: 1 ms. */
const NAMES_AT_ONCE = 5_000

/** Rows of names that fit, a few at a time. */
export type FoundList = AsyncIterable<readonly FoundRow[]>

/** Names in the ranges, in their order, behind one of them. */
export async function* listInRanges(read: Query, ranges: readonly NameRange[], after = ''): FoundList {
  for (const range of ranges) {
    if (range.pieces !== undefined) {
      yield* listWithPiece(read, range, after)
      continue
    }
    for (let last = after; ; ) {
      const rows = await listNames(read, range, last, ROWS_AT_ONCE)
      yield rows
      const end = rows.at(-1)
      if (rows.length < ROWS_AT_ONCE || end === undefined) break
      last = end.name
    }
  }
}

/** Rows that are known already. */
export async function* inSteps(rows: readonly FoundRow[]): FoundList {
  for (let start = 0; start < rows.length; start += ROWS_AT_ONCE) yield rows.slice(start, start + ROWS_AT_ONCE)
}

async function* listWithPiece(read: Query, range: NameRange, first: string): FoundList {
  for (let after: string | undefined = first; after !== undefined; ) {
    const slice = { ...range, after, limit: NAMES_AT_ONCE }
    const { rows, upTo }: Awaited<ReturnType<typeof listNamesWithPiece>> = await listNamesWithPiece(read, slice)
    yield rows
    after = upTo
  }
}
