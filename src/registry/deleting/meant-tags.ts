import { readClockMs } from '../../metadata/keeping/times.ts'
import type { Query } from '../../metadata/query.ts'
import type { Tag } from '../../oci/reference.ts'
import type { Selection } from './selection.ts'

/** A tag, and when it was pushed by the collector's clock; null: not known. */
export interface DatedTag {
  readonly name: Tag
  readonly pushedMs: number | null
}

/** Which tags a deletion means that names a pattern, and perhaps an age. What is not known to be old is not. */
export class MeantTags {
  readonly #fits: (name: string) => boolean
  readonly #pushedBeforeMs: number | undefined

  constructor(fits: (name: string) => boolean, pushedBeforeMs: number | undefined) {
    this.#fits = fits
    this.#pushedBeforeMs = pushedBeforeMs
  }

  fits(name: Tag): boolean {
    return this.#fits(name)
  }

  has({ name, pushedMs }: DatedTag): boolean {
    if (!this.#fits(name)) return false
    return this.#pushedBeforeMs === undefined || (pushedMs !== null && pushedMs <= this.#pushedBeforeMs)
  }
}

/** Until when a tag must have been pushed that the selection means; undefined: at any time. */
export async function pushedBeforeMsOf(query: Query, selection: Selection): Promise<number | undefined> {
  if (selection.kind !== 'tags' || selection.olderThanMs === undefined) return undefined
  return (await readClockMs(query)) - selection.olderThanMs
}
