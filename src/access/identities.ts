import { timingSafeEqual } from 'node:crypto'
import { RegistryError, unavailable } from '../oci/errors.ts'
import { AccessRefusal, ANONYMOUS, type Caller } from './access.ts'
import { type AccessRules, CallerRules } from './access-rules.ts'
import type { Robot } from './accounts/account.ts'
import type { Member } from './accounts/account-book.ts'
import { findAccountName } from './accounts/account-name.ts'
import { hashRobotToken, ROBOT_TOKEN_PREFIX } from './accounts/accounts.ts'
import type { CurrentAccounts } from './accounts/current-accounts.ts'
import { findBasicCredentials } from './passwords/basic-credentials.ts'
import type { FailureLimit } from './passwords/failure-limit.ts'
import type { LoginAttempt, PasswordLogin } from './passwords/password-login.ts'
import type { PasswordBook } from './passwords/passwords.ts'

/** A caller whose name was proven, and what the rules say of it now. */
export interface Identity {
  readonly caller: Caller
  /** As tokens name the caller: `user:alice`, `robot:ci`, '' for an anonymous one. */
  readonly subject: string
  /** Of the account; '' for an anonymous caller. */
  readonly revision: string
  readonly rules: CallerRules
  /** When the account ends; undefined: never. */
  readonly expiresAt: Date | undefined
}

export interface IdentitiesOptions {
  readonly accounts: CurrentAccounts
  readonly book: PasswordBook<Member>
  readonly login: PasswordLogin<Member>
  /** The same as that of `login`: guesses at both count together. */
  readonly failures: FailureLimit
  readonly rules: AccessRules
}

/** Finds the caller's identity by a password, a robot's token, or the name in a token of ours. */
export class Identities {
  readonly #options: IdentitiesOptions

  constructor(options: IdentitiesOptions) {
    this.#options = options
  }

  /** A caller that gives no name. */
  anonymous(): Identity {
    const rules = this.#options.rules.for(ANONYMOUS)
    return { caller: ANONYMOUS, subject: '', revision: '', rules, expiresAt: undefined }
  }

  /** By HTTP Basic. Throws AccessRefusal with UNAUTHORIZED or TOOMANYREQUESTS, and UNAVAILABLE. */
  async login(attempt: LoginAttempt): Promise<Identity> {
    return await this.#looking(async () => {
      const credentials = findBasicCredentials(attempt.authorization)
      const password = credentials?.password.toString() ?? ''
      if (credentials !== undefined && password.startsWith(ROBOT_TOKEN_PREFIX)) {
        return await this.#loginRobot(credentials.name, password, attempt)
      }
      return this.#ofMember(await this.#options.login.login(attempt))
    })
  }

  /**
   * Who a token names, if the account is still the one that it was made for. One that has expired since is: no token is good for longer
   * than its account, but an upload that was begun with it may be finished. Throws UNAVAILABLE.
   */
  async find(subject: string, revision: string): Promise<Identity | undefined> {
    if (subject === '') return this.anonymous()
    return await this.#looking(async () => {
      const identity = await this.#findSubject(subject)
      return identity?.revision === revision ? identity : undefined
    })
  }

  async #findSubject(subject: string): Promise<Identity | undefined> {
    const colon = subject.indexOf(':')
    const [kind, name] = [subject.slice(0, colon), subject.slice(colon + 1)]
    if (kind === 'robot') {
      const robot = await this.#findRobot(name)
      return robot === undefined ? undefined : this.#ofRobot(robot)
    }
    const member = kind === 'user' ? await this.#options.book.find(name) : undefined
    return member === undefined ? undefined : this.#ofMember(member)
  }

  /** A right token never waits: there is nothing to guess with it, and a machine that builds shares its address with many. */
  async #loginRobot(name: string, token: string, { challenge, client, proxy }: LoginAttempt): Promise<Identity> {
    const robot = await this.#findRobot(name)
    const claimed = `robot:${name}`
    const refuse = (reason: string, message: string) => new AccessRefusal('UNAUTHORIZED', { challenge, claimed, reason, message })
    if (robot === undefined || !isSame(hashRobotToken(token), robot.tokenHash)) {
      this.#options.failures.requireTry({ client, proxy }, claimed)
      this.#options.failures.failed({ client, proxy })
      const reason = robot === undefined ? 'no such token' : 'wrong token'
      throw refuse(reason, 'The name or the token of the robot is wrong; log in with the name that berth token create was given.')
    }
    const identity = this.#ofRobot(robot)
    if (identity.expiresAt === undefined || identity.expiresAt.getTime() > Date.now()) return identity
    throw refuse('the token has expired', `The token has expired on ${identity.expiresAt.toISOString()}; ask for a new one.`)
  }

  async #findRobot(text: string): Promise<Robot | undefined> {
    const name = findAccountName(text)
    return name === undefined ? undefined : await (await this.#options.accounts.now()).findRobot(name)
  }

  #ofMember({ name, groups, revision }: Member): Identity {
    const caller: Caller = { kind: 'user', name, groups }
    return { caller, subject: `user:${name}`, revision, rules: this.#options.rules.for(caller), expiresAt: undefined }
  }

  /** Its scopes are rules of its own, and then all that it has. */
  #ofRobot({ name, scopes, revision, expiresAt }: Robot): Identity {
    const caller: Caller = { kind: 'robot', name }
    const rules =
      scopes === undefined
        ? this.#options.rules.for(caller)
        : new CallerRules(scopes.map(({ repositories, can }) => ({ repositories: [repositories], can })))
    return { caller, subject: `robot:${name}`, revision, rules, expiresAt }
  }

  /** A storage that cannot be read does not make a user unknown: it throws. */
  async #looking<Result>(look: () => Promise<Result>): Promise<Result> {
    try {
      return await look()
    } catch (cause) {
      if (cause instanceof RegistryError) throw cause
      throw unavailable('The accounts cannot be read now; try again in a moment.', { cause })
    }
  }
}

function isSame(hash: string, other: string): boolean {
  return hash.length === other.length && timingSafeEqual(Buffer.from(hash), Buffer.from(other))
}
