import { AccessRefusal } from '../access.ts'
import { basicChallenge } from '../challenge.ts'
import type { Identities, Identity } from '../identities.ts'
import type { LoginOrigin } from '../passwords/failure-limit.ts'
import { BadTokenError, type IssuedTokens, isCurrent } from './issued-tokens.ts'
import { type AskedScope, formatAccess, grant, type StandInOf } from './token-scope.ts'

/** How a client proves its name. */
export type Proof =
  | { readonly kind: 'none' }
  /** The Authorization header of HTTP Basic. */
  | { readonly kind: 'password'; readonly authorization: string }
  | { readonly kind: 'refresh'; readonly token: string }

export interface TokenRequest {
  readonly proof: Proof
  readonly scopes: readonly AskedScope[]
  /** The client wants to come back without the password. */
  readonly wantsRefresh: boolean
  readonly from: LoginOrigin
}

export interface GrantedToken {
  readonly identity: Identity
  readonly token: string
  readonly issuedAt: Date
  readonly expiresInSeconds: number
  /** What was granted, as a client writes it. */
  readonly scope: string
  readonly refreshToken: string | undefined
}

export interface TokenIssuerOptions {
  readonly identities: Identities
  readonly tokens: IssuedTokens
  readonly service: string
  readonly tokenLifetimeMs: number
  readonly refreshLifetimeMs: number
  /** What a pull may mean in place of a repository; see Wanted. Left out: nothing else. */
  readonly standInOf?: StandInOf | undefined
}

/** Gives tokens for the part of the asked scopes that the rules allow. It may be empty: such a token still proves a name. */
export class TokenIssuer {
  readonly #options: TokenIssuerOptions
  readonly #challenge: string

  constructor(options: TokenIssuerOptions) {
    this.#options = options
    this.#challenge = basicChallenge(options.service)
  }

  /** What tokens are for: the `service` of a client's request. */
  get service(): string {
    return this.#options.service
  }

  /** Throws AccessRefusal with UNAUTHORIZED or TOOMANYREQUESTS, and UNAVAILABLE. */
  async issue({ proof, scopes, wantsRefresh, from }: TokenRequest): Promise<GrantedToken> {
    const identity = await this.#identify(proof, from)
    const { tokenLifetimeMs, standInOf } = this.#options
    const issuedAt = new Date()
    const access = grant(identity, scopes, standInOf)
    const expiresAt = endOf(issuedAt, tokenLifetimeMs, identity)
    const { subject, revision } = identity
    const token = await this.#options.tokens.sign('access', { subject, revision, access, issuedAt, expiresAt })
    const refreshToken = wantsRefresh ? await this.#refreshToken(proof, identity, issuedAt) : undefined
    const expiresInSeconds = Math.floor((expiresAt.getTime() - issuedAt.getTime()) / 1000)
    return { identity, token, issuedAt, expiresInSeconds, scope: formatAccess(access), refreshToken }
  }

  async #identify(proof: Proof, { client, proxy }: LoginOrigin): Promise<Identity> {
    const { identities } = this.#options
    switch (proof.kind) {
      case 'none':
        return identities.anonymous()
      case 'password':
        return await identities.login({ authorization: proof.authorization, client, proxy, challenge: this.#challenge })
      case 'refresh':
        return await this.#identifyByRefresh(proof.token)
    }
  }

  async #identifyByRefresh(token: string): Promise<Identity> {
    const refuse = (reason: string, claimed = '') =>
      new AccessRefusal('UNAUTHORIZED', {
        challenge: this.#challenge,
        message: 'The login is no longer good; log in again.',
        reason,
        ...(claimed === '' ? {} : { claimed }),
      })
    try {
      const claims = await this.#options.tokens.read('refresh', token)
      if (!isCurrent(claims, Date.now())) throw refuse('the refresh token has expired', claims.subject)
      const identity = await this.#options.identities.find(claims.subject, claims.revision)
      if (identity === undefined) throw refuse('the account is gone, or has changed since', claims.subject)
      return identity
    } catch (error) {
      if (error instanceof BadTokenError) throw refuse(error.message)
      throw error
    }
  }

  /** A client that sent a refresh token keeps it; an anonymous one gets none. */
  async #refreshToken(proof: Proof, identity: Identity, issuedAt: Date): Promise<string | undefined> {
    if (proof.kind === 'refresh') return proof.token
    if (proof.kind === 'none') return undefined
    const { subject, revision } = identity
    const expiresAt = endOf(issuedAt, this.#options.refreshLifetimeMs, identity)
    return await this.#options.tokens.sign('refresh', { subject, revision, access: [], issuedAt, expiresAt })
  }
}

function endOf(issuedAt: Date, lifetimeMs: number, { expiresAt }: Identity): Date {
  const end = issuedAt.getTime() + lifetimeMs
  return new Date(Math.min(end, expiresAt?.getTime() ?? end))
}
