import { AccessRefusal } from '../access.ts'
import { type BasicCredentials, findBasicCredentials } from './basic-credentials.ts'
import { unmatchedHash } from './bcrypt-hash.ts'
import { CredentialMemory } from './credential-memory.ts'
import type { FailureLimit, LoginOrigin } from './failure-limit.ts'
import { PasswordCheck } from './password-check.ts'
import type { PasswordBook, PasswordRecord } from './passwords.ts'

/** What registry:2 writes, for a book that holds no password. */
const USUAL_COST = 10

export interface LoginAttempt extends LoginOrigin {
  /** The Authorization header. */
  readonly authorization: string
  /** What a refusal is to carry as WWW-Authenticate. */
  readonly challenge: string
}

export interface PasswordLoginOptions<Record extends PasswordRecord> {
  readonly book: PasswordBook<Record>
  /** How many passwords may be checked at the same time. */
  readonly checksAtOnce: number
  /** Counts what each address got wrong. */
  readonly failures: FailureLimit
}

/**
 * HTTP Basic over a book of passwords. A password that was right is remembered for some minutes, bound to its record; equal checks
 * under way are one; an unknown name takes as long as a known one; an address that sends too many wrong passwords has to wait.
 */
export class PasswordLogin<Record extends PasswordRecord = PasswordRecord> {
  readonly #book: PasswordBook<Record>
  readonly #check: PasswordCheck
  readonly #remembered = new CredentialMemory<Record>()
  readonly #failures: FailureLimit
  readonly #underWay = new Map<string, Promise<boolean>>()

  constructor({ book, checksAtOnce, failures }: PasswordLoginOptions<Record>) {
    this.#book = book
    this.#failures = failures
    this.#check = new PasswordCheck(checksAtOnce)
  }

  /** Whose password it is. Throws AccessRefusal with UNAUTHORIZED or TOOMANYREQUESTS, and UNAVAILABLE. */
  async login(attempt: LoginAttempt): Promise<Record> {
    const memory = this.#remembered.nameOf(attempt.authorization)
    return (await this.#findRemembered(memory)) ?? (await this.#checked(memory, attempt))
  }

  async #findRemembered(memory: string): Promise<Record | undefined> {
    const remembered = this.#remembered.find(memory)
    if (remembered === undefined) return undefined
    const current = await this.#book.find(remembered.name)
    if (current?.revision === remembered.revision) return current
    this.#remembered.forget(memory)
    return undefined
  }

  async #checked(memory: string, { authorization, client, proxy, challenge }: LoginAttempt): Promise<Record> {
    const credentials = findBasicCredentials(authorization)
    if (credentials === undefined) throw new AccessRefusal('UNAUTHORIZED', { challenge, reason: 'not a name and a password' })
    const claimed = credentials.name
    const mayTry = () => this.#failures.requireTry({ client, proxy }, claimed)
    mayTry()
    const record = await this.#book.find(claimed, 'anew')
    const check = { memory, credentials, record, mayTry, failed: () => this.#failures.failed({ client, proxy }) }
    if ((await this.#isRight(check)) && record !== undefined) {
      this.#remembered.remember(memory, record)
      return record
    }
    const reason = record === undefined ? 'no such user' : 'wrong password'
    const message = 'The user name or the password is wrong; log in again.'
    throw new AccessRefusal('UNAUTHORIZED', { challenge, reason, claimed, message })
  }

  /** Requests with the same password for the same record share a check that is under way. */
  async #isRight(check: Check): Promise<boolean> {
    const key = `${check.memory} ${check.record?.revision ?? ''}`
    for (let underWay = this.#underWay.get(key); underWay !== undefined; underWay = this.#underWay.get(key)) {
      const outcome = await underWay.catch(() => undefined)
      if (outcome !== undefined) return outcome
    }
    const made = this.#make(check)
    this.#underWay.set(key, made)
    try {
      return await made
    } finally {
      this.#underWay.delete(key)
    }
  }

  /** A wrong password takes as long as the costliest in the book, whether or not it is a name in it, and whichever. */
  async #make({ credentials: { password }, record, mayTry, failed }: Check): Promise<boolean> {
    const highestCost = this.#book.highestCost() ?? USUAL_COST
    const hash = record?.passwordHash ?? unmatchedHash(highestCost)
    const isRight = await this.#check.isRight({ password, hash, highestCost, mayGoOn: mayTry })
    if (!isRight || record === undefined) failed()
    return isRight
  }
}

interface Check {
  /** What the credentials are called in the memory. */
  readonly memory: string
  readonly credentials: BasicCredentials
  /** Undefined: no user has the name. */
  readonly record: PasswordRecord | undefined
  /** Throws for an address that has to wait. */
  readonly mayTry: () => void
  readonly failed: () => void
}
