import type { AccountsRight, Permit } from '../access.ts'
import type { Robot } from '../accounts/account.ts'
import { type AccountName, findAccountName } from '../accounts/account-name.ts'
import type { AccountPage, AccountRecords, AccountsAsked } from '../accounts/account-records.ts'
import type { Accounts } from '../accounts/accounts.ts'
import type { RobotScope } from '../accounts/robot-scope.ts'

/** How many robots a user may have. */
export const MOST_OWN_ROBOTS = 100

/** The user who sees and changes robots. */
export interface RobotKeeper {
  readonly name: string
  readonly right: AccountsRight
}

/** Undefined for a caller who is no user, or whose credentials are not good for accounts. */
export function keeperOf({ caller, accounts = 'none' }: Permit): RobotKeeper | undefined {
  return caller.kind === 'user' && accounts !== 'none' ? { name: caller.name, right: accounts } : undefined
}

/** The prefix of the names of a user's robots. Undefined when the user comes from an htpasswd file and has a name that no account can have. */
export function ownBeginning({ name }: Pick<RobotKeeper, 'name'>): string | undefined {
  const beginning = `${name}.`
  return findAccountName(`${beginning}x`) === undefined ? undefined : beginning
}

export interface AskedRobot {
  readonly name: AccountName
  /** The user owns it: it may do no more than the user may at that moment. */
  readonly isOwn: boolean
  /** Undefined: all that its owner may, or that the rules say of it. */
  readonly scopes: readonly RobotScope[] | undefined
  /** Undefined: never. */
  readonly expiresAt: Date | undefined
}

/** Robots that users own, and robots of the registry: a user sees and changes those that it owns, an admin all of them. */
export class Robots {
  readonly #accounts: Accounts
  readonly #records: AccountRecords<Robot>

  constructor({ accounts, records }: { readonly accounts: Accounts; readonly records: AccountRecords<Robot> }) {
    this.#accounts = accounts
    this.#records = records
  }

  /** The robots that this user may see. Throws DamagedRecordError, and what the storage says when it cannot look. */
  async page(keeper: RobotKeeper, { after, limit }: Pick<AccountsAsked, 'after' | 'limit'>): Promise<AccountPage<Robot>> {
    if (keeper.right === 'all') return await this.#records.page({ after, limit })
    const beginning = ownBeginning(keeper)
    if (beginning === undefined) return { entries: [], next: undefined }
    const { entries, next } = await this.#records.page({ after, limit, beginning })
    return { entries: entries.filter(({ owner }) => owner === keeper.name), next }
  }

  /** Gives the token, which is never shown again. Throws AccountError. */
  async create(keeper: RobotKeeper, { name, isOwn, scopes, expiresAt }: AskedRobot): Promise<string> {
    if (!isOwn) return await this.#accounts.createRobot({ name, scopes, expiresAt })
    return await this.#accounts.createRobot({ name, scopes, expiresAt, owner: keeper.name, atMost: MOST_OWN_ROBOTS })
  }

  /** Throws AccountError for one that is not there, or that this user may not see. */
  async revoke({ name: owner, right }: RobotKeeper, name: AccountName): Promise<void> {
    await this.#accounts.revokeRobot(name, right === 'all' ? undefined : owner)
  }
}
