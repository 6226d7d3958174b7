import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { ConfigError, type ConfigProblem } from './config-error.ts'
import { CONFIG_PATH_VARIABLE, type Environment, expandStorageName, overlayEnvironment } from './environment.ts'
import type { ListenAddress } from './listen-address.ts'
import { collectNotices, describeIssues, locate } from './report.ts'
import { type ParsedConfig, schema } from './schema.ts'
import type { Secret } from './secret.ts'
import { isSection, type Origins, parseYaml, type Tree } from './tree.ts'

/** What the operator asked for, complete: defaults are filled in, texts are parsed, and nothing changes after the start. */
export interface Config {
  readonly log: LogConfig
  readonly storage: StorageConfig
  readonly metadata: {
    /** Absolute path of the database file; undefined: where the storage says. */
    readonly path: string | undefined
  }
  readonly http: HttpConfig
  readonly catalog: {
    /** The most repositories in one answer, and how many there are when the client does not say. */
    readonly maxEntries: number
  }
  readonly tags: {
    /** The most tags in one answer. */
    readonly maxTags: number
  }
}

export interface LogConfig {
  readonly level: 'error' | 'warn' | 'info' | 'debug'
  readonly formatter: 'text' | 'json' | 'logstash'
  /** Added to every line. */
  readonly fields: Readonly<Record<string, string>>
  /** A line for each request. */
  readonly accessLog: boolean
}

export interface StorageConfig {
  readonly driver: FilesystemConfig | InMemoryConfig
  /** Clients may delete; otherwise DELETE answers UNSUPPORTED. */
  readonly deletes: boolean
  /** Every write answers UNSUPPORTED. */
  readonly readOnly: boolean
  readonly uploadPurging: {
    readonly enabled: boolean
    /** How long an upload may rest before it counts as given up. */
    readonly ageMs: number
    readonly intervalMs: number
    /** Only says what would be removed. */
    readonly dryRun: boolean
  }
}

export interface FilesystemConfig {
  readonly kind: 'filesystem'
  /** Absolute. */
  readonly rootDirectory: string
}

export interface InMemoryConfig {
  readonly kind: 'inmemory'
}

export interface HttpConfig {
  readonly listen: ListenAddress
  /** The address under which clients see the registry, without a slash at its end: `https://registry.example.com/images`. */
  readonly host: string | undefined
  /** What stands before /v2/, without a slash at its end: '' or '/path'. */
  readonly prefix: string
  readonly secret: Secret | undefined
  /** Added to every answer. */
  readonly headers: Readonly<Record<string, readonly string[]>>
  /** How long running requests may take to finish when Berth is asked to stop. */
  readonly drainTimeoutMs: number
}

export interface ConfigSource {
  /** Undefined: what REGISTRY_CONFIGURATION_PATH names, or no file at all. */
  readonly path: string | undefined
  readonly environment: Environment
}

export interface LoadedConfig {
  readonly config: Config
  /** The file that was read; undefined when there is none, and Berth serves this machine alone. */
  readonly path: string | undefined
  /** What the operator should know and need not change, one sentence each. */
  readonly notices: readonly string[]
}

const DRIVERS = ['filesystem', 'inmemory']
const DEFAULT_MAX_ENTRIES = 1000

/** Reads the file and the environment. Throws ConfigError with everything that is wrong. */
export function loadConfig({ path: argument, environment }: ConfigSource): LoadedConfig {
  const path = argument ?? (environment[CONFIG_PATH_VARIABLE] || undefined)
  const source = path ?? 'the environment'
  const { tree, origins } = path === undefined ? { tree: {}, origins: new Map() } : readTree(path)
  const unknownVariables = overlayEnvironment(tree, origins, environment)
  if (path === undefined) serveThisMachine(tree)
  const parsed = schema.safeParse(tree)
  if (!parsed.success) throw new ConfigError(source, { problems: describeIssues(parsed.error.issues, tree, origins) })
  const problems = findContradictions(parsed.data).map((problem) => locate(problem, tree, origins))
  if (problems.length > 0) throw new ConfigError(source, { problems })
  return { config: deepFreeze(toConfig(parsed.data)), path, notices: [...unknownVariables, ...collectNotices(tree)] }
}

function readTree(path: string): { tree: { [key: string]: Tree }; origins: Origins } {
  const { tree, origins, problems } = parseYaml(readText(path))
  if (problems.length > 0) throw new ConfigError(path, { problems })
  const root = tree ?? {}
  if (!isSection(root))
    throw new ConfigError(path, { problems: [{ message: 'is not a configuration: its keys belong at the left margin' }] })
  expandStorageName(root)
  return { tree: root, origins }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new ConfigError(path, { problems: [{ message: `cannot be read: ${(cause as Error).message}` }], cause })
  }
}

/** Without a file: for the person at this machine, who may do everything, and for nobody else. */
function serveThisMachine(tree: { [key: string]: Tree }): void {
  const storage = sectionAt(tree, 'storage')
  tree.version ??= '0.1'
  sectionAt(tree, 'http').addr ??= '127.0.0.1:5000'
  sectionAt(storage, 'delete').enabled ??= 'true'
  const drivers = driversIn(storage)
  if (drivers.length === 0 || drivers.includes('filesystem')) sectionAt(storage, 'filesystem').rootdirectory ??= './data'
}

/** What each key allows and the keys together do not. */
function findContradictions({ storage, http }: ParsedConfig): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  const drivers = driversIn(storage)
  if (drivers.length === 0)
    problems.push({ path: 'storage', message: `names no driver; write one of ${DRIVERS.join(', ')} below it` })
  if (drivers.length > 1) problems.push({ path: 'storage', message: `names ${drivers.join(' and ')}; leave one of them` })
  if (http.net !== http.addr.kind) {
    problems.push({
      path: 'http.addr',
      message: `is ${http.net === 'unix' ? 'not the path of a socket' : 'the path of a socket'}, but http.net is ${http.net}`,
    })
  }
  return problems
}

function toConfig({ log, storage, http, metadata, catalog, tags }: ParsedConfig): Config {
  return {
    log: { level: log.level, formatter: log.formatter, fields: log.fields, accessLog: !log.accesslog.disabled },
    storage: toStorageConfig(storage),
    metadata: { path: metadata.path === undefined ? undefined : resolve(metadata.path) },
    http: {
      listen: http.addr,
      host: http.host,
      prefix: http.prefix,
      secret: http.secret,
      headers: http.headers,
      drainTimeoutMs: http.draintimeout,
    },
    // registry:2 and registry:3 take 0 and less for 'not set'.
    catalog: { maxEntries: catalog.maxentries > 0 ? catalog.maxentries : DEFAULT_MAX_ENTRIES },
    tags: { maxTags: tags.maxtags > 0 ? tags.maxtags : DEFAULT_MAX_ENTRIES },
  }
}

function toStorageConfig({ filesystem, delete: deletes, maintenance }: ParsedConfig['storage']): StorageConfig {
  const { enabled, age, interval, dryrun } = maintenance.uploadpurging
  return {
    driver: filesystem ? { kind: 'filesystem', rootDirectory: resolve(filesystem.rootdirectory) } : { kind: 'inmemory' },
    deletes: deletes.enabled,
    readOnly: maintenance.readonly.enabled,
    uploadPurging: { enabled, ageMs: age, intervalMs: interval, dryRun: dryrun },
  }
}

function driversIn(storage: Readonly<Record<string, unknown>>): string[] {
  return DRIVERS.filter((driver) => storage[driver] !== undefined)
}

/** The section of that name, made when it is absent; one that goes nowhere when something else stands there. */
function sectionAt(tree: { [key: string]: Tree }, name: string): { [key: string]: Tree } {
  tree[name] ??= {}
  const section = tree[name]
  return isSection(section) ? section : {}
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value
  for (const part of Object.values(value)) deepFreeze(part)
  return Object.freeze(value)
}
