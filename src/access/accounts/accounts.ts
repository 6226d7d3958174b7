import { createHash, randomBytes } from 'node:crypto'
import type { Group, Robot, User } from './account.ts'
import type { AccountName } from './account-name.ts'
import { type AllRecords, accountRecords } from './account-records.ts'
import { Generation } from './generation.ts'
import type { RecordStorage } from './record-storage.ts'
import type { RobotScope } from './robot-scope.ts'

/** Runs a task while no other process changes accounts of this storage. */
export type Exclusively = <Result>(task: () => Promise<Result>) => Promise<Result>

/** A change that cannot be made. The message is a sentence for the operator at a terminal. */
export class AccountError extends Error {
  override readonly name = 'AccountError'
  readonly problem: 'exists' | 'missing' | 'too many'
  /** The message without what to do at a terminal. */
  readonly fact: string

  constructor(problem: AccountError['problem'], fact: string, advice?: string) {
    super(advice === undefined ? `${fact}.` : `${fact}; ${advice}.`)
    this.problem = problem
    this.fact = `${fact}.`
  }
}

export interface NewRobot {
  readonly name: AccountName
  /** The user whose robot it is; left out, it is the registry's. */
  readonly owner?: string | undefined
  readonly scopes: readonly RobotScope[] | undefined
  readonly expiresAt: Date | undefined
  /** How many robots the owner may have; left out: any number. */
  readonly atMost?: number
}

/**
 * Users, groups and robots as an operator changes them. Each method is one change that is durable, and holds for every request that
 * any process is asked from then on, once its promise has resolved. Throws AccountError.
 */
export class Accounts {
  readonly #records: AllRecords
  readonly #generation: Generation
  readonly #exclusively: Exclusively

  constructor(storage: RecordStorage, exclusively: Exclusively) {
    this.#records = accountRecords(storage)
    this.#generation = new Generation(storage)
    this.#exclusively = exclusively
  }

  /** What a writer who died half-way has left costs every request a few reads more; from here on it does not. */
  async settle(): Promise<void> {
    if ((await this.#generation.look()).isChanging) await this.#exclusively(() => this.#generation.settle())
  }

  async listUsers(): Promise<readonly User[]> {
    return await this.#records.users.list()
  }

  async listGroups(): Promise<readonly Group[]> {
    return await this.#records.groups.list()
  }

  async listRobots(): Promise<readonly Robot[]> {
    return await this.#records.robots.list()
  }

  async addUser(name: AccountName, passwordHash: string): Promise<void> {
    await this.#change(async ({ users }) => {
      const existing = await users.find(name)
      if (existing !== undefined)
        throw new AccountError('exists', `There is a user ${name} already`, 'berth user passwd sets the password')
      const now = new Date()
      await users.write({ name, passwordHash, revision: newRevision(), createdAt: now, changedAt: now })
    })
  }

  async setPassword(name: AccountName, passwordHash: string): Promise<void> {
    await this.#change(async ({ users }) => {
      const user = await users.find(name)
      if (user === undefined) throw noUser(name)
      await users.write({ ...user, passwordHash, revision: newRevision(), changedAt: new Date() })
    })
  }

  /** Takes the user out of every group too, and the user's robots: a later user of that name begins without rights. */
  async removeUser(name: AccountName): Promise<void> {
    await this.#change(async ({ users, groups, robots }) => {
      if ((await users.find(name)) === undefined) throw noUser(name)
      for (const group of await groups.list()) {
        if (group.members.includes(name)) await groups.write(without(group, [name]))
      }
      for (const robot of await robots.list(`${name}.`)) if (robot.owner === name) await robots.remove(robot.name)
      await users.remove(name)
    })
  }

  /** Makes the group if there is none, and adds members. Gives those that have no account here: htpasswd may know them. */
  async addToGroup(name: AccountName, members: readonly AccountName[]): Promise<readonly AccountName[]> {
    return await this.#change(async ({ users, groups }) => {
      const group = (await groups.find(name)) ?? { name, members: [] }
      const all = [...new Set([...group.members, ...members])].sort()
      await groups.write({ name, members: all, revision: newRevision() })
      const found = await Promise.all(members.map((member) => users.find(member)))
      return members.filter((_, index) => found[index] === undefined)
    })
  }

  async removeFromGroup(name: AccountName, members: readonly AccountName[]): Promise<void> {
    await this.#change(async ({ groups }) => {
      const group = await groups.find(name)
      if (group === undefined) throw noGroup(name)
      const strangers = members.filter((member) => !group.members.includes(member))
      if (strangers.length > 0) throw new AccountError('missing', `The group ${name} has no member ${strangers.join(', ')}`)
      await groups.write(without(group, members))
    })
  }

  async removeGroup(name: AccountName): Promise<void> {
    await this.#change(async ({ groups }) => {
      if ((await groups.find(name)) === undefined) throw noGroup(name)
      await groups.remove(name)
    })
  }

  /** Gives the token, which is never shown again. */
  async createRobot({ name, owner, scopes, expiresAt, atMost }: NewRobot): Promise<string> {
    return await this.#change(async ({ robots }) => {
      if ((await robots.find(name)) !== undefined)
        throw new AccountError('exists', `There is a token ${name} already`, 'revoke it first')
      if (owner !== undefined && atMost !== undefined && (await robots.names(`${owner}.`)).length >= atMost)
        throw new AccountError('too many', `${owner} has ${atMost} tokens already`, 'revoke one first')
      const token = ROBOT_TOKEN_PREFIX + randomBytes(32).toString('base64url')
      const tokenHash = hashRobotToken(token)
      await robots.write({ name, tokenHash, owner, scopes, expiresAt, revision: newRevision(), createdAt: new Date() })
      return token
    })
  }

  /** `owner`: only a robot of that user. */
  async revokeRobot(name: AccountName, owner?: string): Promise<void> {
    await this.#change(async ({ robots }) => {
      const robot = await robots.find(name)
      if (robot === undefined || (owner !== undefined && robot.owner !== owner))
        throw new AccountError('missing', `There is no token ${name}`, 'berth token list shows those there are')
      await robots.remove(name)
    })
  }

  async #change<Result>(work: (records: AllRecords) => Promise<Result>): Promise<Result> {
    return await this.#exclusively(() => this.#generation.change(() => work(this.#records)))
  }
}

/** What every robot's token begins with: a password that does is one, and a scanner for secrets finds it. */
export const ROBOT_TOKEN_PREFIX = 'berth_robot_'

export function hashRobotToken(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

function newRevision(): string {
  return randomBytes(16).toString('base64url')
}

function without(group: Group, members: readonly string[]): Group {
  return { ...group, members: group.members.filter((member) => !members.includes(member)), revision: newRevision() }
}

function noUser(name: AccountName): AccountError {
  return new AccountError('missing', `There is no user ${name}`, 'berth user list shows who there is')
}

function noGroup(name: AccountName): AccountError {
  return new AccountError('missing', `There is no group ${name}`, 'berth group list shows those there are')
}
