import { type AccessController, AccessRefusal, type AccessRequest, type Permit } from './access.ts'
import { type BearerChallenge, bearerChallenge } from './challenge.ts'
import { type Grants, grantsSize, mayIn, mayListCatalog } from './foreign-tokens/grants.ts'
import { TokenRefused } from './foreign-tokens/token-refused.ts'
import type { TokenVerifier, VerifiedToken } from './foreign-tokens/token-verifier.ts'
import { CredentialMemory } from './passwords/credential-memory.ts'
import { wasBegunWithin } from './upload-begin.ts'

export interface TokenAccessOptions {
  /** Where clients get a token. */
  readonly realm: string
  readonly service: string
  /** Set: the realm is this path on the host that the client asked. */
  readonly autoRedirectPath: string | undefined
  readonly verifier: TokenVerifier
}

/**
 * `auth.token`: a request may do what its Bearer token grants, which another server has signed. After a token has expired, a request with
 * it may still go on with an upload that was begun in time.
 */
export class TokenAccess implements AccessController {
  readonly #options: TokenAccessOptions
  readonly #memory = new CredentialMemory<VerifiedToken>()

  constructor(options: TokenAccessOptions) {
    this.#options = options
  }

  async permit(request: AccessRequest): Promise<Permit> {
    const { authorization } = request
    const token = findBearerToken(authorization)
    if (token === undefined) {
      const reason = authorization === undefined ? {} : { reason: 'the credentials are no token' }
      throw new AccessRefusal('UNAUTHORIZED', { challenge: this.#challenge(request, undefined), ...reason })
    }
    try {
      const { subject, grants, validFromMs: fromMs, expiresAtMs: untilMs } = await this.#verified(token)
      if (Date.now() >= untilMs && !wasBegunWithin({ fromMs, untilMs }, request.wanted)) {
        throw new TokenRefused(`it expired, with the leeway, at ${new Date(untilMs).toISOString()}`)
      }
      return {
        caller: { kind: 'bearer', subject },
        catalog: mayListCatalog(grants) ? 'everything' : 'nothing',
        may: (action, repository) => mayIn(grants, action, repository),
        challenge: (denied) => this.#challenge(denied, 'insufficient_scope'),
        describe: () => describeGrants(grants),
      }
    } catch (cause) {
      if (!(cause instanceof TokenRefused)) throw cause
      throw new AccessRefusal('UNAUTHORIZED', {
        challenge: this.#challenge(request, 'invalid_token'),
        message: 'The token is not accepted; log in again.',
        reason: `the token is refused because ${cause.message}`,
        cause,
      })
    }
  }

  /** Verifies the signature anew only when the trusted keys have changed, or the token is no longer remembered. */
  async #verified(token: string): Promise<VerifiedToken> {
    const name = this.#memory.nameOf(token)
    const remembered = this.#memory.find(name)
    const { verifier } = this.#options
    if (remembered !== undefined && (await verifier.isVerified(remembered))) return remembered
    const verified = await verifier.verify(token)
    this.#memory.remember(name, verified, grantsSize(verified.grants))
    return verified
  }

  #challenge({ wanted, origin }: AccessRequest, error: BearerChallenge['error']): string {
    const { realm, service, autoRedirectPath } = this.#options
    // registry:2 takes for granted that a proxy in front of it speaks HTTPS.
    const own = autoRedirectPath === undefined ? realm : `${origin('https')}${autoRedirectPath}`
    return bearerChallenge({ realm: own, service, wanted, error })
  }
}

function findBearerToken(authorization: string | undefined): string | undefined {
  return /^bearer +([^\s,]+) *$/i.exec(authorization ?? '')?.[1]
}

/** For the log. */
function describeGrants(grants: Grants): string {
  const scopes = [...grants].map(([name, actions]) => `${name}:${[...actions].join(',')}`)
  return `its token grants ${scopes.join(' ').slice(0, 1000) || 'nothing'}`
}
