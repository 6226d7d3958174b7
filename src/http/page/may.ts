import type { Action } from '../../access/access.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Call } from '../call.ts'
import type { Route } from '../routes.ts'

/** Whether a screen offers something: the registry does such things, and the caller may have them done. */
export function mayDo(
  { does, permit }: Pick<Call<Route>, 'does' | 'permit'>,
  action: Action,
  repository: RepositoryName,
): boolean {
  return does({ action }) && permit.may(action, repository)
}

/** The same for what is said of a repository. */
export function mayRemark(
  { does, permit }: Pick<Call<Route>, 'does' | 'permit'>,
  action: Action,
  repository: RepositoryName,
): boolean {
  return does({ action, changesRecords: true }) && permit.may(action, repository)
}
