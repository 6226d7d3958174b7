import { AUTH_KINDS } from './auth-schema.ts'
import { buildConfig } from './build-config.ts'
import { findTlsContradictions, tlsNotices } from './build-tls.ts'
import type { Config } from './config.ts'
import { ConfigError, type ConfigProblem } from './config-error.ts'
import type { Environment } from './environment.ts'
import { collectNotices, describeIssues, locate } from './report.ts'
import { contradictionsIn } from './s3-schema.ts'
import { type ParsedConfig, schema } from './schema.ts'
import { driversIn, readSettings, type Settings } from './settings.ts'
import { redirectNotices, STORAGE_DRIVERS } from './storage-schema.ts'

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
  /** What was written where, before it was parsed. */
  readonly settings: Settings
}

/** Reads the file and the environment. Throws ConfigError with everything that is wrong. */
export function loadConfig({ path, environment }: ConfigSource): LoadedConfig {
  const settings = readSettings(path, environment)
  const { tree, origins } = settings
  const parsed = schema.safeParse(tree)
  const problems = parsed.success
    ? [...findContradictions(parsed.data), ...findTlsContradictions(parsed.data)].map((problem) => locate(problem, tree, origins))
    : describeIssues(parsed.error.issues, tree, origins)
  const all = [...settings.problems, ...problems]
  if (all.length > 0 || !parsed.success) throw new ConfigError(settings.path ?? 'the environment', { problems: all })
  return {
    config: deepFreeze(buildConfig(parsed.data)),
    path: settings.path,
    notices: [...settings.notices, ...collectNotices(tree), ...tlsNotices(parsed.data), ...redirectNotices(parsed.data.storage)],
    settings,
  }
}

/** What each key allows and the keys together do not. */
function findContradictions({ storage, http, auth, access }: ParsedConfig): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  const drivers = driversIn(storage)
  if (drivers.length === 0)
    problems.push({ path: 'storage', message: `names no driver; write one of ${STORAGE_DRIVERS.join(', ')} below it` })
  if (drivers.length > 1) problems.push({ path: 'storage', message: `names ${drivers.join(' and ')}; leave one of them` })
  const kinds = AUTH_KINDS.filter((kind) => auth[kind] !== undefined)
  if (kinds.length > 1) problems.push({ path: 'auth', message: `names ${kinds.join(' and ')}; leave one of them` })
  if (auth.token !== undefined && auth.token.rootcertbundle === undefined && auth.token.jwks === undefined)
    problems.push({ path: 'auth.token', message: 'names no key that signs tokens; set rootcertbundle or jwks' })
  const other = access === undefined ? undefined : kinds.find((kind) => kind !== 'htpasswd')
  if (other !== undefined)
    problems.push({ path: 'access', message: `and auth.${other} would both say who may do what; leave one of them` })
  for (const name of ['s3', 's3aws'] as const) {
    const section = storage[name]
    if (section !== undefined) problems.push(...contradictionsIn(section, `storage.${name}`))
  }
  if (http.net !== http.addr.kind) {
    problems.push({
      path: 'http.addr',
      message: `is ${http.net === 'unix' ? 'not the path of a socket' : 'the path of a socket'}, but http.net is ${http.net}`,
    })
  }
  return [...problems, ...findEmptyRules(access)]
}

/** Docker takes a token for a minute when nothing else is said, and so must be able to use it for that long. */
const SHORTEST_TOKEN_MS = 60_000

function findEmptyRules(access: ParsedConfig['access']): ConfigProblem[] {
  if (access === undefined) return []
  const empty = access.rules.flatMap((rule, index) =>
    (['who', 'repositories'] as const)
      .filter((name) => rule[name].length === 0)
      .map((name) => ({ path: `access.rules.${index}.${name}`, message: 'names nothing, so the rule could never apply' })),
  )
  const isTooShort = access.tokenlifetime < SHORTEST_TOKEN_MS
  return isTooShort ? [...empty, { path: 'access.tokenlifetime', message: 'is too short; write 1m or more' }] : empty
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value
  for (const part of Object.values(value)) deepFreeze(part)
  return Object.freeze(value)
}
