import { TAG_SORTS, type TagSort } from '../../../../registry/shown/tag-order.ts'
import type { TagPageRequest } from '../../../../registry/shown/tag-pages.ts'
import { findTagPlace } from '../../../api/tag-place.ts'
import type { Query } from '../../site.ts'

/** Which tags of a repository are listed, as the address of the screen says it. */
export type TagList = Pick<TagPageRequest, 'sort' | 'isDescending' | 'part' | 'after'>

/** What is asked for most. */
const USUAL_SORT = 'moved'
const MAX_PART = 128

/** What an address says of it in words that there are not counts as not said. */
export function tagListIn(query: URLSearchParams): TagList {
  const sort = TAG_SORTS.find((each) => each === query.get('sort')) ?? USUAL_SORT
  const order = query.get('order')
  const isDescending = order === 'ascending' || order === 'descending' ? order === 'descending' : descendsUsually(sort)
  const part = (query.get('q') ?? '').trim().slice(0, MAX_PART) || undefined
  return { sort, isDescending, part, after: findTagPlace(query.get('after') ?? '', sort) }
}

/** As an address has it, without the place where a page begins. */
export function queryOf({ sort, isDescending, part }: Omit<TagList, 'after'>): Query {
  const order = isDescending ? 'descending' : 'ascending'
  const isUsual = isDescending === descendsUsually(sort)
  return { q: part, sort: sort === USUAL_SORT ? undefined : sort, order: isUsual ? undefined : order }
}

/** The other way round of what is sorted so by now, else the usual way. */
export function sortedBy(list: TagList, sort: TagSort): Query {
  const isDescending = list.sort === sort ? !list.isDescending : descendsUsually(sort)
  return queryOf({ sort, isDescending, part: list.part })
}

function descendsUsually(sort: TagSort): boolean {
  return sort !== 'name'
}
