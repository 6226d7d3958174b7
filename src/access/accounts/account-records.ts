import { type StoragePath, storagePath } from '../../storage/driver.ts'
import { berthLayout } from '../../storage/layout.ts'
import { GROUP_FORMAT, type Group, type RecordFormat, ROBOT_FORMAT, type Robot, USER_FORMAT, type User } from './account.ts'
import { type AccountName, findAccountName } from './account-name.ts'
import type { RecordStorage } from './record-storage.ts'

/** The longest record: a group of some ten thousand members. */
const MAX_RECORD_BYTES = 1024 * 1024
/** On an object store each is a request. */
const READ_AT_ONCE = 32

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

  /** Without reading them, in their order. */
  async names(): Promise<readonly AccountName[]> {
    return (await this.#storage.list(this.#directory)).map(findAccountName).filter((name) => name !== undefined)
  }

  /** In the order of their names. Throws as `find`. */
  async list(): Promise<readonly Account[]> {
    const names = await this.names()
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
