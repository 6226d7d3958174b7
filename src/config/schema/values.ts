import { isIP } from 'node:net'
import { z } from 'zod'
import { findDurationMs, findSpanMs, SPAN_RULE } from '../../runtime/duration.ts'
import { findAddressRange } from '../words/address-range.ts'
import { findByteCount } from '../words/byte-count.ts'
import { findByteSize } from '../words/byte-size.ts'
import { findEveryInterface, findTcpAddress, type ListenAddress } from '../words/listen-address.ts'
import { Pattern } from '../words/pattern.ts'
import { Secret } from '../words/secret.ts'

/**
 * The kinds of values. Each comes as the text that stands in the file or the variable, so that both are read by the same rules and
 * a secret of `0123` keeps its zero, and becomes what the program uses.
 */

export const text = z.string({ error: ({ input }) => (input === undefined ? 'must be set' : 'needs a single value') })

/** What must not be empty. */
export const filled = text.min(1, { error: 'must not be empty' })

export const secret = text.transform((value) => new Secret(value))

export const boolean = parsed(findBoolean, 'is not allowed; use true or false')

export const durationMs = parsed(findDurationMs, 'is not a duration; write a number with its unit, as in 10s, 5m, 168h or 1h30m')

/** Days, or a duration, of more than nothing. */
export const spanMs = parsed(findSpanMs, `is not allowed; write ${SPAN_RULE}`)

/** Of a storage, or a part of one. */
export const byteSize = parsed(
  (value) => findByteSize(value) || undefined,
  'is not a size; write a number with its unit, as in 500MB, 10GB, 1.5TB or 10GiB',
)

export const byteCount = parsed(findByteCount, 'is not a number of bytes; write it with its unit, as in 500kB, 20MB or 1GiB')

/** `host:port`, or the path of a socket. */
export const listenAddress = parsed(
  (value): ListenAddress | undefined =>
    value.includes('/') || value.endsWith('.sock') ? { kind: 'unix', path: value } : findEveryInterface(findTcpAddress(value)),
  'is not an address; write host:port, or :port for every interface',
)

/** `host:port`, where something else listens. */
export const remoteAddress = parsed(findTcpAddress, 'is not an address; write host:port')

/** A range of addresses, or the word none. */
export const proxyRange = parsed(
  (value) => (value === 'none' ? 'none' : findAddressRange(value)),
  'is not an address or a range of them; write 192.0.2.10, 10.1.0.0/16 or none',
)

/** The address under which clients see the registry, without a slash at its end. */
export const publicUrl = parsed(
  (value) =>
    /^https?:\/\/[^/?#@\s]+(\/[^?#\s]*)?$/.test(value) && URL.canParse(value)
      ? new URL(value).href.replace(/\/$/, '')
      : undefined,
  'is not the address of a server; write it as https://registry.example.com or http://host:5000',
)

/** A name or an address that a certificate can speak for. */
export const certificateHost = parsed(
  findHost,
  'is neither a host name nor an address; write it as registry.example.com or 10.0.0.1',
)

/** Any http or https URL. */
export const webUrl = parsed(
  (value) => (/^https?:\/\//i.test(value) && URL.canParse(value) ? value : undefined),
  'is not a URL; write it as http://host:port/path',
)

/** `https://host:port` of a server, or `host:port` alone; without a path. */
export const serverAddress = parsed(
  (value) =>
    /^(https?:\/\/)?[^/?#@\s]+\/?$/i.test(value) && URL.canParse(value.includes('://') ? value : `http://${value}`)
      ? value.replace(/\/$/, '')
      : undefined,
  'is not the address of a server; write it as https://host:port',
)

/** The address of a registry, up to the place where `/v2/` begins. */
export const registryUrl = parsed(
  (value) => (/^https?:\/\/[^/?#@\s]+\/?$/i.test(value) && URL.canParse(value) ? new URL(value).origin : undefined),
  'is not the root of a registry; write it as https://registry-1.docker.io, with nothing behind the host',
)

/** The URL of an HTTP proxy, with the user name and the password for it, or the word none. */
export const httpProxy = parsed((value): Secret | 'none' | undefined => {
  if (value === 'none') return value
  return /^https?:\/\/[^/?#\s]+\/?$/i.test(value) && URL.canParse(value) ? new Secret(new URL(value).href) : undefined
}, 'is not the address of a proxy; write it as http://proxy.example.com:3128, or http://name:password@host:3128, or none')

/** '' or '/path', without the slash at the end. */
export const pathPrefix = parsed(
  (value) => (/^(\/[A-Za-z0-9._~-]+)*\/?$/.test(value) ? value.replace(/\/$/, '') : undefined),
  'is not a path; write it as /registry/',
)

/** '/path', never empty. */
export const urlPath = parsed(
  (value) => (/^(\/[A-Za-z0-9._~-]+)+\/?$/.test(value) ? value : undefined),
  'is not a path; write it as /metrics',
)

/** A regular expression as Go writes it. */
export const pattern = parsed((value) => Pattern.find(value), 'is not a regular expression as Go and registry:2 read them')

export const headerName = z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, { error: 'is not the name of an HTTP header' })

const headerValue = text.regex(/^[\t\x20-\x7e]*$/, {
  error: 'is not the value of an HTTP header: visible ASCII letters on one line',
})

/** One value, or a list of them for a header that is sent several times. */
export const headerValues = z.preprocess((value) => (Array.isArray(value) ? value : [value]), z.array(headerValue).readonly())

/** A whole number from `min` up. */
export function wholeNumber(min = Number.MIN_SAFE_INTEGER) {
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
  const choice = `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
  return parsed((value) => words.find((word) => word.toLowerCase() === value.toLowerCase()), `is not allowed; use ${choice}`)
}

const HOST_NAME = /^(\*\.)?[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/

/** The name of a host, also with a star in front, or an address. */
export function findHost(value: string): string | undefined {
  return isIP(value) !== 0 || HOST_NAME.test(value) ? value : undefined
}

const TRUE: ReadonlySet<string> = new Set(['true', 'yes', 'on', 'y'].flatMap(spellings))
const FALSE: ReadonlySet<string> = new Set(['false', 'no', 'off', 'n'].flatMap(spellings))

/** What the YAML of registry:2 reads as true or false. */
export function findBoolean(value: string): boolean | undefined {
  if (TRUE.has(value)) return true
  return FALSE.has(value) ? false : undefined
}

function spellings(word: string): readonly string[] {
  return [word, word.toUpperCase(), `${word.charAt(0).toUpperCase()}${word.slice(1)}`]
}

const GO_BOOLEANS: Readonly<Record<string, boolean>> = { 1: true, t: true, T: true, 0: false, f: false, F: false }

/** As a text too, by Go's rules: what registry:2 takes for the parameters of a bucket. */
export const parameterBoolean = parsed((value) => findBoolean(value) ?? GO_BOOLEANS[value], 'is not allowed; use true or false')

/** What a text means, which `parse` finds out; `complaint` is to be read after the key and the text. */
export function parsed<Output>(parse: (value: string) => Output | undefined, complaint: string) {
  return text.transform((value, context): Output => {
    const output = parse(value)
    if (output !== undefined) return output
    context.addIssue({ code: 'custom', message: complaint })
    return z.NEVER
  })
}
