import type { RepositoryName } from '../oci/name.ts'
import { findChallenge } from './challenge.ts'
import { basicOf, type CredentialSource, type Credentials } from './credentials.ts'
import type { Way } from './exchange.ts'
import { requestToken, type Token, type WantedToken } from './token-request.ts'
import { UpstreamFailure } from './upstream-failure.ts'

export interface LoginOptions {
  /** The registry. */
  readonly url: URL
  readonly credentials: CredentialSource
  readonly way: Way
  /** Tokens are asked for these as well, to be read: blobs are mounted from there. */
  readonly mountedFrom?: readonly RepositoryName[] | undefined
}

/** The names of repositories come from clients: tokens of the oldest are forgotten. */
const MOST_TOKENS = 1000

/** What is asked about: a repository, or undefined for the list of all. */
type Subject = RepositoryName | undefined

/**
 * Shows the credentials of one registry to it, in the way that it asks for: Basic, or a token for each repository. They go to the registry
 * and to the token server that it names on its own site, and nowhere else.
 */
export class Login {
  readonly #options: LoginOptions
  readonly #tokens = new Map<Subject, Token>()
  readonly #renewals = new Map<Subject, Promise<void>>()
  #isBasic = false
  /** What the token server gave in place of an identity token. */
  #followed: { readonly credentials: Credentials; readonly by: Credentials } | undefined

  constructor(options: LoginOptions) {
    this.#options = options
  }

  /** What to send with a request for a repository; undefined: nothing is known to be needed. Throws UpstreamFailure. */
  async authorizationFor(repository: Subject): Promise<string | undefined> {
    if (this.#isBasic) return basicOf(await this.#options.credentials.find())
    const token = this.#tokens.get(repository)
    return token !== undefined && token.expiresAtMs > Date.now() ? token.authorization : undefined
  }

  /**
   * Does what a 401 asks for. False when there is nothing that could help: the answer stays what it is. Throws UpstreamFailure when the token
   * server gives none. Requests that meet the same challenge at once share one token.
   */
  async meet(repository: Subject, header: string, shown: string | undefined, signal: AbortSignal): Promise<boolean> {
    const challenge = findChallenge(header)
    if (challenge === undefined) return false
    if (challenge.scheme === 'basic') return await this.#meetBasic(shown)
    const current = await this.authorizationFor(repository)
    if (current !== undefined && current !== shown) return true
    this.#tokens.delete(repository)
    const least = repository === undefined ? 'registry:catalog:*' : `repository:${repository}:pull`
    const { scope: asked = least, ...bearer } = challenge
    const scope = [asked, ...this.#scopesToRead(asked)].join(' ')
    const renewal = this.#renewals.get(repository) ?? this.#renew(repository, { ...bearer, scope }, signal)
    this.#renewals.set(repository, renewal)
    await renewal
    return true
  }

  #scopesToRead(asked: string): readonly string[] {
    const { mountedFrom = [] } = this.#options
    return mountedFrom.filter((name) => !asked.includes(`repository:${name}:`)).map((name) => `repository:${name}:pull`)
  }

  async #meetBasic(shown: string | undefined): Promise<boolean> {
    const { credentials } = this.#options
    const current = basicOf(await credentials.find())
    this.#isBasic = current !== undefined
    if (current !== shown) return this.#isBasic
    credentials.refused()
    return basicOf(await credentials.find()) !== shown
  }

  async #renew(repository: Subject, wanted: WantedToken, signal: AbortSignal): Promise<void> {
    try {
      this.#tokens.set(repository, await this.#askForToken(wanted, signal))
    } finally {
      this.#renewals.delete(repository)
    }
    if (this.#tokens.size <= MOST_TOKENS) return
    for (const oldest of this.#tokens.keys()) return void this.#tokens.delete(oldest)
  }

  async #askForToken(wanted: WantedToken, signal: AbortSignal): Promise<Token> {
    const { credentials } = this.#options
    const current = await credentials.find()
    try {
      return await this.#request(wanted, current, signal)
    } catch (error) {
      if (!(error instanceof UpstreamFailure) || error.status !== 401) throw error
      credentials.refused()
      const other = await credentials.find()
      if (other === current) throw error
      return await this.#request(wanted, other, signal)
    }
  }

  async #request(wanted: WantedToken, credentials: Credentials | undefined, signal: AbortSignal): Promise<Token> {
    const { url: registry, way } = this.#options
    const shown = this.#followed?.credentials === credentials ? this.#followed?.by : credentials
    const token = await requestToken(wanted, { registry, credentials: shown, way, signal })
    if (credentials?.kind === 'identity token' && token.identityToken !== undefined)
      this.#followed = { credentials, by: { kind: 'identity token', token: token.identityToken } }
    return token
  }
}
