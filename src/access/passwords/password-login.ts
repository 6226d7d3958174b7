import { AccessRefusal } from '../access.ts'
import { type BasicCredentials, findBasicCredentials } from './basic-credentials.ts'
import { unmatchedHash } from './bcrypt-hash.ts'
import { CredentialMemory } from './credential-memory.ts'
import type { FailureLimit, LoginOrigin } from './failure-limit.ts'
import { PasswordCheck } from './password-check.ts'
import type { PasswordBook, PasswordRecord } from './passwords.ts'

/** The cost of bcrypt that registry:2 writes; for a book that holds no password. */
const USUAL_COST = 10

export interface LoginAttempt extends LoginOrigin {
  /** The Authorization header. */
  readonly authorization: string
  /** The WWW-Authenticate header of a refusal. */
  readonly challenge: string
}

export interface PasswordLoginOptions<User extends PasswordRecord> {
  readonly book: PasswordBook<User>
  /** How many passwords may be checked at the same time. */
  readonly checksAtOnce: number
  /** Counts the wrong passwords of each address. */
  readonly failures: FailureLimit
}

/**
 * Logs clients in by HTTP Basic, against the users of a book (an htpasswd file, or Berth's accounts). A right password is remembered for some
 * minutes, so that bcrypt does not run for each request; requests with the same credentials share one check; an unknown name takes as
 * long as a known one; an address that sends too many wrong passwords has to wait.
 */
export class PasswordLogin<User extends PasswordRecord = PasswordRecord> {
  readonly #book: PasswordBook<User>
  readonly #check: PasswordCheck
  readonly #remembered = new CredentialMemory<User>()
  readonly #failures: FailureLimit
  readonly #checksUnderWay = new Map<string, Promise<boolean>>()

  constructor({ book, checksAtOnce, failures }: PasswordLoginOptions<User>) {
    this.#book = book
    this.#failures = failures
    this.#check = new PasswordCheck(checksAtOnce)
  }

  /** Gives the user to whom the password belongs. Throws AccessRefusal with UNAUTHORIZED or TOOMANYREQUESTS, and UNAVAILABLE. */
  async login(attempt: LoginAttempt): Promise<User> {
    const credentialKey = this.#remembered.nameOf(attempt.authorization)
    return (await this.#findRemembered(credentialKey)) ?? (await this.#loginByPassword(credentialKey, attempt))
  }

  /** A user that was changed or removed since then is forgotten. */
  async #findRemembered(credentialKey: string): Promise<User | undefined> {
    const remembered = this.#remembered.find(credentialKey)
    if (remembered === undefined) return undefined
    const current = await this.#book.find(remembered.name)
    if (current?.revision === remembered.revision) return current
    this.#remembered.forget(credentialKey)
    return undefined
  }

  async #loginByPassword(credentialKey: string, { authorization, client, proxy, challenge }: LoginAttempt): Promise<User> {
    const credentials = findBasicCredentials(authorization)
    if (credentials === undefined) throw new AccessRefusal('UNAUTHORIZED', { challenge, reason: 'not a name and a password' })
    const claimed = credentials.name
    const mayTry = () => this.#failures.requireTry({ client, proxy }, claimed)
    mayTry()
    const user = await this.#book.find(claimed, 'anew')
    const check = { credentialKey, credentials, user, mayTry, failed: () => this.#failures.failed({ client, proxy }) }
    if ((await this.#isRight(check)) && user !== undefined) {
      this.#remembered.remember(credentialKey, user)
      return user
    }
    const reason = user === undefined ? 'no such user' : 'wrong password'
    const message = 'The user name or the password is wrong; log in again.'
    throw new AccessRefusal('UNAUTHORIZED', { challenge, reason, claimed, message })
  }

  /** Requests with the same credentials share the check that is under way. Where that one failed, the next request makes its own. */
  async #isRight(check: Check): Promise<boolean> {
    const key = `${check.credentialKey} ${check.user?.revision ?? ''}`
    for (let underWay = this.#checksUnderWay.get(key); underWay !== undefined; underWay = this.#checksUnderWay.get(key)) {
      const outcome = await underWay.catch(() => undefined)
      if (outcome !== undefined) return outcome
    }
    const started = this.#runBcrypt(check)
    this.#checksUnderWay.set(key, started)
    try {
      return await started
    } finally {
      this.#checksUnderWay.delete(key)
    }
  }

  /** Every wrong password takes as long as the costliest hash of the book, so that its time tells nothing about the name. */
  async #runBcrypt({ credentials: { password }, user, mayTry, failed }: Check): Promise<boolean> {
    const highestCost = this.#book.highestCost() ?? USUAL_COST
    const hash = user?.passwordHash ?? unmatchedHash(highestCost)
    const isRight = await this.#check.isRight({ password, hash, highestCost, mayGoOn: mayTry })
    if (!isRight || user === undefined) failed()
    return isRight
  }
}

interface Check {
  /** Stands for the credentials in the memory: a keyed hash of them. */
  readonly credentialKey: string
  readonly credentials: BasicCredentials
  /** Undefined: no user has the name. */
  readonly user: PasswordRecord | undefined
  /** Throws for an address that has to wait. */
  readonly mayTry: () => void
  /** Counts a wrong password for the address. */
  readonly failed: () => void
}
