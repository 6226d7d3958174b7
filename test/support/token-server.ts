import type { TokenIssuer } from './token-issuer.ts'
import { inSeconds } from './token-issuer.ts'

export interface TokenServerOptions {
  readonly issuer: TokenIssuer
  readonly header: object
  readonly service: string
  /** Passwords by user; each may do everything, and whoever has none may pull from `open/`. */
  readonly users: Readonly<Record<string, string>>
}

/** A small token server as they stand beside registry:2: GET with HTTP Basic, and whatever was asked for that is allowed. */
export class TokenServer implements AsyncDisposable {
  readonly url: string
  /** What clients asked for, in their words. */
  readonly asked: string[] = []
  readonly #server: Bun.Server<undefined>
  readonly #options: TokenServerOptions

  constructor(options: TokenServerOptions) {
    this.#options = options
    this.#server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: (request) => this.#answer(request) })
    this.url = `${this.#server.url.href}token`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop(true)
  }

  #answer(request: Request): Response {
    if (request.method !== 'GET') return new Response(null, { status: 405 })
    const { issuer, header, service, users } = this.#options
    const [user = '', password] = Buffer.from((request.headers.get('authorization') ?? '').slice(6), 'base64')
      .toString()
      .split(':')
    if (user !== '' && users[user] !== password) return new Response(null, { status: 401 })
    const scopes = new URL(request.url).searchParams.getAll('scope').flatMap((scope) => scope.split(' '))
    this.asked.push(...scopes)
    const access = scopes.flatMap((scope) => granted(scope, user))
    const times = { iat: inSeconds(0), nbf: inSeconds(-5), exp: inSeconds(300) }
    const token = issuer.token(header, { iss: 'test', aud: service, sub: user, ...times, access })
    return Response.json({ token, expires_in: 300, issued_at: new Date().toISOString() })
  }
}

function granted(scope: string, user: string): object[] {
  const [type, name = '', actions = ''] = scope.split(':')
  if (type !== 'repository') return []
  const allowed = actions.split(',').filter((action) => user !== '' || (action === 'pull' && name.startsWith('open/')))
  return [{ type, name, actions: allowed }]
}
