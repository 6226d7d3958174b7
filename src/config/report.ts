import type { z } from 'zod'
import type { ConfigProblem } from './config-error.ts'
import { childOf, isSet, type Key, keyOf } from './keys.ts'
import { findNearest } from './nearest.ts'
import { schema } from './schema.ts'
import { withoutPassword } from './secret.ts'
import { type Origins, originOf, type Tree, valueAt } from './tree.ts'

/** Turns what the schema complains about into what an operator reads: where it stands, what stands there, what is allowed. */

const MAX_SHOWN_VALUE = 80

export function describeIssues(issues: readonly z.core.$ZodIssue[], tree: Tree, origins: Origins): ConfigProblem[] {
  const problems = issues.flatMap((issue) => {
    const path = issue.path.map(String)
    if (issue.code !== 'unrecognized_keys') return [{ path, message: messageOf(issue) }]
    return issue.keys.map((name) => ({ path: [...path, name], message: describeUnknown(path, name) }))
  })
  return problems
    .map(({ path, message }) => locate({ path: path.join('.'), message }, tree, origins))
    .sort((a, b) => (a.line ?? 0) - (b.line ?? 0))
}

/** Adds to a problem where its value came from, and the value when it may be shown. */
export function locate(problem: ConfigProblem, tree: Tree, origins: Origins): ConfigProblem {
  const path = problem.path?.split('.') ?? []
  const value = valueAt(tree, path)
  const showable = typeof value === 'string' && value.length <= MAX_SHOWN_VALUE && isPublic(path)
  return { ...problem, ...originOf(origins, path), ...(showable ? { value: withoutPassword(value) } : {}) }
}

/** What the keys that are set have to say, of a configuration without errors. */
export function collectNotices(tree: Tree, key: Key = keyOf(schema), path: readonly string[] = []): string[] {
  const notice = findNotice(key, valueAt(tree, path))
  if (notice !== undefined) return [`${path.join('.')}: ${notice}`]
  if (key.kind !== 'section') return []
  return Object.entries(key.shape).flatMap(([name, child]) => collectNotices(tree, keyOf(child), [...path, name]))
}

function findNotice(key: Key, value: Tree | undefined): string | undefined {
  if (key.kind === 'value') return typeof value === 'string' ? key.facts.notice?.(value) : undefined
  if (!isSet(value)) return undefined
  if (key.kind === 'not needed') return key.facts.notice
  // Had it asked for something, it would have been refused.
  return key.kind === 'not yet' ? 'What stands here asks for nothing; it has no effect.' : undefined
}

/** zod wraps what is wrong with a name into an issue about the section. */
function messageOf(issue: z.core.$ZodIssue): string {
  return issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message
}

function describeUnknown(section: readonly string[], name: string): string {
  const around = keyAt(section)
  const siblings = around?.kind === 'section' ? Object.keys(around.shape) : []
  const nearest = findNearest(name, siblings)
  if (nearest !== undefined) return `is not a known key; did you mean ${[...section, nearest].join('.')}?`
  const elsewhere = allPaths(schema).find((path) => path.at(-1) === name)
  if (elsewhere !== undefined) return `is not a known key; did you mean ${elsewhere.join('.')}?`
  const known = siblings.filter((sibling) => keyAt([...section, sibling])?.kind !== 'not yet')
  return `is not a known key; known here: ${known.join(', ') || 'none'}`
}

function keyAt(path: readonly string[]): Key | undefined {
  let key: Key | undefined = keyOf(schema)
  for (const name of path) key = key && childOf(key, name)
  return key
}

function allPaths(at: z.ZodType, path: readonly string[] = []): (readonly string[])[] {
  const key = keyOf(at)
  if (key.kind !== 'section') return [path]
  return [path, ...Object.entries(key.shape).flatMap(([name, child]) => allPaths(child, [...path, name]))]
}

/** A value under a name that we don't know may be a secret with a spelling mistake. */
function isPublic(path: readonly string[]): boolean {
  const key = keyAt(path)
  return key?.kind === 'value' && !key.secret
}
