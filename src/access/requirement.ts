import type { RepositoryName } from '../oci/name.ts'
import { AccessRefusal, type AccessRequest, type AccountsRight, type Action, type Permit, type Wanted } from './access.ts'

/**
 * Throws AccessRefusal unless the permit covers what the request wants: UNAUTHORIZED where other credentials could help, `hidden` for
 * what the caller may not even see, else DENIED. A repository out of sight answers by its name alone, so that the caller does not learn
 * whether it exists; a push into one is DENIED, because 'unknown' would send the client looking for another mistake.
 */
export function requireAccess(permit: Permit, request: AccessRequest, hidden: (reason: string) => AccessRefusal): void {
  const { wanted } = request
  if (isCovered(permit, wanted)) return
  const reason = reasonOf(permit, wanted)
  const challenge = permit.challenge(request)
  if (challenge !== undefined) {
    // Without credentials it is a question how to log in, with which some clients begin each pull.
    const failure = request.authorization === undefined ? {} : { reason }
    throw new AccessRefusal('UNAUTHORIZED', { challenge, ...failure, detail: detailOf(wanted) })
  }
  if (isOutOfSight(permit, wanted)) throw hidden(reason)
  throw new AccessRefusal('DENIED', { reason, message: deniedMessage(wanted) })
}

function reasonOf(permit: Permit, wanted: Wanted): string {
  const lacking = `may not ${lackingWords(wanted)}`
  return permit.describe === undefined ? lacking : `${lacking}: ${permit.describe()}`
}

function lackingWords(wanted: Wanted): string {
  if (wanted.kind === 'repository') return `${wanted.action} in ${wanted.repository}`
  if (wanted.kind === 'accounts') return 'see or change accounts'
  return isDeleting(wanted) ? 'delete by a pattern' : 'list the catalog'
}

function isCovered(permit: Permit, wanted: Wanted): boolean {
  switch (wanted.kind) {
    case 'base':
      return true
    case 'catalog':
      if (wanted.needsName === true && permit.caller.kind === 'anonymous') return false
      if (wanted.deletes === true && permit.mayDeleteAnywhere?.() === false) return false
      return permit.catalog !== 'nothing' || (wanted.orPulls === true && permit.mayPullAnywhere?.() === true)
    case 'accounts':
      return permit.accounts === undefined || includesRight(permit.accounts, wanted.right)
    case 'repository':
      return isAllowed(permit, wanted.action, wanted.repository)
  }
}

/** Whether a caller with one right has the other. */
export function includesRight(has: AccountsRight, wanted: AccountsRight): boolean {
  return has === 'all' || wanted === 'none' || has === wanted
}

/** A caller who may pull may also list, as with registry:2. */
export function isAllowed({ may }: Pick<Permit, 'may'>, action: Action, repository: RepositoryName): boolean {
  return may(action, repository) || (action === 'list' && may('pull', repository))
}

function isOutOfSight(permit: Permit, wanted: Wanted): boolean {
  if (wanted.kind !== 'repository' || wanted.action === 'push') return false
  const { action, repository } = wanted
  // A caller who may delete nothing gets the same answer for every name.
  if (action === 'delete' && permit.mayDeleteAnywhere?.() === false) return false
  return !(permit.sees?.(repository) ?? (permit.may('pull', repository) || permit.may('list', repository)))
}

const ACCOUNTS_DENIED: Readonly<Record<AccountsRight, string>> = {
  none: 'You are not allowed to see accounts; ask the operator of the registry.',
  own: 'Only users have tokens of their own: log in as one, or with a token for registry:accounts:*.',
  all: 'Only admins of the registry may do this; its configuration names them in access.admins.',
}

/** What was asked for, in the form that registry:2 gives it and some clients show. */
function detailOf(wanted: Wanted): unknown {
  if (wanted.kind !== 'repository') return undefined
  const { repository, action } = wanted
  return [{ Type: 'repository', Class: '', Name: repository, Action: action === 'list' ? 'pull' : action }]
}

function isDeleting(wanted: Wanted): boolean {
  return wanted.kind === 'catalog' && wanted.deletes === true
}

function deniedMessage(wanted: Wanted): string {
  if (wanted.kind === 'accounts') return ACCOUNTS_DENIED[wanted.right]
  if (isDeleting(wanted)) return 'You are not allowed to delete by a pattern of repositories; ask the operator of the registry.'
  if (wanted.kind !== 'repository') return 'You are not allowed to list the catalog; ask the operator of the registry.'
  const { action, repository } = wanted
  const what = { pull: 'pull from', push: 'push to', delete: 'delete from', list: 'list the tags of' }[action]
  return `You are not allowed to ${what} ${repository}; ask the operator of the registry.`
}
