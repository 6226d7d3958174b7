import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { calculateJwkThumbprint, type JWK } from 'jose'
import { UnusableAccessError } from '../unusable-access.ts'
import { libtrustKeyId } from './key-id.ts'

/** Whose signatures are believed. */
export interface TrustedKeys {
  /** The authorities that vouch for certificates in tokens. */
  readonly roots: readonly X509Certificate[]
  /** Keys by every name that a token may give them: RFC 7638, libtrust, and the `kid` of a key set. */
  readonly byId: ReadonlyMap<string, JWK>
}

export interface KeyFiles {
  /** PEM. */
  readonly rootCertBundle: string | undefined
  /** A JSON Web Key Set, RFC 7517 section 5. */
  readonly jwks: string | undefined
}

/** Throws UnusableAccessError. */
export async function readTrustedKeys({ rootCertBundle, jwks }: KeyFiles): Promise<TrustedKeys> {
  const roots = rootCertBundle === undefined ? [] : await certificatesIn(rootCertBundle)
  const keys = jwks === undefined ? [] : await keysIn(jwks)
  const certified = await Promise.all(roots.map(({ publicKey }) => namesOf(publicKey)))
  const byId = new Map([...certified.flat(), ...keys])
  if (byId.size > 0) return { roots, byId }
  throw new UnusableAccessError(
    'The files of auth.token hold no key; give rootcertbundle a certificate, or jwks a key with a kid.',
  )
}

type NamedKey = readonly [id: string, key: JWK]

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

async function certificatesIn(path: string): Promise<readonly X509Certificate[]> {
  const text = await readText('rootcertbundle', path)
  try {
    return (text.match(CERTIFICATE) ?? []).map((certificate) => new X509Certificate(certificate))
  } catch (cause) {
    throw new UnusableAccessError(`The file ${path} of auth.token.rootcertbundle holds a certificate that cannot be read.`, {
      cause,
    })
  }
}

async function keysIn(path: string): Promise<readonly NamedKey[]> {
  const text = await readText('jwks', path)
  try {
    const { keys } = JSON.parse(text) as { readonly keys: readonly JWK[] }
    return (await Promise.all(keys.map(namesOfSetKey))).flat()
  } catch (cause) {
    throw new UnusableAccessError(`The file ${path} of auth.token.jwks is not a JSON Web Key Set that can be read.`, { cause })
  }
}

/** A key of a set, without the private part that some servers leave in it. A shared secret has no other name than its `kid`. */
async function namesOfSetKey(key: JWK): Promise<readonly NamedKey[]> {
  const { kid, alg } = key
  if (key.kty === 'oct') return kid === undefined ? [] : [[kid, key]]
  const publicKey = createPublicKey({ key: { ...key }, format: 'jwk' })
  const restriction = alg === undefined ? {} : { alg }
  const names = (await namesOf(publicKey)).map(([id, named]): NamedKey => [id, { ...named, ...restriction }])
  const [first] = names
  return kid === undefined || first === undefined ? names : [...names, [kid, first[1]]]
}

async function namesOf(publicKey: KeyObject): Promise<readonly NamedKey[]> {
  const key = publicKey.export({ format: 'jwk' }) as JWK
  return [
    [await calculateJwkThumbprint(key), key],
    [libtrustKeyId(publicKey), key],
  ]
}

async function readText(setting: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new UnusableAccessError(`The file of auth.token.${setting} cannot be read: ${reason}.`, { cause })
  }
}
