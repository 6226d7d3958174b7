import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, Scalar, type YAMLError } from 'yaml'
import type { ConfigProblem } from '../config-error.ts'
import { type EqualKey, mergeEqualKeys } from './equal-keys.ts'
import type { Origin, Origins, Tree } from './tree.ts'

export interface ParsedText {
  readonly tree: Tree
  readonly origins: Origins
  readonly problems: readonly ConfigProblem[]
  /** Keys that stand in one section more than once. */
  readonly equalKeys: readonly EqualKey[]
  /** Where a second document begins, which registry:2 does not read either. */
  readonly secondDocumentLine: number | undefined
}

/** Every single value stays text; only the empty ones and `null` are told apart. Merge keys are registry:2's YAML. */
const YAML_OPTIONS = { schema: 'failsafe', merge: true, logLevel: 'error', uniqueKeys: false } as const

/** Reads the first document of a text. */
export function parseYaml(text: string): ParsedText {
  const lines = new LineCounter()
  const documents = [...parseAllDocuments(text, { ...YAML_OPTIONS, customTags: ['null'], lineCounter: lines })]
  const [document, second] = documents
  const origins: Origins = new Map()
  const secondDocumentLine = second && lines.linePos(second.range[0]).line
  const parsed = { origins, equalKeys: [], secondDocumentLine }
  if (document === undefined) return { ...parsed, tree: null, problems: [] }
  if (document.errors.length > 0) return { ...parsed, tree: null, problems: document.errors.slice(0, 1).map(problemOf) }
  const equalKeys = mergeEqualKeys(document.contents, (offset) => lines.linePos(offset).line)
  collectOrigins(document.contents, [], { document, lines, origins })
  return { ...parsed, ...treeOf(document), equalKeys }
}

function treeOf(document: Document.Parsed): { readonly tree: Tree; readonly problems: readonly ConfigProblem[] } {
  try {
    return { tree: document.toJS() as Tree, problems: [] }
  } catch (cause) {
    return { tree: null, problems: [{ message: `is not valid YAML: ${aliasSentence(cause)}` }] }
  }
}

/** The aliases of a document are followed at last, and by then the parser knows no place. */
function aliasSentence(cause: unknown): string {
  const said = cause instanceof Error ? cause.message : ''
  const anchor = /Unresolved alias[^:]*: (\S+)/.exec(said)?.[1]
  if (anchor !== undefined) return `*${anchor} refers to an anchor &${anchor} that is not above it`
  if (said.includes('Merge sources')) return 'a merge key (<<) needs a section, or an alias of one'
  return 'it has more aliases than a configuration can need'
}

interface Into {
  readonly document: Document.Parsed
  readonly lines: LineCounter
  readonly origins: Origins
}

function collectOrigins(node: unknown, path: readonly string[], into: Into): void {
  if (isSeq(node)) {
    for (const [index, item] of node.items.entries()) collectOrigins(item, [...path, String(index)], into)
    return
  }
  if (!isMap(node)) return
  for (const { key, value } of node.items) {
    if (!isScalar(key) || !key.range) continue
    const here = [...path, String(key.value)]
    const origin: Origin = { line: into.lines.linePos(key.range[0]).line }
    into.origins.set(here.join('.'), isText(value, into.document) ? { ...origin, isQuoted: true } : origin)
    collectOrigins(value, here, into)
  }
}

const PLAIN_TAGS: ReadonlySet<string | undefined> = new Set(['tag:yaml.org,2002:bool', 'tag:yaml.org,2002:int'])

/** Quotes and blocks make a text of everything, unless a tag says otherwise. */
function isText(node: unknown, document: Document.Parsed): boolean {
  const value = isAlias(node) ? node.resolve(document) : node
  if (!isScalar(value) || PLAIN_TAGS.has(value.tag)) return false
  return value.tag === 'tag:yaml.org,2002:str' || (value.type !== undefined && value.type !== Scalar.PLAIN)
}

/** What is wrong, in words of our own: those of the parser are about how it works inside. */
const YAML_SENTENCES: Readonly<Partial<Record<YAMLError['code'], string>>> = {
  BAD_ALIAS: 'the name of an anchor or of an alias is not allowed',
  BAD_COLLECTION_TYPE: 'a tag says list where a section stands, or the other way round',
  BAD_DQ_ESCAPE: 'a text in double quotes has a backslash that means nothing; write it twice, or use single quotes',
  BAD_INDENT: 'the indentation does not fit; the keys of a section begin in one column',
  BAD_SCALAR_START: 'a value begins with a character that YAML reserves; put it in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'there are two keys on this line; put the second one below the first, or the value in quotes',
  BLOCK_IN_FLOW: 'something is missing in { } or [ ], perhaps a comma',
  KEY_OVER_1024_CHARS: 'a key is longer than YAML allows',
  MISSING_CHAR: 'a colon after a key, a closing quote or a closing bracket is missing',
  MULTILINE_IMPLICIT_KEY: 'a key has no colon, or the indentation does not fit',
  MULTIPLE_ANCHORS: 'a value has two anchors',
  MULTIPLE_TAGS: 'a value has two tags',
  RESOURCE_EXHAUSTION: 'it is nested more deeply than a configuration can need',
  TAB_AS_INDENT: 'a tab stands where spaces must indent',
  UNEXPECTED_TOKEN: 'something stands here that does not belong here; perhaps a value needs quotes',
}

function problemOf(error: YAMLError): ConfigProblem {
  const sentence = YAML_SENTENCES[error.code] ?? 'something stands here that cannot be read'
  const line = error.linePos?.[0].line
  return { message: `is not valid YAML: ${sentence}`, ...(line === undefined ? {} : { line }) }
}
