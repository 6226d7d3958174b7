import { readFileSync } from 'node:fs'
import { ConfigError, type ConfigProblem } from './config-error.ts'
import { CONFIG_PATH_VARIABLE, type Environment, expandNames, overlayEnvironment } from './environment.ts'
import { STORAGE_DRIVERS } from './schema/storage-schema.ts'
import { describeFileFailure } from './source/file-failure.ts'
import { isSection, type Origins, originOf, type Tree } from './source/tree.ts'
import { type ParsedText, parseYaml } from './source/yaml-text.ts'

/** The configuration file with the environment variables laid over it: keys and texts that no schema has checked so far. */
export interface Settings {
  /** The file that was read; undefined when there is none. */
  readonly path: string | undefined
  readonly tree: { readonly [key: string]: Tree }
  readonly origins: Origins
  /** Sentences for the log about the file and the variables themselves: a key that is there twice, a second document. */
  readonly notices: readonly string[]
  /** Variables that name no key. */
  readonly unknown: readonly ConfigProblem[]
  readonly problems: readonly ConfigProblem[]
}

/** Reads the file (`argument`, or the one that a variable names) and the variables. Throws ConfigError when the file is no YAML tree. */
export function readSettings(argument: string | undefined, environment: Environment): Settings {
  const path = argument ?? (environment[CONFIG_PATH_VARIABLE] || undefined)
  const { tree, origins, notices } = path === undefined ? { tree: {}, origins: new Map(), notices: [] } : readTree(path)
  const overlay = overlayEnvironment(tree, origins, environment)
  if (path === undefined) serveThisMachine(tree)
  adoptOldLogLevel(tree, origins)
  return { path, tree, origins, ...overlay, notices: [...notices, ...overlay.notices] }
}

/** The storage drivers that a section names. */
export function driversIn(storage: Readonly<Record<string, unknown>>): string[] {
  return STORAGE_DRIVERS.filter((driver) => storage[driver] !== undefined)
}

function readTree(path: string): { tree: { [key: string]: Tree }; origins: Origins; notices: string[] } {
  const { tree, origins, problems, ...odd } = parseYaml(readText(path))
  if (problems.length > 0) throw new ConfigError(path, { problems })
  const root = tree ?? {}
  if (!isSection(root))
    throw new ConfigError(path, { problems: [{ message: 'is not a configuration: its keys belong at the left margin' }] })
  expandNames(root)
  return { tree: root, origins, notices: describeOdd(path, odd) }
}

/** Notices about YAML that registry:2 accepts silently and that is rarely meant. */
function describeOdd(
  file: string,
  { equalKeys, secondDocumentLine }: Pick<ParsedText, 'equalKeys' | 'secondDocumentLine'>,
): string[] {
  const second = `${file}:${secondDocumentLine}: A second YAML document begins here; it is passed over, as by registry:2.`
  const equal = equalKeys.map(({ path, lines }) => {
    const places = lines.join(', ').replace(/, ([^,]*)$/, ' and $1')
    return `${file}:${lines.at(-1)}: ${path} is there ${lines.length} times, on lines ${places}; the last one counts, as in registry:2.`
  })
  return [...equal, ...(secondDocumentLine === undefined ? [] : [second])]
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new ConfigError(path, { problems: [{ message: `cannot be read: ${describeFileFailure(cause)}` }], cause })
  }
}

/** The defaults without a configuration file: only this machine is served, where every caller may do everything. */
function serveThisMachine(tree: { [key: string]: Tree }): void {
  const storage = sectionAt(tree, 'storage')
  tree.version ??= '0.1'
  sectionAt(tree, 'http').addr ??= '127.0.0.1:5000'
  sectionAt(storage, 'delete').enabled ??= 'true'
  const drivers = driversIn(storage)
  if (drivers.length === 0 || drivers.includes('filesystem')) sectionAt(storage, 'filesystem').rootdirectory ??= './data'
}

/** `loglevel` is the old name of `log.level`, which wins. */
function adoptOldLogLevel(tree: { [key: string]: Tree }, origins: Origins): void {
  const { loglevel } = tree
  if (loglevel === undefined || loglevel === null) return
  const log = sectionAt(tree, 'log')
  if (log.level !== undefined && log.level !== null) return
  log.level = loglevel
  origins.set('log.level', originOf(origins, ['loglevel']))
}

/**
 * The section of that name, made when it is absent. Where a value stands in its place, the section returned is not part of the tree: what is
 * written to it is lost, and the schema refuses the value.
 */
function sectionAt(tree: { [key: string]: Tree }, name: string): { [key: string]: Tree } {
  tree[name] ??= {}
  const section = tree[name]
  return isSection(section) ? section : {}
}
