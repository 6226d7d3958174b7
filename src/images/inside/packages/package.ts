import { shownText } from '../../../oci/image/shown-text.ts'
import type { Package } from '../told/found.ts'

/** More than any image has. */
export const MOST_PACKAGES = 20_000

const MOST_TEXT = 300

type Told = Pick<Package, 'type' | 'path'> & Partial<Record<'name' | 'version' | 'architecture' | 'source', string | undefined>>

/** Its texts cut and cleaned; none where it has no name. */
export function packageOf({ type, path, name, version, architecture, source }: Told): readonly Package[] {
  const text = (value: string | undefined) => shownText(value ?? '', MOST_TEXT)
  const shownName = text(name)
  if (shownName === '') return []
  const made = text(source)
  return [
    {
      ...{ type, name: shownName, version: text(version), path: text(path) },
      architecture: text(architecture) || undefined,
      source: made === '' || made === shownName ? undefined : made,
    },
  ]
}

/** One order for all lists. */
export function byName(a: Package, b: Package): number {
  return compare(a.type, b.type) || compare(a.name, b.name) || compare(a.version, b.version) || compare(a.path, b.path)
}

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
