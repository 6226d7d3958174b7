import type { StorageDriver } from '../storage/driver.ts'
import type { Robot, User } from './account.ts'
import type { AccountName } from './account-name.ts'
import { type AccountRecords, type AllRecords, accountRecords } from './account-records.ts'
import { Generation } from './generation.ts'

export interface CurrentAccountsOptions {
  readonly storage: StorageDriver
  /**
   * For so long the last look holds. 0 where a look is one stat of a local file: then a change holds for every request that comes after
   * it. On an object store, where a look is a request over the network, a change may take so long to be seen.
   */
  readonly trustedForMs: number
}

/** How accounts are, as a server asks. Remembers records for as long as the generation is the same. */
export class CurrentAccounts {
  readonly #records: AllRecords
  readonly #generation: Generation
  readonly #trustedForMs: number
  #remembered = new Remembered()
  #lookedAt = Number.NEGATIVE_INFINITY
  #running: Promise<Remembered> | undefined
  #next: Promise<Remembered> | undefined

  constructor({ storage, trustedForMs }: CurrentAccountsOptions) {
    this.#records = accountRecords(storage)
    this.#generation = new Generation(storage)
    this.#trustedForMs = trustedForMs
  }

  /** As it is now. Throws DamagedRecordError, and what the storage says when it cannot look. */
  async findUser(name: AccountName): Promise<User | undefined> {
    const remembered = await this.#look()
    return await find(remembered.users, this.#records.users, name)
  }

  async findRobot(name: AccountName): Promise<Robot | undefined> {
    const remembered = await this.#look()
    return await find(remembered.robots, this.#records.robots, name)
  }

  /** The groups that a user is in, also one whom only htpasswd knows. */
  async groupsOf(name: string): Promise<readonly string[]> {
    const remembered = await this.#look()
    remembered.groups ??= this.#groupsByMember()
    try {
      return (await remembered.groups).get(name) ?? []
    } catch (error) {
      remembered.groups = undefined
      throw error
    }
  }

  /**
   * Many requests share a look, and none is answered from one that began before it came: what an operator was told a moment ago
   * would not be in it.
   */
  async #look(): Promise<Remembered> {
    if (performance.now() - this.#lookedAt < this.#trustedForMs) return this.#remembered
    this.#next ??= this.#lookAfter(this.#running)
    return await this.#next
  }

  async #lookAfter(running: Promise<Remembered> | undefined): Promise<Remembered> {
    // Whoever awaits the other look hears of its failure.
    await running?.catch(() => undefined)
    this.#running = this.#next
    this.#next = undefined
    const startedAt = performance.now()
    const { mark, isChanging } = await this.#generation.look()
    if (isChanging || this.#remembered.mark !== mark) this.#remembered = new Remembered(isChanging ? undefined : mark)
    this.#lookedAt = startedAt
    return this.#remembered
  }

  async #groupsByMember(): Promise<ReadonlyMap<string, readonly string[]>> {
    const groups = await this.#records.groups.list()
    const memberships = groups.flatMap(({ name, members }) => members.map((member) => ({ name, member })))
    const byMember = Map.groupBy(memberships, ({ member }) => member)
    return new Map([...byMember].map(([member, of]) => [member, of.map(({ name }) => name)]))
  }
}

/** What was read while the generation had one mark. */
class Remembered {
  readonly mark: string | undefined
  readonly users = new Map<AccountName, Promise<User | undefined>>()
  readonly robots = new Map<AccountName, Promise<Robot | undefined>>()
  groups: Promise<ReadonlyMap<string, readonly string[]>> | undefined

  /** `mark` is undefined where nothing may be taken over into the next look. */
  constructor(mark?: string) {
    this.mark = mark
  }
}

/** Names that nobody has are asked for by whoever wants to: they are not remembered, nor are failures. */
async function find<Account extends { readonly name: AccountName }>(
  remembered: Map<AccountName, Promise<Account | undefined>>,
  records: AccountRecords<Account>,
  name: AccountName,
): Promise<Account | undefined> {
  const known = remembered.get(name)
  if (known !== undefined) return await known
  const reading = records.find(name)
  remembered.set(name, reading)
  let found: Account | undefined
  try {
    found = await reading
    return found
  } finally {
    if (found === undefined) remembered.delete(name)
  }
}
