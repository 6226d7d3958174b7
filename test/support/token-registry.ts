import { expect } from 'bun:test'
import { createHmac } from 'node:crypto'
import { calculateJwkThumbprint } from 'jose'
import { expectError, header } from './answers.ts'
import { AppInTest } from './app-in-test.ts'
import type { TemporaryFolder } from './temporary-folder.ts'
import { encode, inSeconds, type TokenIssuer } from './token-issuer.ts'

export const REALM = 'https://auth.example.com/token'
export const CHALLENGE = `Bearer realm="${REALM}",service="registry.example.com"`

export interface Asking {
  readonly method?: string
  readonly at?: string
}

/** A registry that takes the tokens of an issuer, and what there is to say to it. */
export class TokenRegistry implements AsyncDisposable {
  readonly berth: AppInTest
  readonly folder: TemporaryFolder
  readonly #owned: AsyncDisposableStack

  private constructor(berth: AppInTest, folder: TemporaryFolder, owned: AsyncDisposableStack) {
    this.berth = berth
    this.folder = folder
    this.#owned = owned
  }

  /** `keys` are settings of `auth.token` beside realm, service and issuer. */
  static async start(folder: TemporaryFolder, keys: object): Promise<TokenRegistry> {
    const owned = new AsyncDisposableStack()
    const token = { realm: REALM, service: 'registry.example.com', issuer: 'auth.example.com', ...keys }
    return new TokenRegistry(owned.use(await AppInTest.start(folder, { auth: { token } })), folder, owned)
  }

  async ask(token: string, { method = 'GET', at = '/v2/' }: Asking = {}): Promise<Response> {
    return await this.berth.request(method, at, { headers: { authorization: `Bearer ${token}` } })
  }

  async expectTaken(token: string): Promise<void> {
    const response = await this.ask(token)
    expect(`${response.status} ${await response.text()}`).toBe('200 {}')
  }

  /** The token is refused, the client learns nothing but that, and the log says why. */
  async expectRefused(token: string, reason: string): Promise<void> {
    const response = await this.ask(token)
    const requestId = header(response, 'x-request-id')
    expect(header(response, 'www-authenticate')).toBe(`${CHALLENGE},error="invalid_token"`)
    const error = await expectError(response, 401, 'UNAUTHORIZED')
    expect(error.message).toStartWith('The token is not accepted; log in again.')
    expect(error.detail).toBeUndefined()
    const line = await this.berth.log.line(({ message, fields }) => {
      return message === 'authentication failed' && fields.requestId === requestId
    })
    expect(String(line.fields.reason)).toContain(reason)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync()
  }
}

/** The claims of a token that is right, and grants pulls and pushes in team/app. */
export function claims(more: object = {}): object {
  const access = [{ type: 'repository', name: 'team/app', actions: ['pull', 'push'] }]
  const times = { iat: inSeconds(0), nbf: inSeconds(-1), exp: inSeconds(300) }
  return {
    iss: 'auth.example.com',
    aud: 'registry.example.com',
    sub: 'alice',
    jti: crypto.randomUUID(),
    ...times,
    access,
    ...more,
  }
}

/** The header that names the issuer's key by its thumbprint. */
export async function byThumbprint({ jwk }: TokenIssuer): Promise<{ readonly kid: string }> {
  return { kid: await calculateJwkThumbprint(jwk) }
}

/** A token signed with a secret that both sides know. */
export function hmacToken(keyHeader: object, claimSet: object, secret: Buffer | string): string {
  const text = `${encode({ alg: 'HS256', ...keyHeader })}.${encode(claimSet)}`
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
}
