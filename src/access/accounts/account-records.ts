import { type StoragePath, storagePath } from '../../storage/driver.ts'
import { berthLayout } from '../../storage/layout.ts'
import { GROUP_FORMAT, type Group, type RecordFormat, ROBOT_FORMAT, type Robot, USER_FORMAT, type User } from './account.ts'
import { type AccountName, findAccountName } from './account-name.ts'
import type { RecordStorage } from './record-storage.ts'

/** The longest record: a group of some ten thousand members. */
const MAX_RECORD_BYTES = 1024 * 1024
/** On an object store each is a request. */
const READ_AT_ONCE = 32

export interface AccountsAsked {
  /** The page begins behind this name. */
  readonly after: string
  readonly limit: number
  /** What the names begin with. */
  readonly beginning?: string
}

export interface AccountPage<Account> {
  readonly entries: readonly Account[]
  /** Behind which the next page begins; undefined: this was the last. */
  readonly next: AccountName | undefined
}

/** The records of one kind, a file for each below one directory of the storage. */
export class AccountRecords<Account extends { readonly name: AccountName }> {
  readonly #storage: RecordStorage
  readonly #directory: StoragePath
  readonly #format: RecordFormat<Account>

  constructor(storage: RecordStorage, directory: StoragePath, format: RecordFormat<Account>) {
    this.#storage = storage
    this.#directory = directory
    this.#format = format
  }

  /** Throws DamagedRecordError, and what the storage says when it cannot look. */
  async find(name: AccountName): Promise<Account | undefined> {
    const path = storagePath(this.#directory, name)
    const bytes = await this.#storage.readSmall(path, MAX_RECORD_BYTES)
    return bytes === undefined ? undefined : this.#format.parse(new TextDecoder().decode(bytes), path)
  }

  /** Those that begin with a text, without reading them, in their order. */
  async names(beginning = ''): Promise<readonly AccountName[]> {
    const all = (await this.#storage.list(this.#directory)).map(findAccountName).filter((name) => name !== undefined)
    return all.filter((name) => name.startsWith(beginning))
  }

  /** Those whose names begin with a text, in the order of their names. Throws as `find`. */
  async list(beginning = ''): Promise<readonly Account[]> {
    return await this.#read(await this.names(beginning))
  }

  /** A part of such a list. Throws as `find`. */
  async page({ after, limit, beginning = '' }: AccountsAsked): Promise<AccountPage<Account>> {
    const names = (await this.names(beginning)).filter((name) => name > after)
    const shown = names.slice(0, limit)
    return { entries: await this.#read(shown), next: names.length > limit ? shown.at(-1) : undefined }
  }

  async #read(names: readonly AccountName[]): Promise<readonly Account[]> {
    const found: Account[] = []
    for (let start = 0; start < names.length; start += READ_AT_ONCE) {
      const read = await Promise.all(names.slice(start, start + READ_AT_ONCE).map((name) => this.find(name)))
      found.push(...read.filter((account) => account !== undefined))
    }
    return found
  }

  /** Makes the record or replaces it, durably. */
  async write(account: Account): Promise<void> {
    const bytes = new TextEncoder().encode(this.#format.format(account))
    await this.#storage.place([{ directory: this.#directory, files: [{ name: account.name, bytes, secret: true }] }])
  }

  /** Durably. What is not there is removed already. */
  async remove(name: AccountName): Promise<void> {
    await this.#storage.remove(storagePath(this.#directory, name))
  }
}

/** All kinds of records of a storage. */
export interface AllRecords {
  readonly users: AccountRecords<User>
  readonly groups: AccountRecords<Group>
  readonly robots: AccountRecords<Robot>
}

export function accountRecords(storage: RecordStorage): AllRecords {
  return {
    users: new AccountRecords(storage, berthLayout.users, USER_FORMAT),
    groups: new AccountRecords(storage, berthLayout.groups, GROUP_FORMAT),
    robots: new AccountRecords(storage, berthLayout.robots, ROBOT_FORMAT),
  }
}
