import { contextTag, DerError, type DerValue, partsOf, readDer, TAG } from './der.ts'
import { type DistinguishedName, distinguishedName, isBelow } from './distinguished-name.ts'

/** Which names the certificates below an authority may have (RFC 5280 section 4.2.1.10). Each is a name with the tag of its form. */
export interface NameConstraints {
  readonly permitted: readonly DerValue[]
  readonly excluded: readonly DerValue[]
}

/** Throws DerError. */
export function readNameConstraints(value: DerValue): NameConstraints {
  const parts = partsOf(value, TAG.SEQUENCE)
  const subtrees = (number: number) => {
    const found = parts.find(({ tag }) => tag === contextTag(number, 'constructed'))
    return found === undefined ? [] : partsOf(found).map(baseOf)
  }
  return { permitted: subtrees(0), excluded: subtrees(1) }
}

/** The name that is not allowed, in words; undefined when all are. Throws DerError. */
export function findForbidden(
  { permitted, excluded }: NameConstraints,
  subject: DistinguishedName,
  names: readonly DerValue[],
): string | undefined {
  const own = subject.length === 0 ? [] : [{ tag: DIRECTORY_NAME, isIn: (base: DerValue) => isBelow(subject, nameOf(base)) }]
  const others = names.map((name) => ({ tag: name.tag, isIn: (base: DerValue) => isIn(name, base) }))
  const forbidden = [...own, ...others].find(({ tag, isIn: lies }) => {
    const allowed = permitted.filter((base) => base.tag === tag)
    const denied = excluded.filter((base) => base.tag === tag)
    if (allowed.length + denied.length > 0 && !FORMS.has(tag)) return true
    return denied.some(lies) || (allowed.length > 0 && !allowed.some(lies))
  })
  return forbidden === undefined ? undefined : (FORMS.get(forbidden.tag) ?? 'name of an unknown form')
}

const MAILBOX = contextTag(1, 'plain')
const HOST = contextTag(2, 'plain')
const DIRECTORY_NAME = contextTag(4, 'constructed')
const URI = contextTag(6, 'plain')
const ADDRESS = contextTag(7, 'plain')

const FORMS: ReadonlyMap<number, string> = new Map([
  [MAILBOX, 'mail address'],
  [HOST, 'host name'],
  [DIRECTORY_NAME, 'name'],
  [URI, 'URI'],
  [ADDRESS, 'IP address'],
])

/** A subtree that begins further down than its base is nowhere in use, and not allowed. */
function baseOf(subtree: DerValue): DerValue {
  const [base, ...limits] = partsOf(subtree, TAG.SEQUENCE)
  if (base === undefined || limits.length > 0) throw new DerError('a name constraint has limits')
  return base
}

function isIn(name: DerValue, base: DerValue): boolean {
  switch (name.tag) {
    case MAILBOX:
      return isMailboxIn(textOf(name), textOf(base))
    case HOST:
      return isHostIn(textOf(name), textOf(base))
    case DIRECTORY_NAME:
      return isBelow(nameOf(name), nameOf(base))
    case URI:
      return isUriIn(textOf(name), textOf(base))
    case ADDRESS:
      return isAddressIn(name.content, base.content)
    default:
      throw new DerError('a name has an unknown form')
  }
}

/** A directory name stands inside of its tag as a value of its own. */
function nameOf({ content }: DerValue): DistinguishedName {
  return distinguishedName(readDer(content, TAG.SEQUENCE))
}

function textOf({ content }: DerValue): string {
  return Buffer.from(content).toString('latin1')
}

/** `example.com`: the host and all below it; `.example.com`: all below it; '': every host. */
function isHostIn(host: string, base: string): boolean {
  const [name, below] = [host.toLowerCase(), base.toLowerCase()]
  if (below === '' || name === below) return true
  return name.endsWith(below.startsWith('.') ? below : `.${below}`)
}

/** `a@example.com`: one mailbox; `example.com`: all on that host; `.example.com`: all on hosts below it. */
function isMailboxIn(mailbox: string, base: string): boolean {
  const at = mailbox.lastIndexOf('@')
  const host = mailbox.slice(at + 1).toLowerCase()
  const baseAt = base.lastIndexOf('@')
  if (baseAt >= 0) return mailbox.slice(0, at) === base.slice(0, baseAt) && host === base.slice(baseAt + 1).toLowerCase()
  return isExactHostIn(host, base.toLowerCase())
}

/** A URI without a host name lies nowhere, so that it is not permitted; nor may one hide what is excluded. */
function isUriIn(uri: string, base: string): boolean {
  const host = URL.parse(uri.replace(/^[^:]*:/, 'http:'))?.hostname ?? ''
  if (host === '' || /^[[\d.\]:]+$/.test(host)) throw new DerError('a URI has no host name')
  return isExactHostIn(host, base.toLowerCase())
}

function isExactHostIn(host: string, base: string): boolean {
  return base.startsWith('.') ? host.endsWith(base) : host === base
}

/** The base is an address and a mask of the same length. */
function isAddressIn(address: Uint8Array, base: Uint8Array): boolean {
  if (base.length !== 2 * address.length) return false
  return address.every((byte, index) => {
    const mask = base[address.length + index] ?? 0
    return (byte & mask) === ((base[index] ?? 0) & mask)
  })
}
