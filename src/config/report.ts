import type { z } from 'zod'
import type { ConfigProblem } from './config-error.ts'
import type { Told } from './readings.ts'
import { isSet, type Key, keyOf } from './schema/keys.ts'
import { schema } from './schema/schema.ts'
import type { Settings } from './settings.ts'
import { type Origins, originOf, type Tree, valueAt } from './source/tree.ts'
import { describeUnknown, keyAt } from './unknown.ts'
import { withoutPassword } from './words/secret.ts'

/** Turns what the schema complains about into what an operator reads: where it stands, what stands there, what is allowed. */

const MAX_SHOWN_VALUE = 80
/** More variables than this are counted. */
const MAX_NAMED_VARIABLES = 3

type Where = Pick<Settings, 'tree' | 'origins'>

export function describeIssues(issues: readonly z.core.$ZodIssue[], where: Where): ConfigProblem[] {
  const problems = issues.flatMap((issue) => {
    const path = issue.path.map(String)
    if (issue.code !== 'unrecognized_keys') return [{ path, message: messageOf(issue) }]
    return issue.keys.map((name) => ({ path: [...path, name], message: `is not a known key; ${describeUnknown(path, name)}` }))
  })
  return problems.map(({ path, message }) => locate({ path: path.join('.'), message }, where))
}

/** Adds to a problem where its value came from, and the value when it may be shown. */
export function locate(problem: ConfigProblem, { tree, origins }: Where): ConfigProblem {
  const path = problem.path?.split('.') ?? []
  const shown = showable(tree, path)
  return { ...problem, ...findOrigin(origins, path), ...(shown === undefined ? {} : { value: shown }) }
}

/** Where a key was set, for the middle of a sentence: `line 3`, or the variable. Undefined where it was not. */
export function describePlace(origins: Origins, path: readonly string[]): string | undefined {
  const { line, variable } = findOrigin(origins, path)
  return variable ?? (line === undefined ? undefined : `line ${line}`)
}

/** A sentence about a key, with where it was set and what stands there. */
export function tell({ path, message }: Told, words: string, settings: Settings): string {
  const shown = showable(settings.tree, path)
  const subject = [path.join('.'), ...(shown === undefined ? [] : [JSON.stringify(shown)])].join(': ')
  return placed(`${subject} ${words}${message}`, path, settings)
}

/** A sentence that begins with a key and a colon, with where the key was set in front of it. */
export function withPlace(sentence: string, settings: Settings): string {
  return placed(sentence, sentence.slice(0, sentence.indexOf(':')).split('.'), settings)
}

/** What the keys that are set have to say: of those that registry:2 needs and Berth does not. */
export function collectNotices(settings: Settings, key: Key = keyOf(schema), path: readonly string[] = []): string[] {
  const notice = findNotice(key, valueAt(settings.tree, path))
  if (notice !== undefined) return [placed(`${path.join('.')}: ${notice}`, path, settings)]
  if (key.kind !== 'section') return []
  return Object.entries(key.shape).flatMap(([name, child]) => collectNotices(settings, keyOf(child), [...path, name]))
}

function placed(sentence: string, path: readonly string[], { origins, path: file }: Settings): string {
  const { line, variable } = findOrigin(origins, path)
  const place = variable ?? (line === undefined ? undefined : `${file}:${line}`)
  return place === undefined ? sentence : `${place}: ${sentence}`
}

function findNotice(key: Key, value: Tree | undefined): string | undefined {
  if (key.kind === 'value') return typeof value === 'string' ? key.facts.notice?.(value) : undefined
  if (!isSet(value)) return undefined
  if (key.kind === 'not needed') return key.facts.notice
  if (key.kind !== 'not yet') return undefined
  const { asks = isSet } = key.facts
  return value === undefined || asks(value) ? undefined : 'What stands here asks for nothing; it has no effect.'
}

/** zod wraps what is wrong with a name into an issue about the section. */
function messageOf(issue: z.core.$ZodIssue): string {
  return issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message
}

/** A value under a name that we don't know may be a secret with a spelling mistake. */
function showable(tree: Tree, path: readonly string[]): string | undefined {
  const value = valueAt(tree, path)
  const key = keyAt(path)
  const isPublic = key?.kind === 'value' && !key.secret
  return isPublic && typeof value === 'string' && value.length <= MAX_SHOWN_VALUE ? withoutPassword(value) : undefined
}

/**
 * The line or the variables that a value came from. A section has the variables of the keys below it beside its line, and where nothing
 * says where it came from, that of the section around it does.
 */
function findOrigin(origins: Origins, path: readonly string[]): Pick<ConfigProblem, 'line' | 'variable'> {
  for (let length = path.length; length > 0; length--) {
    const here = path.slice(0, length).join('.')
    const own = origins.get(here)
    if (own?.variable !== undefined || (own !== undefined && length < path.length)) return placeOf(own)
    const variables = [...origins].flatMap(([below, { variable }]) =>
      variable !== undefined && below.startsWith(`${here}.`) ? [variable] : [],
    )
    if (own !== undefined || variables.length > 0) return { ...placeOf(own ?? {}), ...nameVariables(variables) }
  }
  return placeOf(originOf(origins, path))
}

function placeOf({ line, variable }: Pick<ConfigProblem, 'line' | 'variable'>): Pick<ConfigProblem, 'line' | 'variable'> {
  return { ...(line === undefined ? {} : { line }), ...(variable === undefined ? {} : { variable }) }
}

function nameVariables(variables: readonly string[]): Pick<ConfigProblem, 'variable'> {
  if (variables.length === 0) return {}
  const named = variables.slice(0, MAX_NAMED_VARIABLES)
  const rest = variables.length - named.length
  return { variable: [...named, ...(rest > 0 ? [`${rest} more`] : [])].join(', ').replace(/, ([^,]*)$/, ' and $1') }
}
