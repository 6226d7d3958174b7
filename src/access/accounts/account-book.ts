import type { PasswordBook, PasswordRecord } from '../passwords/passwords.ts'
import { findAccountName } from './account-name.ts'
import type { CurrentAccounts } from './current-accounts.ts'

/** A user with a password, and the groups that the name is in. */
export interface Member extends PasswordRecord {
  readonly groups: readonly string[]
}

/** What `berth user` makes. */
const USUAL_COST = 10

/** The users of the storage, and those of an htpasswd file. A name that both have is the storage's. */
export class AccountBook implements PasswordBook<Member> {
  readonly #accounts: CurrentAccounts
  readonly #file: PasswordBook | undefined

  constructor(accounts: CurrentAccounts, file: PasswordBook | undefined) {
    this.#accounts = accounts
    this.#file = file
  }

  async find(text: string, how?: 'anew'): Promise<Member | undefined> {
    const accounts = await this.#accounts.now()
    const name = findAccountName(text)
    const record = (name === undefined ? undefined : await accounts.findUser(name, how)) ?? (await this.#file?.find(text))
    if (record === undefined) return undefined
    const { passwordHash, revision } = record
    return { name: text, passwordHash, revision, groups: await accounts.groupsOf(text) }
  }

  highestCost(): number {
    return Math.max(USUAL_COST, this.#file?.highestCost() ?? 0)
  }
}
