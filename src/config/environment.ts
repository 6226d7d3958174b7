import type { z } from 'zod'
import { keyOf } from './keys.ts'
import { findNearest } from './nearest.ts'
import { schema } from './schema.ts'
import { isSection, type Origins, parseYaml, type Tree } from './tree.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export const CONFIG_PATH_VARIABLE = 'REGISTRY_CONFIGURATION_PATH'

const PREFIX = 'REGISTRY_'
/** What Kubernetes puts into every container of a namespace that has a service called `registry` or `registry-…`. */
const SERVICE_VARIABLE = /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/

/**
 * Lays the `REGISTRY_*` variables over a tree, in the order of their names as registry:2 does: REGISTRY_STORAGE replaces the
 * whole section, then REGISTRY_STORAGE_DELETE_ENABLED one key of it. Gives a notice for each variable that names no key.
 */
export function overlayEnvironment(tree: { [key: string]: Tree }, origins: Origins, environment: Environment): string[] {
  const notices: string[] = []
  for (const variable of Object.keys(environment).sort()) {
    const text = environment[variable]
    if (text === undefined || !variable.startsWith(PREFIX) || variable === CONFIG_PATH_VARIABLE) continue
    if (SERVICE_VARIABLE.test(variable)) continue
    const target = findTarget(schema, variable.slice(PREFIX.length).split('_'))
    if (target === undefined) {
      notices.push(describeUnknown(variable))
      continue
    }
    place(tree, target.path, readValue(text, target.holds))
    forget(origins, target.path)
    origins.set(target.path.join('.'), { variable })
  }
  return notices
}

/** A driver that needs no keys may be written as its name alone: `storage: inmemory`. */
export function expandStorageName(tree: { [key: string]: Tree }): void {
  if (typeof tree.storage === 'string') tree.storage = { [tree.storage]: null }
}

interface Target {
  readonly path: readonly string[]
  readonly holds: 'text' | 'yaml'
}

/** The key that the parts of a variable's name lead to. A key may have underscores of its own, so parts are tried joined too. */
function findTarget(at: z.ZodType, parts: readonly string[], path: readonly string[] = []): Target | undefined {
  const key = keyOf(at)
  if (parts.length === 0) return { path, holds: key.kind === 'value' ? 'text' : 'yaml' }
  if (key.kind === 'map') return { path: [...path, parts.join('_').toLowerCase()], holds: 'yaml' }
  if (key.kind === 'not yet') return { path, holds: 'yaml' }
  if (key.kind === 'value') return undefined
  for (let length = 1; length <= parts.length; length++) {
    const wanted = parts.slice(0, length).join('_').toLowerCase()
    const child = Object.hasOwn(key.shape, wanted) ? key.shape[wanted] : undefined
    const target = child && findTarget(child, parts.slice(length), [...path, wanted])
    if (target !== undefined) return target
  }
  return undefined
}

/** A variable that is empty unsets its key. Quotes that a tool left around a value are YAML's. */
function readValue(text: string, holds: Target['holds']): Tree {
  if (text === '') return null
  const quoted = /^(".*"|'.*')$/s.test(text)
  if (holds === 'text' && !quoted) return text
  const { tree, problems } = parseYaml(text)
  return problems.length === 0 ? tree : text
}

function place(tree: { [key: string]: Tree }, path: readonly string[], value: Tree): void {
  let parent = tree
  for (const key of path.slice(0, -1)) {
    const child = parent[key]
    const next = isSection(child) ? child : {}
    parent[key] = next
    parent = next
  }
  parent[path.at(-1) ?? ''] = value
  expandStorageName(tree)
}

/** What was replaced as a whole no longer comes from the lines below it. */
function forget(origins: Origins, path: readonly string[]): void {
  const prefix = `${path.join('.')}.`
  for (const known of origins.keys()) if (known.startsWith(prefix)) origins.delete(known)
}

function describeUnknown(variable: string): string {
  const nearest = findNearest(variable.slice(PREFIX.length), variableNames(schema))
  const hint = nearest === undefined ? '' : `; did you mean ${PREFIX}${nearest}?`
  return `${variable} is ignored: there is no such setting${hint}`
}

/** What may follow REGISTRY_. */
function variableNames(at: z.ZodType, path: readonly string[] = []): string[] {
  const key = keyOf(at)
  if (key.kind !== 'section') return [path.join('_').toUpperCase()]
  return Object.entries(key.shape).flatMap(([name, child]) => variableNames(child, [...path, name]))
}
