import { callerName } from '../../access/access.ts'
import type { GrantedToken, Proof, TokenIssuer } from '../../access/own-tokens/token-issuer.ts'
import { type AskedScope, parseScopes } from '../../access/own-tokens/token-scope.ts'
import { Refusal } from '../answer/error-response.ts'
import { emptyResponse, jsonResponse, type PlainResponse } from '../answer/responses.ts'
import type { Identified, IncomingRequest } from '../pipeline.ts'
import { readForm } from '../request/form.ts'

/** Hundreds of scopes; the rules are asked about each. */
const MAX_SCOPE_CHARACTERS = 16 * 1024
/** A client sends the token in a header, and all headers together may have 64 KiB. */
const MAX_TOKEN_CHARACTERS = 48 * 1024
const ALLOW = { Allow: 'GET, POST' }

/** Where clients get tokens: by GET as Docker has it from the beginning, or by POST as OAuth 2 has it. */
export async function askForToken(issuer: TokenIssuer, incoming: IncomingRequest): Promise<Identified> {
  switch (incoming.request.method) {
    case 'GET':
    case 'HEAD':
      return identified(await getToken(issuer, incoming))
    case 'POST':
      return identified(await postToken(issuer, incoming))
    case 'OPTIONS':
      return { caller: undefined, answer: async () => emptyResponse(200, ALLOW) }
    default:
      throw new Refusal('UNSUPPORTED', { message: `${incoming.request.method} has no meaning here.`, headers: ALLOW })
  }
}

function identified(granted: GrantedToken): Identified {
  return { caller: callerName(granted.identity.caller), answer: async () => tokenResponse(granted) }
}

/** The password, if any, is in the Authorization header. */
async function getToken(issuer: TokenIssuer, { request, url, connection }: IncomingRequest): Promise<GrantedToken> {
  const query = url.searchParams
  requireService(issuer, query.get('service'))
  const authorization = request.headers.get('authorization')
  return await issuer.issue({
    proof: authorization === null ? { kind: 'none' } : { kind: 'password', authorization },
    scopes: readScopes(query.getAll('scope')),
    wantsRefresh: query.get('offline_token') === 'true',
    from: connection,
  })
}

async function postToken(issuer: TokenIssuer, { request, connection }: IncomingRequest): Promise<GrantedToken> {
  const form = await readForm(request)
  requireService(issuer, form.get('service'))
  return await issuer.issue({
    proof: proofOf(form),
    scopes: readScopes(form.getAll('scope')),
    wantsRefresh: form.get('access_type') === 'offline',
    from: connection,
  })
}

function proofOf(form: URLSearchParams): Proof {
  const type = form.get('grant_type')
  switch (type) {
    case 'refresh_token':
      return { kind: 'refresh', token: form.get('refresh_token') ?? '' }
    case 'password': {
      const credentials = Buffer.from(`${form.get('username') ?? ''}:${form.get('password') ?? ''}`).toString('base64')
      return { kind: 'password', authorization: `Basic ${credentials}` }
    }
    default:
      throw badRequest('grant_type is missing or unknown; send password or refresh_token.', { grantType: type?.slice(0, 100) })
  }
}

/** All of them or a refusal: a client cannot see that some of its scopes were passed over. */
function readScopes(parameters: readonly string[]): readonly AskedScope[] {
  const length = parameters.reduce((sum, parameter) => sum + parameter.length, 0)
  if (length <= MAX_SCOPE_CHARACTERS) return parseScopes(parameters)
  throw badRequest('The scopes are too long together; ask for fewer at once.', { maxCharacters: MAX_SCOPE_CHARACTERS })
}

/** Clients read either of the two names of the token. */
function tokenResponse({ token, issuedAt, expiresInSeconds, scope, refreshToken }: GrantedToken): PlainResponse {
  if (token.length > MAX_TOKEN_CHARACTERS) {
    throw badRequest('The token would be too long for a header; ask for fewer scopes at once.', { characters: token.length })
  }
  const body = {
    token,
    access_token: token,
    expires_in: expiresInSeconds,
    issued_at: issuedAt.toISOString(),
    scope,
    ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
  }
  return jsonResponse(body, { 'Cache-Control': 'no-store' })
}

/** A token for another registry would be of no use. */
function requireService({ service }: TokenIssuer, asked: string | null): void {
  if (asked === null || asked === '' || asked === service) return
  throw badRequest(`Tokens are for the service ${service} here; access.service names it.`, { service: asked.slice(0, 200) })
}

function badRequest(message: string, detail: unknown): Refusal {
  return new Refusal('UNSUPPORTED', { status: 400, message, detail })
}
