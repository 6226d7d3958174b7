import type { z } from 'zod'
import type { ConfigProblem } from './config-error.ts'
import { expandAuthName } from './schema/auth-schema.ts'
import { childOf, isSet, type Key, keyOf } from './schema/keys.ts'
import { schema } from './schema/schema.ts'
import { isSection, type Origins, type Tree, valueAt } from './source/tree.ts'
import { type ParsedText, parseYaml } from './source/yaml-text.ts'
import { findNearest } from './words/nearest.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export const CONFIG_PATH_VARIABLE = 'REGISTRY_CONFIGURATION_PATH'
/** Our own variable, for the image without a file: the same as http.processes. */
const PROCESSES_VARIABLE = 'BERTH_PROCESSES'

const PREFIX = 'REGISTRY_'
/** What Kubernetes puts into every container of a namespace that has a service called `registry` or `registry-…`. */
const SERVICE_VARIABLE = /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/
/** Where registry:2's variables have another name than its keys, by the path of the key: those of its Go program. */
const GO_NAMES: Readonly<Record<string, string>> = {
  'health.filecheckers': 'file',
  'health.httpcheckers': 'http',
  'health.tcpcheckers': 'tcp',
  'notifications.eventconfig': 'events',
  'compatibility.schema1.trustkey': 'signingkeyfile',
}

/**
 * registry:2 takes no notice of this form: clients without a certificate get in, and people who follow a walk-through with it rely on
 * that without knowing. It is the only setting that Berth leaves alone for registry:2's sake.
 */
const CLIENT_AUTHORITY = /^REGISTRY_HTTP_TLS_CLIENTCAS_\d+$/
const LETS_EVERYONE_IN =
  "HAS NO EFFECT, as in registry:2: clients need NO certificate. To ask for one, write REGISTRY_HTTP_TLS_CLIENTCAS='[/path/to/ca.pem]', " +
  'or set REGISTRY_HTTP_TLS_CLIENTAUTH=require-and-verify-client-cert beside it; otherwise take the variable out.'

/** What the variables said that is no setting: things to know, and things that stop the start. */
export interface Overlay {
  readonly notices: readonly string[]
  /** Variables that name no key. */
  readonly unknown: readonly ConfigProblem[]
  readonly problems: readonly ConfigProblem[]
}

/**
 * Lays the `REGISTRY_*` variables over a tree, in the order of their names as registry:2 does: REGISTRY_STORAGE replaces the
 * whole section, then REGISTRY_STORAGE_DELETE_ENABLED one key of it.
 */
export function overlayEnvironment(tree: { [key: string]: Tree }, origins: Origins, environment: Environment): Overlay {
  const notices: string[] = []
  const unknown: ConfigProblem[] = []
  const problems: ConfigProblem[] = []
  for (const [variable, text] of settingsIn(environment)) {
    const target = findVariable(variable)
    if (target === undefined) {
      unknown.push({ variable, message: describeUnknown(variable) })
      continue
    }
    if (CLIENT_AUTHORITY.test(variable) && !asksForClientCertificates(tree, environment)) {
      notices.push(`${variable} ${LETS_EVERYONE_IN}`)
      continue
    }
    const value = readValue(text.trim(), target.holds)
    const gap = place(tree, target.path, value.tree)
    if (gap !== undefined) problems.push({ variable, message: gap })
    const path = target.path.join('.')
    forget(origins, path)
    origins.set(path, { variable, isQuoted: value.isQuoted })
    for (const [below, { isQuoted = false }] of value.origins) origins.set(`${path}.${below}`, { variable, isQuoted })
  }
  return { notices, unknown, problems }
}

/** A file that says what clients must show means it. */
function asksForClientCertificates(tree: Tree, environment: Environment): boolean {
  return Boolean(environment.REGISTRY_HTTP_TLS_CLIENTAUTH) || isSet(valueAt(tree, ['http', 'tls', 'clientauth']))
}

/** A driver that needs no keys may be written as its name alone: `storage: inmemory`; a kind of auth as well. */
export function expandNames(tree: { [key: string]: Tree }): void {
  if (typeof tree.storage === 'string') tree.storage = { [tree.storage]: null }
  expandAuthName(tree)
}

function settingsIn(environment: Environment): (readonly [string, string])[] {
  const variables = Object.keys(environment).filter(
    (variable) =>
      variable === PROCESSES_VARIABLE ||
      (variable.startsWith(PREFIX) && variable !== CONFIG_PATH_VARIABLE && !SERVICE_VARIABLE.test(variable)),
  )
  return variables.sort().flatMap((variable) => {
    const text = environment[variable]
    return text === undefined ? [] : [[variable, text] as const]
  })
}

/** The path of a key; numbers are places in lists. */
type Path = readonly (string | number)[]

interface Target {
  readonly path: Path
  readonly holds: 'text' | 'yaml'
}

function findVariable(variable: string): Target | undefined {
  if (variable === PROCESSES_VARIABLE) return { path: ['http', 'processes'], holds: 'text' }
  return findTarget(keyOf(schema), variable.slice(PREFIX.length).toLowerCase().split('_'), [])
}

/** The key that the parts of a variable's name lead to. */
function findTarget(key: Key, parts: readonly string[], path: Path): Target | undefined {
  if (parts.length === 0) return { path, holds: key.kind === 'value' ? 'text' : 'yaml' }
  switch (key.kind) {
    case 'section':
      return findBelow(key, parts, path)
    case 'list':
      return findEntry(key, parts, path)
    case 'map':
      return { path: [...path, parts.join('_')], holds: 'yaml' }
    case 'not yet':
    case 'not needed':
      return { path: [...path, ...parts.map((part) => (isIndex(part) ? Number(part) : part))], holds: 'yaml' }
    case 'value':
      return undefined
  }
}

/** A key may have underscores of its own, so parts are tried joined too. */
function findBelow(key: Key, parts: readonly string[], path: Path): Target | undefined {
  for (let length = 1; length <= parts.length; length++) {
    const wanted = parts.slice(0, length).join('_')
    const name = GO_NAMES[[...path, wanted].join('.')] ?? wanted
    const child = childOf(key, name)
    const target = child && findTarget(child, parts.slice(length), [...path, name])
    if (target !== undefined) return target
  }
  return undefined
}

function findEntry(key: Key, [index = '', ...rest]: readonly string[], path: Path): Target | undefined {
  const entry = childOf(key, index)
  return entry && isIndex(index) ? findTarget(entry, rest, [...path, Number(index)]) : undefined
}

function isIndex(part: string): boolean {
  return /^\d{1,4}$/.test(part)
}

interface Value extends Pick<ParsedText, 'tree' | 'origins'> {
  readonly isQuoted: boolean
}

/** A variable that is empty unsets its key. Quotes that a tool left around a value are YAML's, and make a text of it. */
function readValue(text: string, holds: Target['holds']): Value {
  const isQuoted = /^(".*"|'.*')$/s.test(text)
  if (text === '' || (holds === 'text' && !isQuoted)) return { tree: text || null, origins: new Map(), isQuoted }
  const { tree, origins, problems } = parseYaml(text)
  return problems.length === 0 ? { tree, origins, isQuoted } : { tree: text, origins: new Map(), isQuoted }
}

/** Makes the sections and lists on the way. Gives a sentence when the path leaves a gap in a list. */
function place(tree: { [key: string]: Tree }, path: Path, value: Tree): string | undefined {
  let parent: { [key: string]: Tree } | Tree[] = tree
  for (const [depth, step] of path.entries()) {
    if (Array.isArray(parent) && Number(step) > parent.length)
      return `is for entry ${step} of a list that has ${parent.length}; entries count from 0, without gaps`
    if (depth === path.length - 1) set(parent, step, value)
    else parent = container(parent, step, typeof path[depth + 1] === 'number')
  }
  expandNames(tree)
  return undefined
}

function set(parent: { [key: string]: Tree } | Tree[], step: string | number, value: Tree): void {
  if (Array.isArray(parent)) parent[Number(step)] = value
  else parent[sameName(parent, step)] = value
}

/** What stands there if it can hold what follows, else a new list or section in its place. */
function container(parent: { [key: string]: Tree } | Tree[], step: string | number, holdsList: boolean) {
  const child = Array.isArray(parent) ? parent[Number(step)] : parent[sameName(parent, step)]
  if (holdsList && Array.isArray(child)) return child
  if (!holdsList && isSection(child)) return child
  const made: { [key: string]: Tree } | Tree[] = holdsList ? [] : {}
  set(parent, step, made)
  return made
}

/** The name as the file spells it: REGISTRY_HTTP_HEADERS_X-FOO sets what the file calls X-Foo. */
function sameName(section: { readonly [key: string]: Tree }, step: string | number): string {
  const name = String(step)
  return Object.keys(section).find((known) => known.toLowerCase() === name) ?? name
}

/** What was replaced as a whole no longer comes from the lines below it. */
function forget(origins: Origins, path: string): void {
  for (const known of origins.keys()) if (known.startsWith(`${path}.`)) origins.delete(known)
}

function describeUnknown(variable: string): string {
  const nearest = findNearest(variable.slice(PREFIX.length), variableNames(schema))
  const hint = nearest === undefined ? '' : `; did you mean ${PREFIX}${nearest}?`
  return `there is no such setting${hint}`
}

/** What may follow REGISTRY_. */
function variableNames(at: z.ZodType, path: readonly string[] = []): string[] {
  const key = keyOf(at)
  if (key.kind !== 'section') return [path.join('_').toUpperCase()]
  return Object.entries(key.shape).flatMap(([name, child]) => variableNames(child, [...path, name]))
}
