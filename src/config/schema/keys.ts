import { z } from 'zod'
import type { Tree } from '../source/tree.ts'
import { boolean, secret } from './values.ts'

/** The kinds of keys that the schema is made of: what each may hold, what is told about it, and how the program sees it. */

/** What is known about a key beside how its value is read. */
export interface KeyFacts {
  /** One sentence for the operator. */
  readonly about: string
  /** As one would write it in the file. */
  readonly default?: string
  /** As one would write it in the file; the default when left out. */
  readonly example?: string
  /** Told at start when the key is set: for what registry:2 needs and Berth does not. Undefined when there is nothing to tell. */
  readonly notice?: (text: string) => string | undefined
  /** What registry:2 makes of a text that it does not take as it is written. Undefined: it does take it. */
  readonly reading?: (text: string, isQuoted: boolean) => Reading | undefined
}

/** What holds in place of a text, and what the operator is told about it. */
export interface Reading {
  /** Null: as if nothing stood there. */
  readonly value: string | null
  /** To be read after the key and the text. */
  readonly notice: string
}

/** What is known about a part of registry:2's or registry:3's configuration that Berth does not read. */
export interface UnreadFacts {
  readonly about: string
  /** What may stand below it, for the documentation; a list of sections has `[]` in front. */
  readonly below?: readonly string[]
}

export interface NotYetFacts extends UnreadFacts {
  /** Whether what stands there asks for anything. Left out: whenever it is not empty. */
  readonly asks?: (value: Tree) => boolean
  /** What to do about it; 'take it out' when left out. */
  readonly advice?: string
}

export interface MapFacts extends KeyFacts {
  /** What a name may be. */
  readonly name?: z.ZodString
  /** Its values are never shown. */
  readonly isSecret?: boolean
}

export type Shape = Readonly<Record<string, z.ZodType>>

export type Key =
  | { readonly kind: 'section'; readonly shape: Shape; readonly about: string | undefined; readonly exactness: Exactness }
  /** Names of the operator's own choice. */
  | { readonly kind: 'map'; readonly secret: boolean; readonly facts: KeyFacts }
  /** `element` is a section, or undefined for single values. */
  | { readonly kind: 'list'; readonly element: z.ZodType | undefined; readonly facts: KeyFacts }
  | ValueKey
  | { readonly kind: 'not yet'; readonly facts: NotYetFacts }
  | { readonly kind: 'not needed'; readonly facts: UnreadFacts & { readonly notice: string } }

/** Where an unknown key is a mistake. */
export type Exactness = 'none' | 'here' | 'here and below'

export interface ValueKey {
  readonly kind: 'value'
  readonly secret: boolean
  readonly isBoolean: boolean
  /** It must be there; an empty text is a value, and elsewhere none. */
  readonly isRequired: boolean
  readonly facts: KeyFacts
}

const keys = new WeakMap<z.ZodType, Key>()

/** What was said about a key when it was declared. */
export function keyOf(schema: z.ZodType): Key {
  const key = keys.get(schema)
  if (key === undefined) throw new Error('the configuration schema has a key that was not declared with the functions of keys.ts')
  return key
}

/** Keys below a common name. */
export function section<S extends Shape>(shape: S) {
  const known = z.strictObject(shape, {
    error: (issue) => (issue.code === 'invalid_type' ? 'is a section: keys belong below it' : undefined),
  })
  return declare(
    z.preprocess((value) => value ?? {}, known),
    { kind: 'section', shape, about: undefined, exactness: 'none' },
  )
}

/** A section whose mere presence says something, as that of a storage driver does. */
export function optionalSection<S extends Shape>(shape: S, about?: string) {
  const known = section(shape)
  return declare(
    z.preprocess((value) => (value === null ? {} : value), known.optional()),
    { kind: 'section', shape, about, exactness: 'none' },
  )
}

/**
 * A section in which an unknown key is a mistake: one of Berth alone, or one where registry:2 refuses it too. Elsewhere an unknown key is
 * a leftover, which registry:2 passes over and Berth tells about.
 */
export function exact<S extends z.ZodType>(schema: S, exactness: 'here' | 'here and below' = 'here and below'): S {
  const key = keyOf(schema)
  if (key.kind !== 'section') throw new Error('only a section has keys of its own')
  return declare(schema, { ...key, exactness })
}

/** A key with a value, or its default. */
export function key<Output>(type: z.ZodType<Output>, facts: KeyFacts & { readonly default: string }) {
  const schema = z.preprocess((value) => value ?? facts.default, type)
  return declare(schema, valueKey(type, facts))
}

/** A key that must be there. */
export function requiredKey<Output>(type: z.ZodType<Output>, facts: KeyFacts) {
  const schema = z.preprocess((value) => value ?? undefined, type)
  return declare(schema, { ...valueKey(type, facts), isRequired: true })
}

/** A key that may be left out. */
export function optionalKey<Output>(type: z.ZodType<Output>, facts: KeyFacts) {
  const schema = z.preprocess((value) => value ?? undefined, type.optional())
  return declare(schema, valueKey(type, facts))
}

/** Names of the operator's own choice, each with a value. */
export function map<Output>(type: z.ZodType<Output>, { name = z.string(), isSecret = false, ...facts }: MapFacts) {
  const schema = z.preprocess(
    (value) => value ?? {},
    z.record(name, type, { error: 'is a section: names and values belong below it' }),
  )
  return declare(schema, { kind: 'map', secret: isSecret, facts })
}

/** Single values, or sections made with `section`. `usual`: what holds when the list is left out, as the default in words has it. */
export function list<Output>(element: z.ZodType<Output>, facts: KeyFacts, usual: readonly string[] = []) {
  const schema = z.preprocess(
    (value) => value ?? usual,
    z.array(element, { error: 'is a list: write [one, another]' }).readonly(),
  )
  return declare(schema, { kind: 'list', element: keys.get(element)?.kind === 'section' ? element : undefined, facts })
}

/** Single values, of which one alone may stand there without brackets. */
export function oneOrMore<Output>(type: z.ZodType<Output>, facts: KeyFacts) {
  const schema = z.preprocess((value) => (Array.isArray(value) ? value : [value ?? []].flat()), z.array(type).readonly())
  return declare(schema, { kind: 'list', element: undefined, facts })
}

/** Something of registry:2 or registry:3 that Berth does not do yet. What asks for it is refused. */
export function notYet(facts: NotYetFacts) {
  const { asks = isSet, advice = 'take it out' } = facts
  const schema = z
    .unknown()
    .optional()
    .refine((value) => value === undefined || !asks(value as Tree), {
      error: `is a setting that Berth does not have yet; ${advice}`,
    })
  return declare(schema, { kind: 'not yet', facts })
}

/** Something of registry:2 or registry:3 that means nothing to Berth. Whatever stands there is accepted with one notice. */
export function notNeeded(facts: UnreadFacts & { readonly notice: string }) {
  return declare(z.unknown().optional(), { kind: 'not needed', facts })
}

/** False when nothing stands there that could ask for something. */
export function isSet(value: Tree | undefined): boolean {
  if (value === null || value === undefined || value === '') return false
  return typeof value !== 'object' || Object.values(value).some(isSet)
}

/** The key of that name below another; a number for an entry of a list. */
export function childOf(key: Key, name: string): Key | undefined {
  switch (key.kind) {
    case 'section': {
      const child = Object.hasOwn(key.shape, name) ? key.shape[name] : undefined
      return child && keyOf(child)
    }
    case 'list':
      return key.element === undefined ? { ...PART, secret: false, facts: key.facts } : keyOf(key.element)
    case 'map':
      return { ...PART, secret: key.secret, facts: key.facts }
    case 'value':
    case 'not yet':
    case 'not needed':
      return undefined
  }
}

/** A value of a list or of a map is what it is, empty or not. */
const PART = { kind: 'value', isBoolean: false, isRequired: true } as const

function valueKey(type: z.ZodType, facts: KeyFacts): ValueKey {
  return { kind: 'value', secret: type === secret, isBoolean: type === boolean, isRequired: false, facts }
}

function declare<S extends z.ZodType>(schema: S, declaration: Key): S {
  keys.set(schema, declaration)
  return schema
}
