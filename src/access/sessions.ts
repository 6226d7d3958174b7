import type { Permit } from './access.ts'
import { BadTokenError, type IssuedTokens, isCurrent } from './own-tokens/issued-tokens.ts'
import type { LoginOrigin } from './passwords/failure-limit.ts'
import type { LoginAttempt } from './passwords/password-login.ts'

/** How people sign in at the page. */
export type SignIn =
  /** Nothing is asked of callers. */
  | { readonly kind: 'none' }
  | { readonly kind: 'password'; readonly sessions: Sessions }
  /** Another server gives the tokens, to clients of registries alone. */
  | { readonly kind: 'elsewhere'; readonly realm: string }

/** A caller who has proven a name by a password or a token. */
export interface SessionHolder {
  /** As in `user:alice`. */
  readonly subject: string
  /** Of the account: another one makes a session void. */
  readonly revision: string
  /** When the account ends; undefined: never. */
  readonly expiresAt: Date | undefined
  readonly permit: Permit
}

/** The accounts by which people sign in. */
export interface SessionAccounts {
  /** Throws AccessRefusal with UNAUTHORIZED or TOOMANYREQUESTS, and UNAVAILABLE. */
  signIn(attempt: LoginAttempt): Promise<SessionHolder>
  /** Undefined where the account is gone, or another one by now. Throws UNAVAILABLE. */
  resume(subject: string, revision: string): Promise<SessionHolder | undefined>
}

export interface SessionsOptions {
  readonly accounts: SessionAccounts
  /** What signs sessions. It is asked for once, when the first one begins or is shown. */
  readonly tokens: () => Promise<IssuedTokens>
}

export interface BegunSession {
  /** What the browser keeps. */
  readonly token: string
  readonly lifetimeSeconds: number
  readonly permit: Permit
}

/** A working day. */
export const SESSION_MS = 12 * 60 * 60_000
/** Longer ones are none of ours. */
const MAX_CHARACTERS = 4_096

/**
 * Sessions of the page. Nothing is kept of them here: a session is a signed token that names an account and its revision, so that every process
 * knows it, and a new password ends it (docs/decisions/0029).
 */
export class Sessions {
  readonly #options: SessionsOptions
  #tokens: Promise<IssuedTokens> | undefined

  constructor(options: SessionsOptions) {
    this.#options = options
  }

  /** By a name and a password, or a robot's token. Throws as `SessionAccounts.signIn` does. */
  async begin(name: string, password: string, from: LoginOrigin): Promise<BegunSession> {
    const { accounts } = this.#options
    const authorization = `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`
    const { subject, revision, expiresAt: end, permit } = await accounts.signIn({ ...from, authorization, challenge: '' })
    const issuedAt = new Date()
    const expiresAt = new Date(Math.min(issuedAt.getTime() + SESSION_MS, end?.getTime() ?? Number.POSITIVE_INFINITY))
    const token = await (await this.#signer()).sign('session', { subject, revision, access: [], issuedAt, expiresAt })
    return { token, permit, lifetimeSeconds: Math.floor((expiresAt.getTime() - issuedAt.getTime()) / 1000) }
  }

  /** What its holder may do; undefined for a session that has ended, or never was one. Throws UNAVAILABLE. */
  async permit(token: string): Promise<Permit | undefined> {
    if (token.length > MAX_CHARACTERS) return undefined
    try {
      const claims = await (await this.#signer()).read('session', token)
      if (claims.subject === '' || !isCurrent(claims, Date.now())) return undefined
      return (await this.#options.accounts.resume(claims.subject, claims.revision))?.permit
    } catch (error) {
      if (error instanceof BadTokenError) return undefined
      throw error
    }
  }

  async #signer(): Promise<IssuedTokens> {
    this.#tokens ??= this.#options.tokens()
    return await this.#tokens
  }
}
