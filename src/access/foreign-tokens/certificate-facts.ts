import { contextTag, countOf, DerError, type DerValue, isTrue, partsOf, readDer, TAG } from './der.ts'
import { type DistinguishedName, distinguishedName, mailboxesIn } from './distinguished-name.ts'
import { type NameConstraints, readNameConstraints } from './name-constraints.ts'

/** What a certificate says of itself, as far as RFC 5280 section 6 looks at it and node:crypto does not tell. */
export interface CertificateFacts {
  readonly version: number
  readonly issuer: DistinguishedName
  readonly subject: DistinguishedName
  /** Alternative names, each with the tag of its form; a mailbox in the subject where there are none. */
  readonly names: readonly DerValue[]
  readonly isAuthority: boolean
  /** How many authorities may stand below it; Infinity: as many as there are. */
  readonly maxPathLength: number
  /** Undefined: for everything. */
  readonly signsCertificates: boolean | undefined
  readonly constraints: NameConstraints | undefined
  /** Critical extensions that are not looked at here: with one of these a certificate may not be believed. In hex. */
  readonly unknownCritical: readonly string[]
}

/** Throws DerError. */
export function factsOf(certificate: Uint8Array): CertificateFacts {
  const [signed] = partsOf(readDer(certificate, TAG.SEQUENCE))
  const fields = partsOf(signed, TAG.SEQUENCE)
  const hasVersion = fields[0]?.tag === contextTag(0, 'constructed')
  const [, , issuer, , subject] = fields.slice(hasVersion ? 1 : 0)
  const extensions = extensionsIn(fields)
  const alternative = extensionValue(extensions, OID.subjectAltName)
  return {
    version: hasVersion ? countOf(readDer(fields[0]?.content ?? new Uint8Array(), TAG.INTEGER)) + 1 : 1,
    issuer: distinguishedName(issuer),
    subject: distinguishedName(subject),
    names: alternative === undefined ? mailboxNames(subject) : partsOf(alternative, TAG.SEQUENCE),
    ...basicConstraintsOf(extensionValue(extensions, OID.basicConstraints)),
    signsCertificates: signsCertificates(extensionValue(extensions, OID.keyUsage)),
    constraints: constraintsOf(extensionValue(extensions, OID.nameConstraints)),
    unknownCritical: extensions.filter(({ id, isCritical }) => isCritical && !KNOWN.includes(id)).map(({ id }) => id),
  }
}

/** In hex, without tag and length. */
const OID = {
  keyUsage: '551d0f',
  subjectAltName: '551d11',
  basicConstraints: '551d13',
  nameConstraints: '551d1e',
  certificatePolicies: '551d20',
  extendedKeyUsage: '551d25',
} as const

/** Every policy is accepted, and a token's certificate may be for any use, as in registry:2: so these are looked at, too. */
const KNOWN: readonly string[] = Object.values(OID)

interface Extension {
  readonly id: string
  readonly isCritical: boolean
  readonly value: DerValue
}

function extensionsIn(fields: readonly DerValue[]): readonly Extension[] {
  const wrapped = fields.find(({ tag }) => tag === contextTag(3, 'constructed'))
  if (wrapped === undefined) return []
  const extensions = partsOf(readDer(wrapped.content, TAG.SEQUENCE)).map(extensionOf)
  if (new Set(extensions.map(({ id }) => id)).size < extensions.length) throw new DerError('an extension stands there twice')
  return extensions
}

function extensionOf(extension: DerValue): Extension {
  const [id, ...rest] = partsOf(extension, TAG.SEQUENCE)
  const value = rest.at(-1)
  if (id === undefined || value?.tag !== TAG.OCTET_STRING) throw new DerError('an extension has no value')
  return { id: id.content.toHex(), isCritical: rest.length > 1 && rest[0] !== undefined && isTrue(rest[0]), value }
}

function extensionValue(extensions: readonly Extension[], id: string): DerValue | undefined {
  const value = extensions.find((extension) => extension.id === id)?.value
  return value === undefined ? undefined : readDer(value.content)
}

function basicConstraintsOf(value: DerValue | undefined) {
  const [first, second] = value === undefined ? [] : partsOf(value, TAG.SEQUENCE)
  const isAuthority = first !== undefined && isTrue(first)
  return { isAuthority, maxPathLength: isAuthority && second !== undefined ? countOf(second) : Number.POSITIVE_INFINITY }
}

/** Bit 5, counted from the left; the first byte says how many bits are missing at the end. */
function signsCertificates(value: DerValue | undefined): boolean | undefined {
  if (value === undefined) return undefined
  if (value.tag !== TAG.BIT_STRING) throw new DerError('a key usage is no row of bits')
  return ((value.content[1] ?? 0) & 0x04) !== 0
}

function constraintsOf(value: DerValue | undefined): NameConstraints | undefined {
  return value === undefined ? undefined : readNameConstraints(value)
}

function mailboxNames(subject: DerValue | undefined): readonly DerValue[] {
  return mailboxesIn(subject).map((mailbox) => ({ tag: contextTag(1, 'plain'), content: Buffer.from(mailbox, 'latin1') }))
}
