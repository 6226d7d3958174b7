import { type AccessController, AccessRefusal, type AccessRequest, type Permit, type Wanted } from './access.ts'
import { type BearerChallenge, bearerChallenge } from './challenge.ts'
import type { Identities, Identity } from './identities.ts'
import { BadTokenError, type IssuedTokens, isCurrent, type TokenClaims } from './own-tokens/issued-tokens.ts'
import { covers, coversAccounts, coversCatalog, formatAccess, type TokenAccess } from './own-tokens/token-scope.ts'
import type { LoginAttempt } from './passwords/password-login.ts'
import { includesRight, isAllowed } from './requirement.ts'
import type { SessionAccounts, SessionHolder } from './sessions.ts'
import { wasBegunWithin } from './upload-begin.ts'

export interface AccountsAccessOptions {
  readonly identities: Identities
  readonly tokens: IssuedTokens
  readonly service: string
  /** Where clients get tokens, for one that believes to be at this origin. */
  readonly realm: (origin: string) => string
}

/**
 * Section `access`: accounts, rules, and tokens of our own. Clients are asked for a token, which a client without a login gets too, because Docker decides
 * by the answer to `/v2/` whether it ever sends a password; a password or a robot's token in HTTP Basic is good everywhere too.
 */
export class AccountsAccess implements AccessController, SessionAccounts {
  readonly #options: AccountsAccessOptions

  constructor(options: AccountsAccessOptions) {
    this.#options = options
  }

  async permit(request: AccessRequest): Promise<Permit> {
    const { authorization, client, proxy, wanted } = request
    const challenge = () => this.#challenge(request, undefined)
    if (authorization === undefined) {
      if (wanted.kind === 'base') throw new AccessRefusal('UNAUTHORIZED', { challenge: challenge() })
      return this.#permit(this.#options.identities.anonymous(), undefined)
    }
    const token = findBearer(authorization)
    if (token !== undefined) return await this.#permitOf(token, request)
    return this.#permit(await this.#options.identities.login({ authorization, client, proxy, challenge: challenge() }), undefined)
  }

  async signIn(attempt: LoginAttempt): Promise<SessionHolder> {
    return this.#holder(await this.#options.identities.login(attempt))
  }

  async resume(subject: string, revision: string): Promise<SessionHolder | undefined> {
    const identity = await this.#options.identities.find(subject, revision)
    return identity && this.#holder(identity)
  }

  #holder(identity: Identity): SessionHolder {
    const { subject, revision, expiresAt } = identity
    return { subject, revision, expiresAt, permit: this.#permit(identity, undefined) }
  }

  async #permitOf(token: string, request: AccessRequest): Promise<Permit> {
    const refuse = (reason: string, message: string, claimed?: string) => {
      const challenge = this.#challenge(request, 'invalid_token')
      return new AccessRefusal('UNAUTHORIZED', { challenge, reason, message, ...(claimed === undefined ? {} : { claimed }) })
    }
    const claims = await this.#read(token, refuse)
    const validity = { fromMs: claims.issuedAt.getTime(), untilMs: claims.expiresAt.getTime() }
    if (!isCurrent(claims, Date.now()) && !wasBegunWithin(validity, request.wanted)) {
      const reason = `the token was good until ${claims.expiresAt.toISOString()}`
      throw refuse(reason, 'The token has expired; get a new one.', claims.subject)
    }
    const identity = await this.#options.identities.find(claims.subject, claims.revision)
    if (identity !== undefined) return this.#permit(identity, withStandIn(claims.access, request.wanted))
    throw refuse('the account is gone, or has changed since', 'The token is void; log in again.', claims.subject)
  }

  async #read(token: string, refuse: (reason: string, message: string) => AccessRefusal): Promise<TokenClaims> {
    try {
      return await this.#options.tokens.read('access', token)
    } catch (error) {
      if (error instanceof BadTokenError) throw refuse(error.message, 'The token is not one of this registry; get a new one.')
      throw error
    }
  }

  /** `access`: what the token is good for; undefined without one, where the rules alone say what may be done. */
  #permit(identity: Identity, access: readonly TokenAccess[] | undefined): Permit {
    const { caller, rules, accounts } = identity
    const isCatalogCovered = access === undefined || coversCatalog(access)
    return {
      caller,
      catalog: isCatalogCovered && rules.mayAnywhere('list') ? 'visible' : 'nothing',
      may: (action, repository) => (access === undefined || covers(access, action, repository)) && rules.may(action, repository),
      accounts: access === undefined || coversAccounts(access) ? accounts : 'none',
      listed: () => rules.ranges('list'),
      listRules: () => (isCatalogCovered ? rules.text('list') : undefined),
      sees: (repository) => rules.may('pull', repository) || rules.may('list', repository),
      mayPullAnywhere: () => (access === undefined || access.some(isPulled)) && rules.mayAnywhere('pull'),
      mayDeleteAnywhere: () => rules.mayAnywhere('delete'),
      challenge: (request) => {
        if (access !== undefined && wouldAllow(identity, request.wanted)) return this.#challenge(request, 'insufficient_scope')
        // A caller without a name may get more with one; for any other the refusal is final.
        return caller.kind === 'anonymous' ? this.#challenge(request, undefined) : undefined
      },
      ...(access === undefined ? {} : { describe: () => `its token grants ${formatAccess(access).slice(0, 1000) || 'nothing'}` }),
    }
  }

  #challenge({ origin, wanted }: AccessRequest, error: BearerChallenge['error']): string {
    const { realm, service } = this.#options
    return bearerChallenge({ realm: realm(origin()), service, wanted, error })
  }
}

/** A token that is good for what the client names is good for what it means; the rules have the last word. */
function withStandIn(access: readonly TokenAccess[], wanted: Wanted): readonly TokenAccess[] {
  if (wanted.kind !== 'repository' || wanted.standIn === undefined) return access
  const { repository, standIn: name } = wanted
  return [
    ...access,
    ...access.flatMap((each) => (each.type === 'repository' && each.name === repository ? [{ ...each, name }] : [])),
  ]
}

function isPulled({ type, actions }: TokenAccess): boolean {
  return type === 'repository' && actions.includes('pull')
}

const BEARER = /^bearer +(\S+) *$/i

function findBearer(authorization: string): string | undefined {
  return BEARER.exec(authorization)?.[1]
}

/** Whether a token that says more would be enough. */
function wouldAllow({ rules, accounts }: Identity, wanted: Wanted): boolean {
  switch (wanted.kind) {
    case 'base':
      return true
    case 'catalog':
      return rules.mayAnywhere('list') && (wanted.deletes !== true || rules.mayAnywhere('delete'))
    case 'accounts':
      return includesRight(accounts, wanted.right)
    case 'repository':
      return isAllowed({ may: (action, repository) => rules.may(action, repository) }, wanted.action, wanted.repository)
  }
}
