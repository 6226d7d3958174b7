import type { X509Certificate } from 'node:crypto'
import { type CertificateFacts, factsOf } from './certificate-facts.ts'
import { DerError } from './der.ts'
import { isSameName, nameForLog } from './distinguished-name.ts'
import { findForbidden, type NameConstraints } from './name-constraints.ts'
import { TokenRefused } from './token-refused.ts'

/**
 * RFC 5280 section 6.1 for a path whose names and signatures are right: the first is a root, the last is what the path is about. Times,
 * path lengths, key usages of authorities, name constraints and critical extensions. A root's own constraints hold, as in Go. Every
 * policy is accepted; an extension that asks for more is unknown here. Throws TokenRefused.
 */
export function requireValidPath(path: readonly X509Certificate[], nowMs: number): void {
  const constraints: NameConstraints[] = []
  let authoritiesLeft = Number.POSITIVE_INFINITY
  for (const [index, certificate] of path.entries()) {
    const isLast = index === path.length - 1
    const refuse = (reason: string): never => {
      throw new TokenRefused(`the certificate ${nameForLog(certificate.subject)} of its x5c ${reason}`)
    }
    if (!isValidAt(certificate, nowMs)) refuse('is not valid at this time')
    const facts = readFacts(certificate, refuse)
    const isSelfIssued = isSameName(facts.subject, facts.issuer)
    if (isLast || !isSelfIssued) requireNames(constraints, facts, refuse)
    if (facts.unknownCritical.length > 0) refuse('has a critical extension that is not known here')
    if (isLast) return
    requireAuthority(certificate, facts, { isRoot: index === 0, refuse })
    if (!isSelfIssued && index > 0) authoritiesLeft -= 1
    if (authoritiesLeft < 0) refuse('stands below an authority that allows fewer between')
    authoritiesLeft = Math.min(authoritiesLeft, facts.maxPathLength)
    if (facts.constraints !== undefined) constraints.push(facts.constraints)
  }
}

type Refuse = (reason: string) => never

function readFacts(certificate: X509Certificate, refuse: Refuse): CertificateFacts {
  return decoded(() => factsOf(certificate.raw), refuse)
}

function requireNames(constraints: readonly NameConstraints[], { subject, names }: CertificateFacts, refuse: Refuse): void {
  for (const constraint of constraints) {
    const forbidden = decoded(() => findForbidden(constraint, subject, names), refuse)
    if (forbidden !== undefined) refuse(`has a ${forbidden} that an authority above it does not allow`)
  }
}

/** The operator says by its place in the bundle that a root is one, also where it is older than the extension. */
function requireAuthority(
  certificate: X509Certificate,
  { version, isAuthority, signsCertificates }: CertificateFacts,
  { isRoot, refuse }: { readonly isRoot: boolean; readonly refuse: Refuse },
): void {
  if (!isAuthority && !(isRoot && version < 3 && certificate.ca)) refuse('is not that of an authority')
  if (signsCertificates === false) refuse('may not sign certificates')
}

function isValidAt({ validFromDate, validToDate }: X509Certificate, nowMs: number): boolean {
  return validFromDate.getTime() <= nowMs && nowMs <= validToDate.getTime()
}

/** What cannot be decoded is refused, as any other certificate that does not fit. */
function decoded<Value>(decode: () => Value, refuse: Refuse): Value {
  try {
    return decode()
  } catch (error) {
    if (error instanceof DerError) return refuse(`cannot be read: ${error.message}`)
    throw error
  }
}
