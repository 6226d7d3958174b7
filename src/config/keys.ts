import { z } from 'zod'
import { findDurationMs } from './duration.ts'
import { findTcpAddress, type ListenAddress } from './listen-address.ts'
import { Secret } from './secret.ts'

/**
 * The kinds of keys that the schema is made of. A key's value comes as the text that stands in the file or the variable, so that
 * both are read by the same rules and a secret of `0123` keeps its zero; each kind turns that text into what the program uses.
 */

/** What is known about a key beside how its value is read. */
export interface KeyFacts {
  /** One sentence for the operator. */
  readonly about: string
  /** As one would write it in the file. */
  readonly default?: string
  /** Told at start when the key is set: for what registry:2 needs and Berth does not. Undefined when there is nothing to tell. */
  readonly notice?: (text: string) => string | undefined
}

export type Shape = Readonly<Record<string, z.ZodType>>

export type Key =
  | { readonly kind: 'section'; readonly shape: Shape }
  | { readonly kind: 'map' }
  | { readonly kind: 'value'; readonly secret: boolean; readonly facts: KeyFacts }
  | { readonly kind: 'not yet' }

const keys = new WeakMap<z.ZodType, Key>()

/** What was said about a key when it was declared. */
export function keyOf(schema: z.ZodType): Key {
  const key = keys.get(schema)
  if (key === undefined) throw new Error('the configuration schema has a key that was not declared with the functions of keys.ts')
  return key
}

/** Keys below a common name; any other key there is an error. */
export function section<S extends Shape>(shape: S) {
  const known = z.strictObject(shape, {
    error: (issue) => (issue.code === 'invalid_type' ? 'is a section: keys belong below it' : undefined),
  })
  return declare(
    z.preprocess((value) => value ?? {}, known),
    { kind: 'section', shape },
  )
}

/** A section whose mere presence says something, as that of a storage driver does. */
export function optionalSection<S extends Shape>(shape: S) {
  const known = section(shape)
  return declare(
    z.preprocess((value) => (value === null ? {} : value), known.optional()),
    { kind: 'section', shape },
  )
}

/** A key with a value, or its default. */
export function key<Output>(type: z.ZodType<Output>, facts: KeyFacts & { readonly default: string }) {
  const schema = z.preprocess((value) => value ?? facts.default, type)
  return declare(schema, { kind: 'value', secret: false, facts })
}

/** A key that must be there. */
export function requiredKey<Output>(type: z.ZodType<Output>, facts: KeyFacts) {
  const schema = z.preprocess((value) => value ?? undefined, type)
  return declare(schema, { kind: 'value', secret: false, facts })
}

/** A key that may be left out. */
export function optionalKey<Output>(type: z.ZodType<Output>, facts: KeyFacts) {
  const schema = z.preprocess((value) => value ?? undefined, type.optional())
  return declare(schema, { kind: 'value', secret: (type as z.ZodType) === secret, facts })
}

/** Names of the operator's own choice, each with a value. */
export function map<Output>(type: z.ZodType<Output>, name = z.string()) {
  const schema = z.preprocess(
    (value) => value ?? {},
    z.record(name, type, { error: 'is a section: names and values belong below it' }),
  )
  return declare(schema, { kind: 'map' })
}

/** A key of registry:2 or registry:3 that means something, which Berth does not do yet. Empty, it asks for nothing. */
export function notYet() {
  const schema = z
    .unknown()
    .optional()
    .refine((value) => value === undefined || value === null, { error: 'is a setting that Berth does not have yet; take it out' })
  return declare(schema, { kind: 'not yet' })
}

export const text = z.string({ error: 'needs a single value' })

export const secret = text.transform((value) => new Secret(value))

export const boolean = parsed((value) => BOOLEANS[value.toLowerCase()], 'is not allowed; use true or false')

export const durationMs = parsed(findDurationMs, 'is not a duration; write a number with its unit, as in 10s, 5m, 168h or 1h30m')

/** `host:port`, or the path of a socket. */
export const listenAddress = parsed(
  (value): ListenAddress | undefined =>
    value.includes('/') || value.endsWith('.sock') ? { kind: 'unix', path: value } : findTcpAddress(value),
  'is not an address; write host:port, or :port for every interface',
)

/** The address under which clients see the registry, without a slash at its end. */
export const publicUrl = parsed(
  (value) =>
    /^https?:\/\/[^/?#@\s]+(\/[^?#\s]*)?$/.test(value) && URL.canParse(value)
      ? new URL(value).href.replace(/\/$/, '')
      : undefined,
  'is not the address of a server; write it as https://registry.example.com or http://host:5000',
)

/** '' or '/path', without the slash at the end. */
export const pathPrefix = parsed(
  (value) => (/^(\/[A-Za-z0-9._~-]+)*\/?$/.test(value) ? value.replace(/\/$/, '') : undefined),
  'is not a path; write it as /registry/',
)

export const headerName = z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, { error: 'is not the name of an HTTP header' })

const headerValue = text.regex(/^[\t\x20-\x7e]*$/, {
  error: 'is not the value of an HTTP header: visible ASCII letters on one line',
})

/** One value, or a list of them for a header that is sent several times. */
export const headerValues = z.preprocess((value) => (Array.isArray(value) ? value : [value]), z.array(headerValue).readonly())

/** A whole number from `min` up. */
export function wholeNumber(min: number) {
  return parsed(
    (value) => {
      const number = /^-?\d+$/.test(value) ? Number(value) : Number.NaN
      return Number.isSafeInteger(number) && number >= min ? number : undefined
    },
    `is not allowed; use a whole number${min > Number.MIN_SAFE_INTEGER ? ` of ${min} or more` : ''}`,
  )
}

/** One of some words, in any case. */
export function oneOf<const Word extends string>(...words: readonly Word[]) {
  const list = `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
  return parsed((value) => words.find((word) => word === value.toLowerCase()), `is not allowed; use ${list}`)
}

const BOOLEANS: Readonly<Record<string, boolean>> = { true: true, yes: true, on: true, false: false, no: false, off: false }

function parsed<Output>(parse: (value: string) => Output | undefined, complaint: string) {
  return text.transform((value, context): Output => {
    const output = parse(value)
    if (output !== undefined) return output
    context.addIssue({ code: 'custom', message: complaint })
    return z.NEVER
  })
}

function declare<S extends z.ZodType>(schema: S, declaration: Key): S {
  keys.set(schema, declaration)
  return schema
}
