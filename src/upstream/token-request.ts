import { basicOf, type Credentials } from './credentials.ts'
import { type Answer, ask, type Way } from './exchange.ts'
import { mayKnowSecretsOf } from './site.ts'
import { refusal, UpstreamFailure, wrongAnswer } from './upstream-failure.ts'

/** A token, as the challenge of a registry asks for it. */
export interface WantedToken {
  readonly realm: string
  readonly service: string | undefined
  readonly scope: string
}

export interface Token {
  readonly authorization: string
  readonly expiresAtMs: number
  /** To be shown the next time in place of the identity token; undefined: the same one. */
  readonly identityToken: string | undefined
}

export interface TokenRequest {
  readonly registry: URL
  /** Undefined: it is asked for without a name. */
  readonly credentials: Credentials | undefined
  readonly way: Way
  readonly signal: AbortSignal
}

const MOST_ANSWER_BYTES = 256 * 1024
/** Docker takes a token for so long when its server does not say. */
const LEAST_LIFETIME_MS = 60_000
/** A token is used no more when it has so little left: the request is on its way for a while. */
const MARGIN_MS = 10_000

/** Gets a token of the server that a registry names, which is shown credentials only when it is on the registry's site. Throws UpstreamFailure. */
export async function requestToken(wanted: WantedToken, request: TokenRequest): Promise<Token> {
  const { registry, credentials } = request
  if (!URL.canParse(wanted.realm)) throw wrongAnswer(`The upstream ${registry.origin}`, 'names a token server that is no URL')
  const url = new URL(wanted.realm)
  const asked = `The token server ${url.origin} of the upstream ${registry.origin}`
  if (credentials !== undefined && !mayKnowSecretsOf(registry, url)) {
    throw new UpstreamFailure('UNAUTHORIZED', {
      message: `${asked} is not on its site, so it was not shown the credentials of this registry.`,
    })
  }
  const question = { ...wanted, url, asked }
  const answer =
    credentials?.kind === 'identity token'
      ? await grant(question, credentials.token, request)
      : await get(question, credentials, request)
  if (answer.status === 200) return tokenIn(await answer.bytes(MOST_ANSWER_BYTES), asked)
  answer.discard()
  throw refusal(asked, answer)
}

interface Question extends WantedToken {
  readonly url: URL
  readonly asked: string
}

/** As Docker asks for tokens with a password, or with none. */
async function get(
  { url, service, scope, asked }: Question,
  credentials: Extract<Credentials, { kind: 'password' }> | undefined,
  { way, signal }: TokenRequest,
): Promise<Answer> {
  if (service !== undefined) url.searchParams.set('service', service)
  for (const one of scope.split(' ')) url.searchParams.append('scope', one)
  if (credentials !== undefined) url.searchParams.set('account', credentials.username)
  return await ask({ method: 'GET', url, headers: {}, authorization: basicOf(credentials), asked, signal }, way)
}

/** The grant refresh_token (RFC 6749 section 6), as Docker does. */
async function grant({ url, service, scope, asked }: Question, token: string, { way, signal }: TokenRequest): Promise<Answer> {
  const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token, client_id: 'berth', scope })
  if (service !== undefined) form.set('service', service)
  return await ask({ method: 'POST', url, headers: {}, body: form, asked, signal }, way)
}

/** RFC 6749 and Docker name it differently. */
function tokenIn(bytes: Uint8Array, asked: string): Token {
  const fields = fieldsOf(bytes)
  const token = [fields?.token, fields?.access_token].find((value) => typeof value === 'string' && /^[\x21-\x7e]+$/.test(value))
  if (token === undefined) throw wrongAnswer(asked, 'answers without a token')
  const seconds = typeof fields?.expires_in === 'number' ? fields.expires_in : 0
  const lifetimeMs = Math.max(seconds * 1000, LEAST_LIFETIME_MS)
  const identityToken = typeof fields?.refresh_token === 'string' ? fields.refresh_token : undefined
  return { authorization: `Bearer ${token}`, expiresAtMs: Date.now() + lifetimeMs - MARGIN_MS, identityToken }
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
