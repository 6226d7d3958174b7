import type { Interest, Package } from '../told/found.ts'
import { packageOf } from './package.ts'

const MOST_BYTES = 1024 * 1024
/** Made once: they are asked of each file of a layer. */
const NPM_PATH = /(^|\/)node_modules\/(@[^/]+\/)?[^/@][^/]*\/package\.json$/
const PYTHON_PATH = /\.dist-info\/METADATA$|\.egg-info\/PKG-INFO$|\.egg-info$/
const RUBY_PATH = /(^|\/)specifications\/(default\/)?[^/]+\.gemspec$/
const JAVA_PATH = /\.(jar|war|ear)$/

/** A package of Node: the name and the version of its package.json. */
export const npm: Interest = {
  matches: (path) => NPM_PATH.test(path),
  mostBytes: MOST_BYTES,
  read: (bytes, path) => {
    requireFewBrackets(bytes)
    const told: unknown = JSON.parse(new TextDecoder().decode(bytes))
    if (typeof told !== 'object' || told === null) return undefined
    const { name, version } = told as Readonly<Record<string, unknown>>
    if (typeof name !== 'string' || typeof version !== 'string') return undefined
    return { packages: packageOf({ type: 'npm', path, name, version }) }
  },
}

/** A parser takes a hundred times the memory of a text that is made of them. Packages with thousands of entries have some thousands. */
const MOST_BRACKETS = 50_000

function requireFewBrackets(bytes: Uint8Array): void {
  let brackets = 0
  for (const byte of bytes) if (byte === OPEN_LIST || byte === OPEN_OBJECT) brackets += 1
  if (brackets > MOST_BRACKETS) throw new Error(`it has more than ${MOST_BRACKETS.toLocaleString('en-US')} lists and objects`)
}

const OPEN_LIST = 0x5b
const OPEN_OBJECT = 0x7b

/** A distribution of Python, as pip and setuptools leave it. */
export const python: Interest = {
  matches: (path) => PYTHON_PATH.test(path),
  mostBytes: MOST_BYTES,
  read: (bytes, path) => {
    const text = new TextDecoder().decode(bytes)
    const head = text.slice(0, /\r?\n\r?\n/.exec(text)?.index)
    const field = (name: string) => new RegExp(`^${name}:[ \\t]*(.+)$`, 'im').exec(head)?.[1]
    return { packages: packageOf({ type: 'pypi', path, name: field('Name'), version: field('Version') }) }
  },
}

/** A gem of Ruby, by the name of its specification: `json-2.7.1.gemspec`. */
export const ruby: Interest = {
  matches: (path) => RUBY_PATH.test(path),
  mostBytes: 0,
  read: (_, path) => ({ packages: named('gem', path, /^(.+?)-(\d.*)\.gemspec$/) }),
}

/** An archive of Java, by its name: `log4j-core-2.17.1.jar`. */
export const java: Interest = {
  matches: (path) => JAVA_PATH.test(path),
  mostBytes: 0,
  read: (_, path) => ({ packages: named('maven', path, /^(.+?)(?:-(\d.*))?\.[jwe]ar$/) }),
}

function named(type: Package['type'], path: string, pattern: RegExp): readonly Package[] {
  // Of the file's name alone, and from its beginning: a pattern that may begin anywhere takes hours for a path that was made for it.
  const [, name, version] = pattern.exec(path.slice(path.lastIndexOf('/') + 1)) ?? []
  return packageOf({ type, path, name, version })
}
