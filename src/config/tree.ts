import { isMap, isScalar, isSeq, LineCounter, parseDocument, type YAMLError } from 'yaml'
import type { ConfigProblem } from './config-error.ts'

/** A configuration before it has a meaning: sections, lists, and the text of single values; null where nothing stands. */
export type Tree = { [key: string]: Tree } | Tree[] | string | null

/** Where a value came from, by its path. */
export type Origins = Map<string, Origin>

export interface Origin {
  /** Of the file. */
  readonly line?: number
  /** Of the environment. */
  readonly variable?: string
}

export interface ParsedText {
  readonly tree: Tree
  readonly origins: Origins
  readonly problems: readonly ConfigProblem[]
}

/** Every single value stays text; only the empty ones and `null` are told apart. Merge keys are registry:2's YAML. */
const YAML_OPTIONS = { schema: 'failsafe', customTags: ['null' as const], merge: true, logLevel: 'error' } as const

export function parseYaml(text: string): ParsedText {
  const lines = new LineCounter()
  const document = parseDocument(text, { ...YAML_OPTIONS, customTags: [...YAML_OPTIONS.customTags], lineCounter: lines })
  const origins: Origins = new Map()
  collectLines(document.contents, [], { lines, origins })
  if (document.errors.length > 0) return { tree: null, origins, problems: document.errors.map(problemOf) }
  try {
    return { tree: document.toJS() as Tree, origins, problems: [] }
  } catch (cause) {
    // An alias without its anchor, or too many of them.
    return { tree: null, origins, problems: [{ message: `is not valid YAML: ${(cause as Error).message}` }] }
  }
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
    else value = isSection(value) ? value[key] : undefined
  }
  return value
}

function collectLines(node: unknown, path: readonly string[], into: { lines: LineCounter; origins: Origins }): void {
  if (isSeq(node)) {
    for (const [index, item] of node.items.entries()) collectLines(item, [...path, String(index)], into)
    return
  }
  if (!isMap(node)) return
  for (const { key, value } of node.items) {
    if (!isScalar(key) || !key.range) continue
    const here = [...path, String(key.value)]
    into.origins.set(here.join('.'), { line: into.lines.linePos(key.range[0]).line })
    collectLines(value, here, into)
  }
}

function problemOf(error: YAMLError): ConfigProblem {
  const [sentence = ''] = error.message.split(/ at line \d|\n/)
  const line = error.linePos?.[0].line
  return { message: `is not valid YAML: ${sentence}`, ...(line === undefined ? {} : { line }) }
}
