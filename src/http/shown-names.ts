import type { Permit } from '../access/access.ts'
import { rangeFrom, type ShownNames } from '../oci/name-ranges.ts'

const ALL = [rangeFrom('')]

/** The repositories that lists and searches show to a caller; undefined: all of them. */
export function shownNames({ catalog, may, listed, listRules }: Permit): ShownNames | undefined {
  if (catalog === 'everything') return undefined
  return { fits: (name) => may('list', name), ranges: listed?.() ?? ALL, rules: listRules?.() }
}
