import type { Annotations } from '../../../oci/descriptor.ts'
import { shownText } from '../../../oci/image/shown-text.ts'

const MAX_NAME = 200
const MAX_TEXT = 1_000
const MOST = 100

/** One of them, as a line that can be shown; undefined where it is not there. */
export function annotation(annotations: Annotations | undefined, name: string): string | undefined {
  if (annotations === undefined || !Object.hasOwn(annotations, name)) return undefined
  return shownText(annotations[name] ?? '', MAX_TEXT) || undefined
}

/** The first of them, as lines that can be shown. */
export function shownAnnotations(annotations: Annotations | undefined): readonly (readonly [name: string, text: string])[] {
  return Object.entries(annotations ?? {})
    .slice(0, MOST)
    .map(([name, text]) => [shownText(name, MAX_NAME), shownText(text, MAX_TEXT)] as const)
    .filter(([name]) => name !== '')
}
