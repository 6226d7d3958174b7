import { errors, type JWTPayload, jwtVerify, SignJWT } from 'jose'
import { z } from 'zod'
import { CredentialMemory } from '../passwords/credential-memory.ts'
import { ALGORITHM, type SigningKeys } from './signing-keys.ts'
import { accessSize, type TokenAccess } from './token-scope.ts'

/** What a token says. */
export interface TokenClaims {
  /** As in `user:alice`; '' for an anonymous caller. */
  readonly subject: string
  /** Of the account when the token was made: another one now makes the token void. */
  readonly revision: string
  readonly access: readonly TokenAccess[]
  readonly issuedAt: Date
  readonly expiresAt: Date
}

/** An access token is good for requests, a refresh token only for getting the former, and a session for the page. */
export type TokenUse = 'access' | 'refresh' | 'session'

/** A token that is not to be believed. The message says why, for the log. */
export class BadTokenError extends Error {
  override readonly name = 'BadTokenError'
}

/** Clocks of replicas differ a little. */
const LEEWAY_MS = 30_000

export interface IssuedTokensOptions {
  readonly keys: SigningKeys
  /** The registry's name, which is issuer and audience. */
  readonly service: string
}

/** Tokens of Berth's own, signed and read. */
export class IssuedTokens {
  readonly #keys: SigningKeys
  readonly #service: string
  readonly #memory = {
    access: new CredentialMemory<TokenClaims>(),
    refresh: new CredentialMemory<TokenClaims>(),
    session: new CredentialMemory<TokenClaims>(),
  }

  constructor({ keys, service }: IssuedTokensOptions) {
    this.#keys = keys
    this.#service = service
  }

  async sign(use: TokenUse, { subject, revision, access, issuedAt, expiresAt }: TokenClaims): Promise<string> {
    const key = await this.#keys.current()
    return await new SignJWT({ access: access.map((entry) => ({ ...entry })), revision })
      .setProtectedHeader({ alg: ALGORITHM, typ: TYPES[use], kid: key.id })
      .setIssuer(this.#service)
      .setAudience(this.#service)
      .setSubject(subject)
      .setJti(crypto.randomUUID())
      .setIssuedAt(issuedAt)
      .setNotBefore(issuedAt)
      .setExpirationTime(expiresAt)
      .sign(key.privateKey)
  }

  /** Also of a token that has expired; the caller looks at the times. Throws BadTokenError. */
  async read(use: TokenUse, token: string): Promise<TokenClaims> {
    const memory = this.#memory[use]
    const name = memory.nameOf(token)
    const known = memory.find(name)
    if (known !== undefined) return known
    const claims = await this.#verify(use, token)
    memory.remember(name, claims, accessSize(claims.access))
    return claims
  }

  async #verify(use: TokenUse, token: string): Promise<TokenClaims> {
    try {
      const { payload } = await jwtVerify(token, async ({ kid }) => await this.#publicKey(kid), {
        algorithms: [ALGORITHM],
        typ: TYPES[use],
        issuer: this.#service,
        audience: this.#service,
        // Times are the caller's business: an upload that began in time may end later.
        clockTolerance: Number.MAX_SAFE_INTEGER / 1000,
        requiredClaims: ['sub', 'iat', 'exp'],
      })
      return claimsOf(payload)
    } catch (cause) {
      if (!(cause instanceof errors.JOSEError) && !(cause instanceof z.ZodError)) throw cause
      throw new BadTokenError(cause instanceof z.ZodError ? 'its claims are not those of a token of ours' : cause.message, {
        cause,
      })
    }
  }

  async #publicKey(id: string | undefined) {
    const key = id === undefined ? undefined : await this.#keys.find(id)
    if (key === undefined) throw new errors.JWKSNoMatchingKey('it is signed with a key that is not ours')
    return key.publicKey
  }
}

/** Whether a token is good at a moment. */
export function isCurrent({ issuedAt, expiresAt }: TokenClaims, atMs: number): boolean {
  return atMs < expiresAt.getTime() && atMs >= issuedAt.getTime() - LEEWAY_MS
}

const TYPES: Readonly<Record<TokenUse, string>> = {
  access: 'JWT',
  refresh: 'berth-refresh+jwt',
  session: 'berth-session+jwt',
}

const CLAIMS = z.object({
  sub: z.string(),
  revision: z.string(),
  access: z.array(z.object({ type: z.string(), name: z.string(), actions: z.array(z.string()) })),
  iat: z.number(),
  exp: z.number(),
})

function claimsOf(payload: JWTPayload): TokenClaims {
  const { sub, revision, access, iat, exp } = CLAIMS.parse(payload)
  return { subject: sub, revision, access, issuedAt: new Date(iat * 1000), expiresAt: new Date(exp * 1000) }
}
