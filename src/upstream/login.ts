import type { RepositoryName } from '../oci/name.ts'
import { findChallenge } from './challenge.ts'
import { ask, type Patience } from './exchange.ts'
import { mayKnowSecretsOf } from './site.ts'
import { refusal, UpstreamFailure, wrongAnswer } from './upstream-failure.ts'

export interface Credentials {
  readonly username: string
  readonly password: string
}

export interface LoginOptions {
  /** The registry. */
  readonly url: URL
  /** Undefined: tokens are asked for without a name. */
  readonly credentials: Credentials | undefined
  readonly patience: Patience
}

interface Token {
  readonly authorization: string
  readonly expiresAtMs: number
}

const MOST_ANSWER_BYTES = 256 * 1024
/** Docker takes a token for so long when its server does not say. */
const LEAST_LIFETIME_MS = 60_000
/** A token is used no more when it has so little left: the request is on its way for a while. */
const MARGIN_MS = 10_000
/** The names of repositories come from clients: tokens of the oldest are forgotten. */
const MOST_TOKENS = 1000

/**
 * Shows the credentials of one registry to it, in the way that it asks for: Basic, or a token for each repository. They go to the registry
 * and to the token server that it names on its own site, and nowhere else.
 */
export class Login {
  readonly #options: LoginOptions
  readonly #tokens = new Map<RepositoryName, Token>()
  readonly #renewals = new Map<RepositoryName, Promise<void>>()
  #isBasic = false

  constructor(options: LoginOptions) {
    this.#options = options
  }

  /** What to send with a request for a repository; undefined: nothing is known to be needed. */
  authorizationFor(repository: RepositoryName): string | undefined {
    if (this.#isBasic) return this.#basic()
    const token = this.#tokens.get(repository)
    return token !== undefined && token.expiresAtMs > Date.now() ? token.authorization : undefined
  }

  /**
   * Does what a 401 asks for. False when there is nothing that could help: the answer stays what it is. Throws UpstreamFailure when the token
   * server gives none. Requests that meet the same challenge at once share one token.
   */
  async meet(repository: RepositoryName, header: string, shown: string | undefined, signal: AbortSignal): Promise<boolean> {
    const challenge = findChallenge(header)
    if (challenge === undefined) return false
    if (challenge.scheme === 'basic') {
      this.#isBasic = this.#options.credentials !== undefined
      return this.#isBasic && shown !== this.#basic()
    }
    const current = this.authorizationFor(repository)
    if (current !== undefined && current !== shown) return true
    this.#tokens.delete(repository)
    const { scope = `repository:${repository}:pull`, ...bearer } = challenge
    const renewal = this.#renewals.get(repository) ?? this.#renew(repository, { ...bearer, scope }, signal)
    this.#renewals.set(repository, renewal)
    await renewal
    return true
  }

  async #renew(repository: RepositoryName, wanted: WantedToken, signal: AbortSignal): Promise<void> {
    try {
      this.#tokens.set(repository, await this.#askForToken(wanted, signal))
    } finally {
      this.#renewals.delete(repository)
    }
    const [oldest] = this.#tokens.keys()
    if (this.#tokens.size > MOST_TOKENS && oldest !== undefined) this.#tokens.delete(oldest)
  }

  async #askForToken({ realm, service, scope }: WantedToken, signal: AbortSignal): Promise<Token> {
    const { credentials, patience, url: registry } = this.#options
    if (!URL.canParse(realm)) throw wrongAnswer(`The upstream ${registry.origin}`, 'names a token server that is no URL')
    const url = new URL(realm)
    const asked = `The token server ${url.origin} of the upstream ${registry.origin}`
    if (credentials !== undefined && !mayKnowSecretsOf(registry, url)) {
      throw new UpstreamFailure('UNAUTHORIZED', {
        message: `${asked} is not on its site, so it was not shown the password of this registry.`,
      })
    }
    if (service !== undefined) url.searchParams.set('service', service)
    url.searchParams.set('scope', scope)
    if (credentials !== undefined) url.searchParams.set('account', credentials.username)
    const answer = await ask({ method: 'GET', url, headers: {}, authorization: this.#basic(), asked, signal }, patience)
    if (answer.status === 200) return tokenIn(await answer.bytes(MOST_ANSWER_BYTES), asked)
    answer.discard()
    throw refusal(asked, answer)
  }

  #basic(): string | undefined {
    const { credentials } = this.#options
    if (credentials === undefined) return undefined
    return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`
  }
}

interface WantedToken {
  readonly realm: string
  readonly service: string | undefined
  readonly scope: string
}

/** RFC 6749 and Docker name it differently. */
function tokenIn(bytes: Uint8Array, asked: string): Token {
  const fields = fieldsOf(bytes)
  const token = [fields?.token, fields?.access_token].find((value) => typeof value === 'string' && /^[\x21-\x7e]+$/.test(value))
  if (token === undefined) throw wrongAnswer(asked, 'answers without a token')
  const seconds = typeof fields?.expires_in === 'number' ? fields.expires_in : 0
  const lifetimeMs = Math.max(seconds * 1000, LEAST_LIFETIME_MS)
  return { authorization: `Bearer ${token}`, expiresAtMs: Date.now() + lifetimeMs - MARGIN_MS }
}

/** Undefined for what is no JSON object. */
function fieldsOf(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes))
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined
  }
}
