import { z } from 'zod'
import { ACCOUNT_NAME_RULE, findAccountName } from '../../../access/accounts/account-name.ts'
import { AccountError, ROBOT_TOKEN_PREFIX } from '../../../access/accounts/accounts.ts'
import type { Administration } from '../../../access/administration/administration.ts'
import { mistakeInPassword } from '../../../access/passwords/new-password.ts'
import { RegistryError } from '../../../oci/errors.ts'
import type { ChangingAccount } from '../../../registry/events/account-events.ts'
import { Refusal } from '../../answer/error-response.ts'
import type { Call } from '../../call.ts'
import { readJson } from '../../request/json-body.ts'
import type { Route } from '../../routes.ts'
import { atMost, invalid, parsed } from '../parameters.ts'

const MOST_LISTED = 1_000
export const USUALLY_LISTED = 100

/** Lists of accounts. */
export const LIST_OF_ACCOUNTS = z.strictObject({
  n: atMost(MOST_LISTED)
    .optional()
    .meta({ description: `How many; ${USUALLY_LISTED} when left out.` }),
  after: z.string().max(64).optional().meta({ description: 'next of the page before.' }),
})

export const accountName = parsed(findAccountName, `is no name: a name ${ACCOUNT_NAME_RULE}`)
export const password = z
  .string()
  .superRefine((text, context) => {
    const mistake = text.startsWith(ROBOT_TOKEN_PREFIX)
      ? `begins with ${ROBOT_TOKEN_PREFIX}, as robots' tokens do`
      : mistakeInPassword(text)
    if (mistake !== undefined) context.addIssue({ code: 'custom', message: `it ${mistake}` })
  })
  .meta({ description: 'At most 72 bytes, without control characters.' })

/** Throws UNSUPPORTED where no accounts are kept. */
export function administrationOf({ registry }: Pick<Call<Route>, 'registry'>): Administration {
  if (registry.administration !== undefined) return registry.administration
  throw new RegistryError('UNSUPPORTED', {
    message: 'This registry keeps no accounts; section access of its configuration has them (docs/access.md).',
  })
}

/** What the body of a request says. Throws PARAMETER_INVALID. */
export async function bodyOf<Schema extends z.ZodType>(
  request: Request,
  schema: Schema,
  maxBytes?: number,
): Promise<z.output<Schema>> {
  const found = schema.safeParse(await readJson(request, maxBytes))
  if (found.success) return found.data
  const issue = found.error.issues[0]
  const place = issue?.path.join('.') ?? ''
  throw invalid(place === '' ? (issue?.message ?? 'the body') : `${place}: ${issue?.message}`)
}

const STATUSES: Readonly<Record<AccountError['problem'], number>> = { exists: 409, missing: 404, 'too many': 409 }

/**
 * Runs a change of these accounts on behalf of the caller. An account that is not there, or is there already, is no failure of the registry.
 */
export async function changed<Result>(
  { registry, actor }: Pick<Call<Route>, 'registry' | 'actor'>,
  accounts: readonly ChangingAccount[],
  change: () => Promise<Result>,
): Promise<Result> {
  try {
    const { accountEvents } = registry
    return await (accountEvents === undefined ? change() : accountEvents.onBehalf(actor.name, accounts, change))
  } catch (cause) {
    if (!(cause instanceof AccountError)) throw cause
    const code = cause.problem === 'missing' ? 'NAME_UNKNOWN' : 'DENIED'
    throw new Refusal(code, { status: STATUSES[cause.problem], message: cause.fact, cause })
  }
}
