import { findTag } from '../../oci/reference.ts'
import { placeOf, type TagPlace, type TagSort } from '../../registry/shown/tag-order.ts'

/** Where a page of tags begins, as addresses say it: a name, or what it is sorted by, a colon, and the name. No tag has a colon. */
export function textOfPlace({ tag, value }: TagPlace, sort: TagSort): string {
  return isByName(sort) ? tag : `${value ?? ''}:${tag}`
}

/** Undefined for a text that is no place of a page that was sorted so. */
export function findTagPlace(text: string, sort: TagSort): TagPlace | undefined {
  const [, value = '', last = ''] = (isByName(sort) ? /^()(.*)$/ : /^(\d{0,16}):(.*)$/).exec(text) ?? []
  const tag = findTag(last)
  return tag && placeOf(tag, value === '' ? null : Number(value), sort)
}

function isByName(sort: TagSort): boolean {
  return sort === 'name' || sort === 'version'
}
