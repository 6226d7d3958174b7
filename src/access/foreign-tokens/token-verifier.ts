import {
  calculateJwkThumbprint,
  decodeProtectedHeader,
  errors,
  importJWK,
  type JWK,
  type JWTPayload,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose'
import { keyOfChain } from './certificate-chain.ts'
import { type Grants, parseGrants } from './grants.ts'
import { TokenRefused } from './token-refused.ts'
import type { TrustedKeys } from './trusted-keys.ts'

/** Clocks differ. That of registry:2. */
const LEEWAY_SECONDS = 60

export interface TokenVerifierOptions {
  readonly issuer: string
  readonly service: string
  readonly keys: KeySource
  /** Names of RFC 7518. `none` is never one. */
  readonly algorithms: readonly string[]
}

/** Where keys come from: the same object for as long as they are the same. */
export interface KeySource {
  current(): Promise<TrustedKeys>
}

/** A token whose signature, issuer and audience were right, and which is valid by now. */
export interface VerifiedToken {
  /** '' when it has no subject. */
  readonly subject: string
  readonly grants: Grants
  /** When it was issued, or became valid; of a token that says neither, 0. */
  readonly validFromMs: number
  /** With the leeway. It may be over. */
  readonly expiresAtMs: number
  /** Those that it was verified with. */
  readonly keys: TrustedKeys
}

type Header = ReturnType<typeof decodeProtectedHeader>

/** Reads the tokens that another server issues for registry:2 (RFC 7519). */
export class TokenVerifier {
  readonly #options: TokenVerifierOptions

  constructor(options: TokenVerifierOptions) {
    this.#options = options
  }

  /** Throws TokenRefused. Whether the token is over is for the caller to say. */
  async verify(token: string): Promise<VerifiedToken> {
    const { issuer, service: audience, algorithms } = this.#options
    const header = headerOf(token)
    const { alg = '' } = header
    if (!algorithms.includes(alg)) throw new TokenRefused(`its algorithm ${shown(alg)} is not one of signingalgorithms`)
    const keys = await this.#options.keys.current()
    const jwk = await keyFor(header, keys)
    if (jwk.alg !== undefined && jwk.alg !== alg) throw new TokenRefused(`its key is for ${shown(jwk.alg)}, not ${alg}`)
    const key = await imported(jwk, alg)
    try {
      const options = { algorithms: [alg], issuer, audience, clockTolerance: LEEWAY_SECONDS, requiredClaims: ['exp'] }
      const { sub, access, iat, nbf, exp = 0 } = await payloadOf(token, key, options)
      return {
        subject: typeof sub === 'string' ? sub : '',
        grants: parseGrants(access),
        validFromMs: (iat ?? nbf ?? 0) * 1000,
        expiresAtMs: (exp + LEEWAY_SECONDS) * 1000,
        keys,
      }
    } catch (cause) {
      if (cause instanceof TokenRefused) throw cause
      throw new TokenRefused(reasonOf(cause, this.#options), { cause })
    }
  }

  /** Whether keys are what they were when the token was verified. */
  async isVerified({ keys }: VerifiedToken): Promise<boolean> {
    return (await this.#options.keys.current()) === keys
  }
}

/** In the order of registry:2: a certificate, a key that the token brings, the name of a key. */
async function keyFor({ x5c, jwk, kid }: Header, { byId, roots }: TrustedKeys): Promise<JWK> {
  if (x5c !== undefined) return keyOfChain(listOf(x5c), roots, Date.now())
  if (jwk !== undefined) return await broughtKey(jwk, { byId, roots })
  const key = kid === undefined ? undefined : byId.get(kid)
  if (key !== undefined) return key
  if (kid === undefined) throw new TokenRefused('it does not say which key signed it: it has no kid, x5c or jwk')
  throw new TokenRefused(`its key ${shown(kid)} is not one of rootcertbundle or jwks`)
}

/** A key in the token is believed when it is one that is trusted anyway, or comes with a certificate of its own. */
async function broughtKey(jwk: object, { byId, roots }: TrustedKeys): Promise<JWK> {
  const thumbprint = await thumbprintOf(jwk as JWK)
  if ('x5c' in jwk) {
    const certified = keyOfChain(listOf(jwk.x5c), roots, Date.now())
    if ((await thumbprintOf(certified)) === thumbprint) return certified
    throw new TokenRefused('the certificate of its jwk is for another key')
  }
  const key = byId.get(thumbprint)
  if (key !== undefined) return key
  throw new TokenRefused('the jwk that it brings is not one of rootcertbundle or jwks')
}

function headerOf(token: string): Header {
  try {
    return decodeProtectedHeader(token)
  } catch (cause) {
    throw new TokenRefused('it is not a JSON Web Token', { cause })
  }
}

/** jose looks at the time of expiry last: a token that is over has passed everything else. */
async function payloadOf(token: string, key: CryptoKey | Uint8Array, options: JWTVerifyOptions): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, key, options)).payload
  } catch (error) {
    if (error instanceof errors.JWTExpired) return error.payload
    throw error
  }
}

/** A public key of one kind is never the secret of another: what does not fit is no key. */
async function imported(jwk: JWK, alg: string) {
  try {
    return await importJWK(jwk, alg)
  } catch (cause) {
    throw new TokenRefused(`its key does not fit its algorithm ${alg}`, { cause })
  }
}

function listOf(x5c: unknown): readonly unknown[] {
  if (Array.isArray(x5c)) return x5c
  throw new TokenRefused('its x5c is not a list')
}

async function thumbprintOf(jwk: JWK): Promise<string> {
  try {
    return await calculateJwkThumbprint(jwk)
  } catch (cause) {
    throw new TokenRefused('the jwk that it brings is no public key', { cause })
  }
}

function reasonOf(error: unknown, { issuer, service }: TokenVerifierOptions): string {
  if (error instanceof errors.JWTClaimValidationFailed) return claimReason(error.claim, error.payload, { issuer, service })
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'its signature is wrong'
  if (error instanceof errors.JOSEError) return `it cannot be read: ${error.message}`
  return `its key does not fit its algorithm: ${error instanceof Error ? error.message : String(error)}`
}

function claimReason(
  claim: string,
  payload: JWTPayload,
  expected: { readonly issuer: string; readonly service: string },
): string {
  switch (claim) {
    case 'iss':
      return `its issuer is ${shown(payload.iss)}, not ${shown(expected.issuer)}`
    case 'aud':
      return `it is for the service ${shown(payload.aud)}, not ${shown(expected.service)}`
    case 'nbf':
      return `it is not valid before ${timeOf(payload.nbf)}`
    default:
      return `its claim ${claim} is missing or wrong`
  }
}

/** What a stranger wrote, short enough for a log. */
function shown(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, 200)
}

function timeOf(seconds: number | undefined): string {
  const date = new Date((seconds ?? Number.NaN) * 1000)
  return Number.isNaN(date.getTime()) ? 'no time' : date.toISOString()
}
