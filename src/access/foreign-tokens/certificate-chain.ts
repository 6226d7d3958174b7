import { X509Certificate } from 'node:crypto'
import type { JWK } from 'jose'
import { requireValidPath } from './certificate-path.ts'
import { nameForLog } from './distinguished-name.ts'
import { TokenRefused } from './token-refused.ts'

/** A token that brings more than these is no token of any server. */
const MAX_CERTIFICATES = 10
/** Checks of signatures: as many as the longest chain needs. */
const MAX_CHECKS = MAX_CERTIFICATES

/**
 * The key of the first certificate in `x5c` (RFC 7515 section 4.1.6: base64 DER, each certified by the next), when one of the roots
 * vouches for it, directly or by those that follow it in their order. The path is validated by RFC 5280 section 6; what a certificate
 * is for, and revocations, are not looked at, as in registry:2. Throws TokenRefused.
 */
export function keyOfChain(x5c: readonly unknown[], roots: readonly X509Certificate[], nowMs: number): JWK {
  if (x5c.length > MAX_CERTIFICATES) throw new TokenRefused(`its x5c has ${x5c.length} certificates`)
  const chain = x5c.map(parse)
  const [leaf] = chain
  if (leaf === undefined) throw new TokenRefused('its x5c is empty')
  requireTrusted(chain, roots, nowMs)
  return leaf.publicKey.export({ format: 'jwk' }) as JWK
}

function parse(text: unknown): X509Certificate {
  if (typeof text !== 'string' || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) throw new TokenRefused('its x5c is not base64')
  try {
    return new X509Certificate(Buffer.from(text, 'base64'))
  } catch (cause) {
    throw new TokenRefused('its x5c holds something that is no certificate', { cause })
  }
}

/** Every root at which the chain may end is tried, nearest first, until the checks are used up. */
function requireTrusted(chain: readonly X509Certificate[], roots: readonly X509Certificate[], nowMs: number): void {
  const budget = { checksLeft: MAX_CHECKS }
  let reason: TokenRefused | undefined
  for (const path of pathsTo(roots, chain)) {
    try {
      requireSigned(path, budget)
      requireValidPath(path, nowMs)
      return
    } catch (error) {
      if (!(error instanceof TokenRefused)) throw error
      reason ??= error
    }
  }
  throw reason ?? new TokenRefused(`no certificate of rootcertbundle vouches for ${namesOf(chain[0])}`)
}

/** By names alone, without a check: the first of each path is a root, the last the certificate of the token. */
function* pathsTo(roots: readonly X509Certificate[], chain: readonly X509Certificate[]): Generator<readonly X509Certificate[]> {
  const path: X509Certificate[] = []
  for (const certificate of chain) {
    const above = path[0]
    if (above !== undefined && !isNamedBy(above, certificate)) return
    path.unshift(certificate)
    if (roots.some((root) => root.raw.equals(certificate.raw))) yield path
    else for (const root of roots) if (isNamedBy(certificate, root)) yield [root, ...path]
  }
}

/** The issuer's name and key number are those that the certificate gives. */
function isNamedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer)
}

/** From the root down: a chain that no root has signed ends at its first check. */
function requireSigned(path: readonly X509Certificate[], budget: { checksLeft: number }): void {
  for (const [index, certificate] of path.slice(1).entries()) {
    budget.checksLeft -= 1
    const issuer = path[index]
    if (budget.checksLeft < 0) throw new TokenRefused('its x5c would need too many checks of signatures')
    if (issuer === undefined || !certificate.verify(issuer.publicKey)) {
      throw new TokenRefused(`no certificate of rootcertbundle vouches for ${namesOf(path.at(-1))}`)
    }
  }
}

function namesOf(certificate: X509Certificate | undefined): string {
  return `its certificate ${nameForLog(certificate?.subject ?? '')} by ${nameForLog(certificate?.issuer ?? '')}`
}
