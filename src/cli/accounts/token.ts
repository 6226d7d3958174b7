import { findScope, formatScope, type RobotScope } from '../../access/accounts/robot-scope.ts'
import { findDurationMs } from '../../runtime/duration.ts'
import { CommandError } from '../command-error.ts'
import { type OperateOptions, operate, parseName } from '../operate.ts'
import { type ListOptions, minute, print, printJson, printList, remark } from './account-output.ts'

const DAY_MS = 24 * 60 * 60 * 1000

export interface CreateOptions extends OperateOptions {
  readonly scope?: readonly string[]
  /** A duration, or `never`. */
  readonly expires: string
  readonly quiet?: boolean
  readonly json?: boolean
}

export async function createToken(text: string, options: CreateOptions): Promise<void> {
  const name = parseName(text)
  const scopes = options.scope?.map(parseScope)
  const lifetimeMs = parseLifetime(options.expires)
  const expiresAt = lifetimeMs === undefined ? undefined : new Date(Date.now() + lifetimeMs)
  const token = await operate(options, (accounts) => accounts.createRobot({ name, scopes, expiresAt }))
  if (options.json === true) {
    printJson({ name, token, scopes: scopes?.map(formatScope), expiresAt })
    return
  }
  print(token)
  if (options.quiet === true) return
  remark(`this token is not shown again. A robot logs in with it as its password:`)
  remark(`  docker login --username ${name} --password-stdin REGISTRY`)
  remark(`it may ${describeScopes(scopes)}, ${expiresAt === undefined ? 'for ever' : `until ${minute(expiresAt)}`}.`)
}

export async function revokeToken(text: string, options: OperateOptions): Promise<void> {
  const name = parseName(text)
  await operate(options, (accounts) => accounts.revokeRobot(name))
  print(`Token ${name} was revoked; nothing can be done with it any more.`)
}

export async function listTokens(options: OperateOptions & ListOptions): Promise<void> {
  const robots = await operate(options, (accounts) => accounts.listRobots())
  const now = new Date()
  const entries = robots.map(({ name, owner, scopes, expiresAt, createdAt }) => ({
    name,
    owner,
    scopes: scopes?.map(formatScope),
    createdAt,
    expiresAt,
    expired: expiresAt !== undefined && expiresAt <= now,
  }))
  const columns = {
    TOKEN: ({ name }: (typeof entries)[number]) => name,
    MAY: ({ owner, scopes }: (typeof entries)[number]) => {
      const own = owner === undefined ? 'what the rules say' : `what ${owner} may`
      return scopes === undefined ? own : `${scopes.join(' ')}${owner === undefined ? '' : `, if ${owner} may`}`
    },
    EXPIRES: ({ expiresAt, expired }: (typeof entries)[number]) =>
      expiresAt === undefined ? 'never' : `${minute(expiresAt)}${expired ? ' (expired)' : ''}`,
  }
  printList(entries, columns, { ...options, none: 'There are no tokens yet; berth token create NAME makes one.' })
}

function parseScope(text: string): RobotScope {
  const scope = findScope(text)
  if (scope !== undefined) return scope
  throw new CommandError(
    `The scope ${JSON.stringify(text)} is not one; write it as 'team/**:pull,push', of pull, push, delete and list.`,
  )
}

/** Undefined: for ever. */
function parseLifetime(text: string): number | undefined {
  if (text === 'never') return undefined
  const days = /^(\d{1,5})d$/.exec(text)?.[1]
  const lifetimeMs = days === undefined ? findDurationMs(text) : Number(days) * DAY_MS
  if (lifetimeMs !== undefined && lifetimeMs > 0) return lifetimeMs
  throw new CommandError(`The lifetime ${JSON.stringify(text)} is not one; write 90d, 12h or never.`)
}

function describeScopes(scopes: readonly RobotScope[] | undefined): string {
  if (scopes === undefined) return 'do what the rules say'
  return scopes.map(({ repositories, can }) => `${can.join(' and ')} ${repositories.text}`).join('; ')
}
