import { isMap, isScalar, type Pair, YAMLMap } from 'yaml'

/** A key that stands more than once in one section. */
export interface EqualKey {
  readonly path: string
  /** Where it stands, in order. */
  readonly lines: readonly number[]
}

/**
 * Below these registry:2 takes the last of two equal sections whole. Everywhere else it puts their keys together, and the last one of two
 * equal keys in them counts.
 */
const REPLACED: ReadonlySet<string> = new Set(['storage', 'auth'])

/** Leaves one of each key in every section of a parsed text, as registry:2 reads them. Gives the keys that stood there more often. */
export function mergeEqualKeys(node: unknown, lineAt: (offset: number) => number): EqualKey[] {
  const found: EqualKey[] = []
  visit(node, [], (path, pairs) => {
    const lines = pairs.flatMap(({ key }) => (isScalar(key) && key.range ? [lineAt(key.range[0])] : []))
    found.push({ path: path.join('.'), lines })
  })
  return found
}

type OnFound = (path: readonly string[], pairs: readonly Pair[]) => void

function visit(node: unknown, path: readonly string[], onFound: OnFound): void {
  if (!isMap(node)) return
  for (const [name, pairs] of Map.groupBy(node.items, nameOf)) {
    if (name === undefined) continue
    const here = [...path, name]
    if (pairs.length > 1) {
      onFound(here, pairs)
      node.items = withLast(node.items, pairs, !REPLACED.has(here[0] ?? ''))
    }
    visit(node.items.find((pair) => nameOf(pair) === name)?.value, here, onFound)
  }
}

/** Undefined for what may stand twice: a merge key, and keys that are no names. */
function nameOf({ key }: Pair): string | undefined {
  return isScalar(key) && key.value !== '<<' ? String(key.value) : undefined
}

function withLast(items: readonly Pair[], pairs: readonly Pair[], joins: boolean): Pair[] {
  const last = pairs.at(-1)
  if (last === undefined) return [...items]
  const sections = pairs.slice(lastThatIsNone(pairs) + 1).map(({ value }) => value)
  if (joins && sections.length > 1) {
    const joined = new YAMLMap()
    joined.items = sections.flatMap((section) => (isMap(section) ? section.items : []))
    last.value = joined
  }
  return items.filter((pair) => pair === last || !pairs.includes(pair))
}

/** What is empty, a list or a single value takes away what was said before it. */
function lastThatIsNone(pairs: readonly Pair[]): number {
  return pairs.findLastIndex(({ value }) => !isMap(value))
}
