import { type AccessController, AccessRefusal, type AccessRequest, type Caller, type Permit } from './access.ts'
import { basicChallenge } from './challenge.ts'
import type { LoginAttempt, PasswordLogin } from './passwords/password-login.ts'
import type { PasswordBook, PasswordRecord } from './passwords/passwords.ts'
import type { SessionAccounts, SessionHolder } from './sessions.ts'

/** `auth.htpasswd`: a user with a password may do everything, any other caller nothing. */
export class HtpasswdAccess implements AccessController, SessionAccounts {
  readonly #book: PasswordBook
  readonly #login: PasswordLogin
  readonly #challenge: string

  /** `login` is against the same book. */
  constructor(book: PasswordBook, login: PasswordLogin, realm: string) {
    this.#book = book
    this.#login = login
    this.#challenge = basicChallenge(realm)
  }

  async permit({ authorization, client, proxy }: AccessRequest): Promise<Permit> {
    const challenge = this.#challenge
    if (authorization === undefined) throw new AccessRefusal('UNAUTHORIZED', { challenge })
    const { name } = await this.#login.login({ authorization, client, proxy, challenge })
    return everything({ kind: 'user', name, groups: [] })
  }

  async signIn(attempt: LoginAttempt): Promise<SessionHolder> {
    return holderOf(await this.#login.login(attempt))
  }

  async resume(subject: string, revision: string): Promise<SessionHolder | undefined> {
    const user = subject.startsWith(USER) ? await this.#book.find(subject.slice(USER.length)) : undefined
    return user?.revision === revision ? holderOf(user) : undefined
  }
}

const USER = 'user:'

function holderOf({ name, revision }: PasswordRecord): SessionHolder {
  const permit = everything({ kind: 'user', name, groups: [] })
  return { subject: `${USER}${name}`, revision, expiresAt: undefined, permit }
}

/** A caller who may do everything. */
export function everything(caller: Caller): Permit {
  return { caller, catalog: 'everything', may: () => true, challenge: () => undefined }
}
