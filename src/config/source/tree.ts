/** A configuration before it has a meaning: sections, lists, and the text of single values; null where nothing stands. */
export type Tree = { [key: string]: Tree } | Tree[] | string | null

/** Where a value came from, by its path. */
export type Origins = Map<string, Origin>

export interface Origin {
  /** Of the file. */
  readonly line?: number
  /** Of the environment. */
  readonly variable?: string
  /** The value is in quotes: registry:2 takes it for a text, whatever the text is. */
  readonly isQuoted?: boolean
}

/** Where the value at a path came from: its own origin, or that of the section around it. */
export function originOf(origins: Origins, path: readonly string[]): Origin {
  for (let length = path.length; length > 0; length--) {
    const origin = origins.get(path.slice(0, length).join('.'))
    if (origin !== undefined) return origin
  }
  return {}
}

export function isSection(tree: Tree | undefined): tree is { [key: string]: Tree } {
  return typeof tree === 'object' && tree !== null && !Array.isArray(tree)
}

/** What stands at a path, undefined when nothing does. */
export function valueAt(tree: Tree, path: readonly string[]): Tree | undefined {
  let value: Tree | undefined = tree
  for (const key of path) {
    if (Array.isArray(value)) value = value[Number(key)]
    else value = isSection(value) && Object.hasOwn(value, key) ? value[key] : undefined
  }
  return value
}
