import type { Digest } from '../../oci/digest.ts'
import type { Tag } from '../../oci/reference.ts'
import { compareVersions, findVersion, type Version } from '../../oci/tags/version-order.ts'

/** What tags are sorted by. `moved`: when a tag came to its image, as far as that is known; else when that was made. */
export const TAG_SORTS = ['name', 'version', 'created', 'moved', 'size', 'pulls'] as const
export type TagSort = (typeof TAG_SORTS)[number]

/** Where a tag stands. */
export interface TagPlace {
  readonly tag: Tag
  /** By what it is sorted: null where that is not known, which is the lowest. Of names and versions the name says it. */
  readonly value: number | null
  /** Of a tag that is sorted by its version, where it has one. */
  readonly version?: Version | undefined
}

export interface OrderedTag extends TagPlace {
  readonly digest: Digest
}

export function placeOf(tag: Tag, value: number | null, sort: TagSort): TagPlace {
  return sort === 'version' ? { tag, value: null, version: findVersion(tag) } : { tag, value }
}

/** Below 0 where the first stands before the other in ascending order. Equal ones are ordered by their names; what is no version is below those. */
export function compareTags(sort: TagSort, one: TagPlace, other: TagPlace): number {
  const byName = Number(one.tag > other.tag) - Number(one.tag < other.tag)
  if (sort === 'name') return byName
  if (sort !== 'version') return (one.value ?? -1) - (other.value ?? -1) || byName
  const { version } = one
  if (version === undefined || other.version === undefined)
    return Number(version !== undefined) - Number(other.version !== undefined) || byName
  return compareVersions(version, other.version) || byName
}
