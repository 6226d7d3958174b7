import type { ConfigProblem } from './config-error.ts'
import { childOf, type Key, keyOf, type ValueKey } from './schema/keys.ts'
import { schema } from './schema/schema.ts'
import { isSection, type Origins, originOf, type Tree } from './source/tree.ts'
import { describeUnknown } from './unknown.ts'

/** What the operator should know about a key. */
export interface Told {
  readonly path: readonly string[]
  /** To be read after the key and what stands there. */
  readonly message: string
}

/** A configuration as registry:2 reads what is written in it. */
export interface Read {
  readonly tree: { readonly [key: string]: Tree }
  /** Keys that there are not, which registry:2 passes over; the tree has them no more. */
  readonly unknown: readonly Told[]
  readonly notices: readonly Told[]
  readonly problems: readonly ConfigProblem[]
}

/**
 * Reads texts as registry:2 does, where it has its own way: an empty one is no value, one in quotes is no boolean, and a key that it does
 * not know says nothing.
 */
export function readTexts(tree: { readonly [key: string]: Tree }, origins: Origins): Read {
  const reader = new Reader(origins)
  return { tree: reader.section(tree, keyOf(schema), { path: [], isExact: false }), ...reader }
}

interface SectionPath {
  readonly path: readonly string[]
  /** An unknown key is a mistake, which the schema finds. */
  readonly isExact: boolean
}

class Reader {
  readonly unknown: Told[] = []
  readonly notices: Told[] = []
  readonly problems: ConfigProblem[] = []
  readonly #origins: Origins

  constructor(origins: Origins) {
    this.#origins = origins
  }

  section(section: { readonly [key: string]: Tree }, key: Key, place: SectionPath): { [key: string]: Tree } {
    const exactness = key.kind === 'section' ? key.exactness : 'none'
    const isExact = place.isExact || exactness === 'here and below'
    const entries = Object.entries(section).flatMap(([name, value]) => {
      const path = [...place.path, name]
      const child = childOf(key, name)
      if (child !== undefined) return [[name, this.#value(value, child, { path, isExact })] as const]
      if (isExact || exactness === 'here' || key.kind !== 'section') return [[name, value] as const]
      this.unknown.push({ path, message: describeUnknown(place.path, name) })
      return []
    })
    return Object.fromEntries(entries)
  }

  #value(value: Tree, key: Key, place: SectionPath): Tree {
    if (key.kind === 'value') return typeof value === 'string' ? this.#text(value, key, place.path) : value
    if (key.kind === 'list' && Array.isArray(value)) {
      return value.map((entry, index) => {
        const path = [...place.path, String(index)]
        const element = childOf(key, String(index))
        return element === undefined ? entry : this.#value(entry, element, { ...place, path })
      })
    }
    return (key.kind === 'section' || key.kind === 'map') && isSection(value) ? this.section(value, key, place) : value
  }

  #text(text: string, key: ValueKey, path: readonly string[]): string | null {
    const isQuoted = originOf(this.#origins, path).isQuoted === true
    const reading = text === '' && key.isBoolean ? undefined : key.facts.reading?.(text, isQuoted)
    if (reading !== undefined) {
      this.notices.push({ path, message: reading.notice })
      return reading.value
    }
    if (text === '' && !key.isRequired) return null
    if (isQuoted && key.isBoolean) {
      this.problems.push({ path: path.join('.'), message: 'is a text, which registry:2 refuses here; write it without quotes' })
      return null
    }
    return text
  }
}
