import { type AccountName, findAccountName } from '../../src/access/accounts/account-name.ts'
import { Accounts, type Exclusively } from '../../src/access/accounts/accounts.ts'
import { type AccountsNow, CurrentAccounts, type RemoteLook } from '../../src/access/accounts/current-accounts.ts'
import { exclusivelyIn, lastChangeIn } from '../../src/metadata/sqlite/exclusive-lock.ts'
import type { StorageDriver } from '../../src/storage/driver.ts'
import { openDisk } from '../../src/storage/filesystem/disk.ts'
import { FilesystemDriver } from '../../src/storage/filesystem/filesystem.ts'
import { TemporaryFolder } from './temporary-folder.ts'

/** Accounts on a data directory: an operator who changes them, and servers that look. */
export class OperatedAccounts implements Disposable {
  readonly accounts: Accounts
  readonly current: CurrentAccounts
  /** What the operator and the servers did with the storage, as `stat berth/v1/access/generation`. */
  readonly calls: string[] = []
  readonly #folder: TemporaryFolder
  readonly #storage: StorageDriver
  #lethal: string | undefined
  #isDead = false
  #failing: string | undefined

  private constructor(folder: TemporaryFolder, driver: FilesystemDriver) {
    this.#folder = folder
    this.#storage = this.#watched(driver)
    this.accounts = this.anotherOperator()
    this.current = this.another()
  }

  static async open(): Promise<OperatedAccounts> {
    const folder = new TemporaryFolder({ inMemory: true })
    return new OperatedAccounts(folder, await FilesystemDriver.open(await openDisk(folder.path), folder.path))
  }

  static named(text: string): AccountName {
    const name = findAccountName(text)
    if (name === undefined) throw new Error(`${text} is no name`)
    return name
  }

  /** Each question with a look of its own, as each request has one. */
  static from(current: CurrentAccounts): Pick<AccountsNow, 'findUser' | 'findRobot' | 'groupsOf'> {
    return {
      findUser: async (name) => await (await current.now()).findUser(name),
      findRobot: async (name) => await (await current.now()).findRobot(name),
      groupsOf: async (name) => await (await current.now()).groupsOf(name),
    }
  }

  /** Where the records are. */
  get directory(): string {
    return this.#folder.join('berth/v1/access')
  }

  /** One task at a time, whichever process it is of. */
  get exclusively(): Exclusively {
    return exclusivelyIn(this.#folder.join('run'))
  }

  get storage(): StorageDriver {
    return this.#storage
  }

  /** Another process that serves. */
  another(remote?: Partial<RemoteLook>): CurrentAccounts {
    if (remote === undefined) return new CurrentAccounts({ storage: this.#storage })
    const lastChange = lastChangeIn(this.#folder.join('run'))
    return new CurrentAccounts({ storage: this.#storage, remote: { trustedForMs: 60_000, lastChange, ...remote } })
  }

  anotherOperator(): Accounts {
    return new Accounts(this.#storage, this.exclusively)
  }

  /** Everything fails from after the first call on that begins so, as if the process were no more. */
  dieAfter(call: string): void {
    this.#lethal = call
  }

  /** Every call that begins so fails, and changes nothing. */
  failOn(call: string): void {
    this.#failing = call
  }

  live(): void {
    this.#lethal = undefined
    this.#isDead = false
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]()
  }

  #watched(driver: FilesystemDriver): StorageDriver {
    const watch = async <Result>(call: string, run: () => Promise<Result>): Promise<Result> => {
      if (this.#isDead) throw new Error('died')
      this.calls.push(call)
      if (this.#failing !== undefined && call.startsWith(this.#failing)) throw new Error('failed')
      const result = await run()
      if (this.#lethal !== undefined && call.startsWith(this.#lethal)) {
        this.#isDead = true
        throw new Error('died')
      }
      return result
    }
    return Object.assign(Object.create(driver) as StorageDriver, {
      stat: (path) => watch(`stat ${path}`, () => driver.stat(path)),
      readSmall: (path, maxBytes) => watch(`readSmall ${path}`, () => driver.readSmall(path, maxBytes)),
      list: (path) => watch(`list ${path}`, () => driver.list(path)),
      place: (placements) => watch(`place ${placements[0]?.directory}`, () => driver.place(placements)),
      remove: (path) => watch(`remove ${path}`, () => driver.remove(path)),
    } satisfies Partial<StorageDriver>)
  }
}
