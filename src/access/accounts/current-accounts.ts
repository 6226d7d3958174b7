import type { Robot, User } from './account.ts'
import type { AccountName } from './account-name.ts'
import { type AccountRecords, type AllRecords, accountRecords } from './account-records.ts'
import { Generation } from './generation.ts'
import type { RecordStorage } from './record-storage.ts'

export interface CurrentAccountsOptions {
  readonly storage: RecordStorage
  /** Left out where a look is one stat of a local file: then a change holds for every request that comes after it. */
  readonly remote?: RemoteLook
}

/** A storage where each look is a request over the network. */
export interface RemoteLook {
  /** For so long the last look holds; after that a change is seen wherever it was made. */
  readonly trustedForMs: number
  /** Another text when a command on this machine has changed something: then nothing is trusted. */
  readonly lastChange: () => Promise<string>
}

/** How accounts are, as a server asks. Remembers records for as long as the generation is the same. */
export class CurrentAccounts {
  readonly #records: AllRecords
  readonly #generation: Generation
  readonly #remote: RemoteLook | undefined
  #latest: AccountsNow
  /** When the last look began, after which change; undefined where no request may trust it. */
  #trusted: { readonly sinceMs: number; readonly change: string } | undefined
  #running: Promise<AccountsNow> | undefined
  #next: Promise<AccountsNow> | undefined

  constructor({ storage, remote }: CurrentAccountsOptions) {
    this.#records = accountRecords(storage)
    this.#generation = new Generation(storage)
    this.#remote = remote
    this.#latest = new AccountsNow(this.#records, undefined)
  }

  /**
   * One look for all that a request asks. Many requests share a look, and none is answered from one that began before it came: what an
   * operator was told a moment ago would not be in it. Throws what the storage says when it cannot look.
   */
  async now(): Promise<AccountsNow> {
    if (this.#remote !== undefined && (await this.#isTrusted(this.#remote))) return this.#latest
    this.#next ??= this.#lookAfter(this.#running)
    return await this.#next
  }

  async #isTrusted({ trustedForMs, lastChange }: RemoteLook): Promise<boolean> {
    const change = await lastChange()
    return this.#trusted?.change === change && performance.now() - this.#trusted.sinceMs < trustedForMs
  }

  async #lookAfter(running: Promise<AccountsNow> | undefined): Promise<AccountsNow> {
    // The request that awaits the other look gets its failure.
    await running?.catch(() => undefined)
    this.#running = this.#next
    this.#next = undefined
    const begun = { sinceMs: performance.now(), change: (await this.#remote?.lastChange()) ?? '' }
    const { mark, isChanging } = await this.#generation.look()
    if (isChanging || this.#latest.mark !== mark) this.#latest = new AccountsNow(this.#records, isChanging ? undefined : mark)
    this.#trusted = isChanging ? undefined : begun
    return this.#latest
  }
}

type Reading<Account> = Promise<Account | undefined>

/** Accounts as they are while the generation has one mark. Throws DamagedRecordError, and what the storage says when it cannot look. */
export class AccountsNow {
  /** Undefined where nothing may be taken over into the next look. */
  readonly mark: string | undefined
  readonly #records: AllRecords
  readonly #users = new Map<AccountName, Reading<User>>()
  readonly #robots = new Map<AccountName, Reading<Robot>>()
  #groupsByMember: Promise<ReadonlyMap<string, readonly string[]>> | undefined

  constructor(records: AllRecords, mark: string | undefined) {
    this.#records = records
    this.mark = mark
  }

  async findUser(name: AccountName, how?: 'anew'): Promise<User | undefined> {
    if (how === 'anew') this.#users.delete(name)
    return await find(this.#users, this.#records.users, name)
  }

  async findRobot(name: AccountName): Promise<Robot | undefined> {
    return await find(this.#robots, this.#records.robots, name)
  }

  /** The groups that a user is in, also one whom only htpasswd knows. */
  async groupsOf(name: string): Promise<readonly string[]> {
    this.#groupsByMember ??= this.#readGroups()
    try {
      return (await this.#groupsByMember).get(name) ?? []
    } catch (error) {
      this.#groupsByMember = undefined
      throw error
    }
  }

  async #readGroups(): Promise<ReadonlyMap<string, readonly string[]>> {
    const groups = await this.#records.groups.list()
    const memberships = groups.flatMap(({ name, members }) => members.map((member) => ({ name, member })))
    const byMember = Map.groupBy(memberships, ({ member }) => member)
    return new Map([...byMember].map(([member, of]) => [member, of.map(({ name }) => name)]))
  }
}

/** Any client can ask for unknown names: they are not remembered, nor are failures. */
async function find<Account extends { readonly name: AccountName }>(
  readings: Map<AccountName, Reading<Account>>,
  records: AccountRecords<Account>,
  name: AccountName,
): Promise<Account | undefined> {
  const known = readings.get(name)
  if (known !== undefined) return await known
  const reading = records.find(name)
  readings.set(name, reading)
  let found: Account | undefined
  try {
    found = await reading
    return found
  } finally {
    if (found === undefined) readings.delete(name)
  }
}
