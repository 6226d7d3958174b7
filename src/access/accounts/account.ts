import { z } from 'zod'
import { type AccountName, findAccountName } from './account-name.ts'
import { findScope, formatScope, type RobotScope } from './robot-scope.ts'

/**
 * Drawn at random with each write of a record. Code that remembers something about an account (a checked password, an issued token)
 * names it, and what was remembered is void as soon as the record has another. It is no count: two that write at once would draw the same.
 */
export type Revision = string

/** A user who logs in with a password. */
export interface User {
  readonly name: AccountName
  /** bcrypt. */
  readonly passwordHash: string
  readonly revision: Revision
  readonly createdAt: Date
  /** When the password was last set. */
  readonly changedAt: Date
}

/** Members are names of users: of those here, or of an htpasswd file. */
export interface Group {
  readonly name: AccountName
  readonly members: readonly AccountName[]
  readonly revision: Revision
}

/** A program that logs in with a token of its own. */
export interface Robot {
  readonly name: AccountName
  /** SHA-256 of the token, in hex: it is random enough to need nothing slower. */
  readonly tokenHash: string
  /** The user whose robot it is: it may do no more than that user, and goes when that user goes. Undefined: the registry's. */
  readonly owner: string | undefined
  /** What it may do, and nothing else; undefined: what the rules of the configuration say. */
  readonly scopes: readonly RobotScope[] | undefined
  /** Undefined: never. */
  readonly expiresAt: Date | undefined
  readonly revision: Revision
  readonly createdAt: Date
}

/** How a kind of account is written in its file. */
export interface RecordFormat<Account> {
  /** Throws DamagedRecordError: a record that cannot be read is not an account that is gone. */
  parse(text: string, path: string): Account
  format(account: Account): string
}

export class DamagedRecordError extends Error {
  override readonly name = 'DamagedRecordError'
}

const name = z.string().transform((text, context) => findAccountName(text) ?? invalid(context))
const time = z.iso.datetime().transform((text) => new Date(text))
const scope = z.string().transform((text, context) => findScope(text) ?? invalid(context))
const revision = z.string().min(1)

export const USER_FORMAT: RecordFormat<User> = formatOf(
  z.object({ name, passwordHash: z.string(), revision, createdAt: time, changedAt: time }),
  (user) => user,
)

export const GROUP_FORMAT: RecordFormat<Group> = formatOf(z.object({ name, members: z.array(name), revision }), (group) => group)

export const ROBOT_FORMAT: RecordFormat<Robot> = formatOf(
  z
    .object({
      name,
      tokenHash: z.string().regex(/^[0-9a-f]{64}$/),
      owner: z.string().optional(),
      scopes: z.array(scope).optional(),
      expiresAt: time.optional(),
      revision,
      createdAt: time,
    })
    .transform(({ owner, scopes, expiresAt, ...robot }): Robot => ({ ...robot, owner, scopes, expiresAt })),
  (robot) => ({ ...robot, scopes: robot.scopes?.map(formatScope) }),
)

function formatOf<Account>(schema: z.ZodType<Account>, plain: (account: Account) => unknown): RecordFormat<Account> {
  return {
    format: (account) => `${JSON.stringify(plain(account), undefined, 2)}\n`,
    parse: (text, path) => {
      try {
        return schema.parse(JSON.parse(text))
      } catch (cause) {
        throw new DamagedRecordError(`The record ${path} cannot be read; restore it from a backup, or remove the file.`, {
          cause,
        })
      }
    },
  }
}

function invalid(context: z.RefinementCtx): never {
  context.addIssue({ code: 'custom', message: 'is not valid' })
  return z.NEVER
}
