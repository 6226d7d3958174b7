import { z } from 'zod'
import type { Robot } from '../../../access/accounts/account.ts'
import { findScope, formatScope } from '../../../access/accounts/robot-scope.ts'
import { keeperOf, ownBeginning, type RobotKeeper } from '../../../access/administration/robots.ts'
import { RegistryError } from '../../../oci/errors.ts'
import { jsonResponse, type PlainResponse } from '../../answer/responses.ts'
import type { Call } from '../../call.ts'
import type { Route } from '../../routes.ts'
import { invalid, parametersIn, parsed } from '../parameters.ts'
import { NO_WORDS } from '../remarks.ts'
import { accountName, administrationOf, bodyOf, changed, LIST_OF_ACCOUNTS, USUALLY_LISTED } from './accounts.ts'
import type { AccountListRoute, RobotRoute } from './routes.ts'

const USUAL_LIFETIME_MS = 90 * 24 * 60 * 60 * 1000
const MOST_SCOPES = 50
const MAX_SCOPE = 300

const scope = parsed(
  (text) => (text.length > MAX_SCOPE ? undefined : findScope(text)),
  "is no scope; write it as 'team/**:pull,push', of pull, push, delete and list",
)

export const NEW_ROBOT = z.strictObject({
  name: accountName.meta({ description: 'Its name: of a robot of your own it begins with your name and a dot.' }),
  scopes: z
    .array(scope)
    .min(1)
    .max(MOST_SCOPES)
    .optional()
    .meta({ description: 'What it may do, and nothing else. Left out: all that its owner may.' }),
  expires: z.iso
    .datetime()
    .transform((text) => new Date(text))
    .nullable()
    .optional()
    .meta({ description: 'When it ends; null: never. Left out: in 90 days.' }),
  own: z
    .boolean()
    .optional()
    .meta({ description: 'false, for admins: a robot of the registry, as berth token create makes them. Left out: your own.' }),
})

/** Those of the caller; of an admin, all. */
export async function listRobots(call: Call<AccountListRoute>): Promise<PlainResponse> {
  const { robots } = administrationOf(call)
  const { n: limit = USUALLY_LISTED, after = '' } = parametersIn(call.route.query, LIST_OF_ACCOUNTS)
  const { entries, next = null } = await robots.page(requireKeeper(call), { after, limit })
  return jsonResponse({ robots: entries.map(shownRobot), next })
}

/** The token is in this answer, and never shown again. */
export async function createRobot(call: Call<AccountListRoute>): Promise<PlainResponse> {
  administrationOf(call)
  parametersIn(call.route.query, NO_WORDS)
  const { robot, token } = await newRobot(call, await bodyOf(call.request, NEW_ROBOT))
  return jsonResponse({ ...shownRobot(robot), token }, { 'Cache-Control': 'no-store' }, 201)
}

/** Makes a robot of the caller, or of the registry. Throws what is to be answered. */
export async function newRobot(call: Call<Route>, { name, scopes, expires, own: isOwn = true }: z.output<typeof NEW_ROBOT>) {
  const { robots } = administrationOf(call)
  const keeper = requireKeeper(call)
  requireRight(keeper, name, isOwn)
  const now = new Date()
  const expiresAt = expires === null ? undefined : (expires ?? new Date(now.getTime() + USUAL_LIFETIME_MS))
  if (expiresAt !== undefined && expiresAt <= now) throw invalid('expires: is over already')
  const token = await changed(call, [{ kind: 'token', name }], () => robots.create(keeper, { name, isOwn, scopes, expiresAt }))
  return { robot: { name, owner: isOwn ? keeper.name : undefined, scopes, expiresAt, createdAt: now }, token }
}

export async function revokeRobot(call: Call<RobotRoute>): Promise<PlainResponse> {
  const { robots } = administrationOf(call)
  const { robot: name, query } = call.route
  parametersIn(query, NO_WORDS)
  await changed(call, [{ kind: 'token', name }], () => robots.revoke(requireKeeper(call), name))
  return jsonResponse({ name })
}

/** Who is let in here may keep robots; without that there is no way in. */
export function requireKeeper({ permit }: Pick<Call<Route>, 'permit'>): RobotKeeper {
  const keeper = keeperOf(permit)
  if (keeper === undefined) throw new RegistryError('DENIED', { message: 'Only users have tokens of their own; log in as one.' })
  return keeper
}

/** Nothing can be called as a robot of another user, or as one that a rule may name. */
function requireRight(keeper: RobotKeeper, name: string, isOwn: boolean): void {
  if (!isOwn) {
    if (keeper.right === 'all') return
    throw new RegistryError('DENIED', {
      message: 'Only admins make robots of the registry; leave own out to make one of your own.',
    })
  }
  const beginning = ownBeginning(keeper)
  if (beginning === undefined) {
    throw new RegistryError('DENIED', {
      message: 'Your name has signs that no name of a robot can have; ask an admin for a token.',
    })
  }
  if (!name.startsWith(beginning)) throw invalid(`name: your own robots have names that begin with ${beginning}`)
}

function shownRobot({ name, owner = undefined, scopes, expiresAt, createdAt }: Omit<Robot, 'tokenHash' | 'revision'>) {
  return {
    ...{ name, owner: owner ?? null, scopes: scopes?.map(formatScope) ?? null, created: createdAt.toISOString() },
    ...{ expires: expiresAt?.toISOString() ?? null, expired: expiresAt !== undefined && expiresAt <= new Date() },
  }
}
