import { type AccessController, AccessRefusal, type AccessRequest, type Caller, type Permit } from './access.ts'
import { basicChallenge } from './challenge.ts'
import type { PasswordLogin } from './passwords/password-login.ts'

/** `auth.htpasswd`: a user with a password may do everything, any other caller nothing. */
export class HtpasswdAccess implements AccessController {
  readonly #login: PasswordLogin
  readonly #challenge: string

  constructor(login: PasswordLogin, realm: string) {
    this.#login = login
    this.#challenge = basicChallenge(realm)
  }

  async permit({ authorization, client, proxy }: AccessRequest): Promise<Permit> {
    const challenge = this.#challenge
    if (authorization === undefined) throw new AccessRefusal('UNAUTHORIZED', { challenge })
    const { name } = await this.#login.login({ authorization, client, proxy, challenge })
    return everything({ kind: 'user', name, groups: [] })
  }
}

/** A caller who may do everything. */
export function everything(caller: Caller): Permit {
  return { caller, catalog: 'everything', may: () => true, challenge: () => undefined }
}
