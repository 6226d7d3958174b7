import { randomBytes } from 'node:crypto'
import { AccessRefusal } from './access.ts'
import { type BasicCredentials, findBasicCredentials } from './basic-credentials.ts'
import { unmatchedHash } from './bcrypt-hash.ts'
import { CredentialMemory } from './credential-memory.ts'
import { FailureLimit } from './failure-limit.ts'
import { PasswordCheck } from './password-check.ts'
import type { PasswordBook, PasswordRecord } from './passwords.ts'

/** What `htpasswd -B` and registry:2 write, for a book that holds nobody. */
const USUAL_COSTS: readonly number[] = [5, 10]

export interface LoginAttempt {
  /** The Authorization header. */
  readonly authorization: string
  /** Where it came from; undefined on a unix socket. */
  readonly client: string | undefined
  /** What a refusal is to carry as WWW-Authenticate. */
  readonly challenge: string
}

export interface PasswordLoginOptions<Record extends PasswordRecord> {
  readonly book: PasswordBook<Record>
  /** How many passwords may be checked at the same time. */
  readonly checksAtOnce: number
}

/**
 * HTTP Basic over a book of passwords. A password that was right is remembered for some minutes, bound to its record; equal checks
 * under way are one; a name that nobody has takes as long as one that somebody has; an address that is wrong too often has to wait.
 */
export class PasswordLogin<Record extends PasswordRecord = PasswordRecord> {
  readonly #book: PasswordBook<Record>
  readonly #check: PasswordCheck
  readonly #remembered = new CredentialMemory<Record>()
  readonly #failures = new FailureLimit()
  readonly #underWay = new Map<string, Promise<boolean>>()
  readonly #secret = randomBytes(32)

  constructor({ book, checksAtOnce }: PasswordLoginOptions<Record>) {
    this.#book = book
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

  async #checked(memory: string, { authorization, client, challenge }: LoginAttempt): Promise<Record> {
    const credentials = findBasicCredentials(authorization)
    if (credentials === undefined) throw new AccessRefusal('UNAUTHORIZED', { challenge, reason: 'not a name and a password' })
    const claimed = credentials.name
    const mayTry = () => {
      const waitSeconds = this.#failures.waitSeconds(client)
      if (waitSeconds !== undefined) throw tooMany(waitSeconds, claimed)
    }
    mayTry()
    const record = await this.#book.find(claimed)
    if ((await this.#isRight(memory, credentials, record, mayTry)) && record !== undefined) {
      this.#remembered.remember(memory, record)
      return record
    }
    this.#failures.failed(client)
    const reason = record === undefined ? 'no such user' : 'wrong password'
    const message = 'The user name or the password is wrong; log in again.'
    throw new AccessRefusal('UNAUTHORIZED', { challenge, reason, claimed, message })
  }

  /** Whoever asks the same of the same record while a check is under way gets its answer. */
  async #isRight(
    memory: string,
    { name, password }: BasicCredentials,
    record: PasswordRecord | undefined,
    mayTry: () => void,
  ): Promise<boolean> {
    const key = `${memory} ${record?.revision ?? ''}`
    const underWay = this.#underWay.get(key)
    if (underWay !== undefined) return await underWay
    const check = this.#check.isRight(password, record?.passwordHash ?? this.#decoyFor(name), mayTry)
    this.#underWay.set(key, check)
    try {
      return await check
    } finally {
      this.#underWay.delete(key)
    }
  }

  /** Always the same one for a name, so that asking twice tells nothing; of a cost that somebody in the book has. */
  #decoyFor(name: string): string {
    const costs = this.#book.costs()
    const choices = costs.length > 0 ? costs : USUAL_COSTS
    const number = new Bun.CryptoHasher('sha256', this.#secret).update(name).digest().readUInt32BE()
    return unmatchedHash(choices[number % choices.length] ?? 10)
  }
}

function tooMany(waitSeconds: number, claimed: string): AccessRefusal {
  return new AccessRefusal('TOOMANYREQUESTS', {
    message: `Too many logins from your address have failed; wait ${waitSeconds} seconds and try again.`,
    retryAfterSeconds: waitSeconds,
    reason: 'too many failures from this address',
    claimed,
  })
}
