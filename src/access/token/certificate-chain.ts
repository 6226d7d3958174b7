import { X509Certificate } from 'node:crypto'
import type { JWK } from 'jose'
import { TokenRefused } from './token-refused.ts'

/** A token that brings more than these is no token of any server. */
const MAX_CERTIFICATES = 10

/**
 * The key of the first certificate in `x5c` (RFC 7515 section 4.1.6: base64 DER, each certified by the next), when one of the roots
 * vouches for it, directly or by the certificates between. What a certificate is for, and revocations, are not looked at, as in
 * registry:2. Throws TokenRefused.
 */
export function keyOfChain(x5c: readonly unknown[], roots: readonly X509Certificate[], nowMs: number): JWK {
  if (x5c.length > MAX_CERTIFICATES) throw new TokenRefused(`its x5c has ${x5c.length} certificates`)
  const [leaf, ...between] = x5c.map(parse)
  if (leaf === undefined) throw new TokenRefused('its x5c is empty')
  if (!isTrusted(leaf, between, roots, nowMs)) {
    const { subject, issuer } = leaf
    throw new TokenRefused(
      `no certificate of rootcertbundle vouches for its certificate ${oneLine(subject)} by ${oneLine(issuer)}`,
    )
  }
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

/** Each step uses up a certificate, so that it ends. */
function isTrusted(
  certificate: X509Certificate,
  between: readonly X509Certificate[],
  roots: readonly X509Certificate[],
  nowMs: number,
): boolean {
  if (!isValidAt(certificate, nowMs)) return false
  if (roots.some((root) => root.raw.equals(certificate.raw))) return true
  if (roots.some((root) => isValidAt(root, nowMs) && isIssuedBy(certificate, root))) return true
  return between.some((issuer, index) => {
    return isIssuedBy(certificate, issuer) && isTrusted(issuer, between.toSpliced(index, 1), roots, nowMs)
  })
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}

function isValidAt({ validFromDate, validToDate }: X509Certificate, nowMs: number): boolean {
  return validFromDate.getTime() <= nowMs && nowMs <= validToDate.getTime()
}

function oneLine(name: string): string {
  return name.replaceAll('\n', ', ').slice(0, 200)
}
