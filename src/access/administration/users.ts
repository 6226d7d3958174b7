import { unavailable } from '../../oci/errors.ts'
import { Semaphore } from '../../runtime/semaphore.ts'
import type { User } from '../accounts/account.ts'
import type { AccountName } from '../accounts/account-name.ts'
import type { AccountPage, AccountRecords, AccountsAsked } from '../accounts/account-records.ts'
import type { Accounts } from '../accounts/accounts.ts'
import type { CurrentAccounts } from '../accounts/current-accounts.ts'

const MOST_WAITING = 100

export interface ShownUser {
  readonly name: AccountName
  readonly createdAt: Date
  readonly passwordSetAt: Date
  readonly groups: readonly string[]
}

export interface UsersOptions {
  readonly accounts: Accounts
  readonly records: AccountRecords<User>
  readonly current: CurrentAccounts
  readonly hash: (password: string) => Promise<string>
}

/** The users of the storage, as admins see and change them while the registry serves. Those of an htpasswd file are not among them. */
export class Users {
  readonly #options: UsersOptions
  /** Each hash takes a thread for a twentieth of a second. */
  readonly #hashing = new Semaphore(1)

  constructor(options: UsersOptions) {
    this.#options = options
  }

  /** Throws DamagedRecordError, and what the storage says when it cannot look. */
  async page(asked: AccountsAsked): Promise<AccountPage<ShownUser>> {
    const { records, current } = this.#options
    const { entries, next } = await records.page(asked)
    const now = await current.now()
    const shown = entries.map(async ({ name, createdAt, changedAt }) => {
      return { name, createdAt, passwordSetAt: changedAt, groups: await now.groupsOf(name) }
    })
    return { entries: await Promise.all(shown), next }
  }

  /** Those of the storage. */
  async groupsOf(name: AccountName): Promise<readonly string[]> {
    return await (await this.#options.current.now()).groupsOf(name)
  }

  /** Throws AccountError for a name that is taken, and UNAVAILABLE where too many requests wait. */
  async add(name: AccountName, password: string): Promise<void> {
    await this.#options.accounts.addUser(name, await this.#hash(password))
  }

  /** Throws AccountError for a user who is not there. */
  async setPassword(name: AccountName, password: string): Promise<void> {
    await this.#options.accounts.setPassword(name, await this.#hash(password))
  }

  /** Throws AccountError for a user who is not there. */
  async remove(name: AccountName): Promise<void> {
    await this.#options.accounts.removeUser(name)
  }

  async #hash(password: string): Promise<string> {
    if (this.#hashing.waiting >= MOST_WAITING) throw unavailable('Too many passwords are being set; try again in a moment.')
    return await this.#hashing.run(() => this.#options.hash(password))
  }
}
