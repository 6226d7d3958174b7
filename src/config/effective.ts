import { AUTH_KINDS } from './schema/auth-schema.ts'
import { childOf, type Key, keyOf } from './schema/keys.ts'
import { schema } from './schema/schema.ts'
import { STORAGE_DRIVERS } from './schema/storage-schema.ts'
import type { Settings } from './settings.ts'
import { isSection, originOf, type Tree, valueAt } from './source/tree.ts'
import { withoutPassword } from './words/secret.ts'

const STARS = '****'
/** Where the origins begin, unless the value is longer. */
const ORIGIN_COLUMN = 56
/** Texts that YAML reads as themselves; everything else is put in quotes. */
const PLAIN = /^[A-Za-z0-9/.:*][A-Za-z0-9/._:*+-]*$/

/** The configuration that holds, as a file in the same format, with the origin of each value behind it and stars for secrets. */
export function renderSettings(settings: Settings): string {
  return `${renderSection(keyOf(schema), [], settings).join('\n')}\n`
}

/** The lines of what stands below a key; none when it says nothing. */
function renderSection(key: Key, path: readonly string[], settings: Settings): string[] {
  if (key.kind !== 'section') return []
  return Object.keys(key.shape).flatMap((name) => {
    const child = childOf(key, name)
    return child === undefined ? [] : renderKey(child, [...path, name], settings)
  })
}

function renderKey(key: Key, path: readonly string[], settings: Settings): string[] {
  const value = valueAt(settings.tree, path)
  switch (key.kind) {
    case 'section':
      return renderBelow(key, path, settings)
    case 'value': {
      const text = typeof value === 'string' ? value : key.facts.default
      return text === undefined ? [] : [line(path, showText(text, key.secret), settings)]
    }
    case 'list':
      if (key.facts.default !== undefined) return [line(path, isSet(value) ? showTree(value, key) : key.facts.default, settings)]
      return isFilled(value) ? [line(path, showTree(value, key), settings)] : []
    case 'map':
      return isFilled(value) ? [line(path, showTree(value, key), settings)] : []
    case 'not yet':
    case 'not needed':
      return []
  }
}

/** A driver has a section only when it is the chosen one; the others say nothing, whatever their defaults are. */
function renderBelow(key: Key, path: readonly string[], settings: Settings): string[] {
  if (isOptional(path) && valueAt(settings.tree, path) === undefined) return []
  const below = renderSection(key, path, settings)
  if (below.length > 0) return [`${indent(path)}${path.at(-1)}:`, ...below]
  return isOptional(path) ? [line(path, '{}', settings)] : []
}

/** Sections that switch something on by being there, even when they are empty: storage drivers, kinds of auth, access, and PostgreSQL. */
const OPTIONAL: ReadonlySet<string> = new Set([
  ...['access', 'metadata.postgres', 'metadata.postgres.tls'],
  ...STORAGE_DRIVERS.map((driver) => `storage.${driver}`),
  ...AUTH_KINDS.map((kind) => `auth.${kind}`),
])

function isOptional(path: readonly string[]): boolean {
  return OPTIONAL.has(path.join('.'))
}

function isSet(value: Tree | undefined): value is Exclude<Tree, null> {
  return value !== undefined && value !== null
}

function isFilled(value: Tree | undefined): value is Tree {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0
}

function line(path: readonly string[], value: string, settings: Settings): string {
  const text = `${indent(path)}${path.at(-1)}: ${value}`
  return `${text.padEnd(ORIGIN_COLUMN)} # ${describeOrigin(path, settings)}`
}

function indent(path: readonly string[]): string {
  return '  '.repeat(path.length - 1)
}

function describeOrigin(path: readonly string[], { tree, origins, path: file }: Settings): string {
  const value = valueAt(tree, path)
  if (value === undefined || value === null) return 'default'
  const { variable, line } = originOf(origins, path)
  if (variable !== undefined) return variable
  return line === undefined ? 'default without a file' : `${file}:${line}`
}

/** A list or a section on one line. */
function showTree(value: Tree, key: Key | undefined): string {
  if (Array.isArray(value)) return `[${value.map((entry, index) => showTree(entry, at(key, String(index)))).join(', ')}]`
  if (isSection(value)) {
    const entries = Object.entries(value).map(([name, entry]) => `${quote(name)}: ${showTree(entry, at(key, name))}`)
    return `{${entries.join(', ')}}`
  }
  return value === null ? "''" : showText(value, key?.kind === 'value' && key.secret)
}

/** A header may have a list of values, which are as secret as one. */
function at(key: Key | undefined, name: string): Key | undefined {
  return key?.kind === 'value' ? key : key && childOf(key, name)
}

function showText(text: string, isSecret: boolean): string {
  return isSecret ? quote(STARS) : quote(withoutPassword(text))
}

/** Quoted where it would be read as something else; `: ` and ` #` are not in PLAIN. */
function quote(text: string): string {
  return PLAIN.test(text) && !text.endsWith(':') && !text.startsWith('*') ? text : JSON.stringify(text)
}
