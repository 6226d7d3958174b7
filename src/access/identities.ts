import { timingSafeEqual } from 'node:crypto'
import { RegistryError, unavailable } from '../oci/errors.ts'
import { AccessRefusal, type AccountsRight, ANONYMOUS, type Caller } from './access.ts'
import { type AccessRules, BothRules, CallerRules, isAbout, type RepositoryRules, type Who } from './access-rules.ts'
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
  readonly rules: RepositoryRules
  /** What the caller may do with accounts. */
  readonly accounts: AccountsRight
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
  /** Users and groups who may change accounts. */
  readonly admins: readonly Who[]
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
    return { caller: ANONYMOUS, subject: '', revision: '', rules, accounts: 'none', expiresAt: undefined }
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

  /** By the name alone, which nothing has proven; '' for an anonymous caller. For showing what a caller of that name may do. Throws UNAVAILABLE. */
  async called(subject: string): Promise<Identity | undefined> {
    return subject === '' ? this.anonymous() : await this.#looking(async () => await this.#findSubject(subject))
  }

  async #findSubject(subject: string): Promise<Identity | undefined> {
    const colon = subject.indexOf(':')
    const [kind, name] = [subject.slice(0, colon), subject.slice(colon + 1)]
    if (kind === 'robot') {
      const robot = await this.#findRobot(name)
      return robot === undefined ? undefined : await this.#ofRobot(robot)
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
    const identity = await this.#ofRobot(robot)
    if (identity === undefined) {
      throw refuse('the owner of the token is gone', 'The user whose token it is, is gone; ask for a new one.')
    }
    if (identity.expiresAt === undefined || identity.expiresAt.getTime() > Date.now()) return identity
    throw refuse('the token has expired', `The token has expired on ${identity.expiresAt.toISOString()}; ask for a new one.`)
  }

  async #findRobot(text: string): Promise<Robot | undefined> {
    const name = findAccountName(text)
    return name === undefined ? undefined : await (await this.#options.accounts.now()).findRobot(name)
  }

  #ofMember({ name, groups, revision }: Member): Identity {
    const caller: Caller = { kind: 'user', name, groups }
    const { rules, admins } = this.#options
    const accounts = admins.some((who) => isAbout(who, caller)) ? 'all' : 'own'
    return { caller, subject: `user:${name}`, revision, rules: rules.for(caller), accounts, expiresAt: undefined }
  }

  /** A robot makes no further ones. Undefined where it belongs to a user who is gone. */
  async #ofRobot(robot: Robot): Promise<Identity | undefined> {
    const { name, revision, expiresAt } = robot
    const rules = await this.#rulesOf(robot)
    return rules && { caller: { kind: 'robot', name }, subject: `robot:${name}`, revision, rules, accounts: 'none', expiresAt }
  }

  /** Its scopes are rules of its own, and then all that it has. A user's robot may never do more than that user may now. */
  async #rulesOf({ name, scopes, owner }: Robot): Promise<RepositoryRules | undefined> {
    const { rules, book } = this.#options
    const own = scopes && new CallerRules(scopes.map(({ repositories, can }) => ({ repositories: [repositories], can })))
    if (owner === undefined) return own ?? rules.for({ kind: 'robot', name })
    const user = await book.find(owner)
    const ofOwner = user && rules.for({ kind: 'user', name: user.name, groups: user.groups })
    return own === undefined || ofOwner === undefined ? ofOwner : new BothRules(own, ofOwner)
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
