import { buildConfig } from './build-config.ts'
import { tlsNotices } from './build-tls.ts'
import type { Config } from './config.ts'
import { ConfigError, type ConfigProblem } from './config-error.ts'
import { findContradictions } from './contradictions.ts'
import type { Environment } from './environment.ts'
import { readTexts, type Told } from './readings.ts'
import { collectNotices, describeIssues, locate, tell, withPlace } from './report.ts'
import { schema } from './schema/schema.ts'
import { redirectNotices } from './schema/storage-schema.ts'
import { proxyNotices } from './schema/upstream/proxy-schema.ts'
import { readSettings, type Settings } from './settings.ts'

export interface ConfigSource {
  /** Undefined: what REGISTRY_CONFIGURATION_PATH names, or no file at all. */
  readonly path: string | undefined
  readonly environment: Environment
  /** A key that there is not is an error everywhere. */
  readonly strict?: boolean
}

export interface LoadedConfig {
  readonly config: Config
  /** The file that was read; undefined when there is none, and Berth serves this machine alone. */
  readonly path: string | undefined
  /** What the operator should know and need not change, one sentence each. */
  readonly notices: readonly string[]
  /** What holds, before it was parsed. */
  readonly settings: Settings
}

/** What became of a configuration that could be read. */
export interface Examined {
  readonly settings: Settings
  readonly notices: readonly string[]
  /** ConfigError: it cannot be used. */
  readonly outcome: Config | ConfigError
}

/** Reads the file and the environment. Throws ConfigError with everything that is wrong. */
export function loadConfig(source: ConfigSource): LoadedConfig {
  const { outcome, settings, notices } = examineConfig(source)
  if (outcome instanceof ConfigError) throw outcome
  return { config: outcome, path: settings.path, notices, settings }
}

/** Reads the file and the environment, and says what is to be said about them. Throws ConfigError when the file cannot be read as one. */
export function examineConfig({ path, environment, strict = false }: ConfigSource): Examined {
  const written = readSettings(path, environment)
  const { tree, unknown, notices: readings, problems: mistakes } = readTexts(written.tree, written.origins)
  const settings = { ...written, tree }
  const parsed = schema.safeParse(tree)
  const problems = [
    ...written.problems,
    ...(strict ? [...written.unknown, ...unknown.map(asProblem)] : []).map((problem) => locate(problem, written)),
    ...mistakes.map((problem) => locate(problem, written)),
    ...(parsed.success ? findContradictions(parsed.data, settings) : describeIssues(parsed.error.issues, settings)),
  ].sort((a, b) => (a.line ?? 0) - (b.line ?? 0))
  const notices = [
    ...(strict ? [] : unknown.map((key) => tell(key, 'is not a known key and has no effect; ', written))),
    ...(strict ? [] : written.unknown.map(({ variable, message }) => `${variable} is ignored: ${message}`)),
    ...written.notices,
    ...readings.map((reading) => tell(reading, '', written)),
    ...collectNotices(settings),
  ]
  if (problems.length > 0 || !parsed.success)
    return { settings, notices, outcome: new ConfigError(settings.path, { problems, notices }) }
  const more = [...tlsNotices(parsed.data), ...redirectNotices(parsed.data.storage), ...proxyNotices(parsed.data)]
  return {
    settings,
    notices: [...notices, ...more.map((sentence) => withPlace(sentence, settings))],
    outcome: deepFreeze(buildConfig(parsed.data)),
  }
}

function asProblem({ path, message }: Told): ConfigProblem {
  return { path: path.join('.'), message: `is not a known key; ${message}` }
}

function deepFreeze<Value>(value: Value): Value {
  // A frozen regular expression cannot be used: matching writes to it.
  if (typeof value !== 'object' || value === null || value instanceof RegExp) return value
  for (const part of Object.values(value)) deepFreeze(part)
  return Object.freeze(value)
}
