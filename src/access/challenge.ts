import type { RepositoryName } from '../oci/name.ts'
import type { Action, Wanted } from './access.ts'

/** WWW-Authenticate as registry:2 writes it: clients read it with parsers of their own. */

export function basicChallenge(realm: string): string {
  return `Basic realm=${quoted(realm)}`
}

export interface BearerChallenge {
  /** Where a token is to be had. */
  readonly realm: string
  readonly service: string
  readonly wanted: Wanted
  /** What was wrong with the token that was sent; undefined when there was none. */
  readonly error: 'invalid_token' | 'insufficient_scope' | undefined
}

export function bearerChallenge({ realm, service, wanted, error }: BearerChallenge): string {
  const scope = scopesOf(wanted).join(' ')
  const parts = [`realm=${quoted(realm)}`, `service=${quoted(service)}`]
  if (scope !== '') parts.push(`scope=${quoted(scope)}`)
  if (error !== undefined) parts.push(`error=${quoted(error)}`)
  return `Bearer ${parts.join(',')}`
}

/** What a token must say to be enough, as clients ask for it: `repository:app:pull,push`. */
export function scopesOf(wanted: Wanted): readonly string[] {
  switch (wanted.kind) {
    case 'base':
      return []
    case 'catalog':
      return ['registry:catalog:*']
    case 'accounts':
      return wanted.right === 'none' ? [] : ['registry:accounts:*']
    case 'repository': {
      const { repository, action, mountFrom } = wanted
      const scope = scopeOf(repository, SCOPE_ACTIONS[action])
      return mountFrom === undefined || mountFrom === repository ? [scope] : [scope, scopeOf(mountFrom, ['pull'])]
    }
  }
}

/** In a token's words. A push needs to pull as well: clients look first at what is there. */
export const SCOPE_ACTIONS: Readonly<Record<Action, readonly string[]>> = {
  pull: ['pull'],
  list: ['pull'],
  push: ['pull', 'push'],
  delete: ['delete'],
}

function scopeOf(repository: RepositoryName, actions: readonly string[]): string {
  return `repository:${repository}:${actions.join(',')}`
}

/** A quoted-string of RFC 9110 section 5.6.4; what no header may hold is left out. */
function quoted(text: string): string {
  return `"${text.replace(/[^\t\x20-\x7e]/g, '').replace(/["\\]/g, '\\$&')}"`
}
