import type { RepositoryName } from '../../oci/name.ts'
import type { Action } from '../access.ts'
import { SCOPE_ACTIONS } from '../challenge.ts'
import { TokenRefused } from './token-refused.ts'

/** What the claim `access` of a token says: actions by `type:name`. */
export type Grants = ReadonlyMap<string, ReadonlySet<string>>

/** A token without the claim grants nothing; an entry without actions is left out. Throws TokenRefused for one that cannot be read. */
export function parseGrants(access: unknown): Grants {
  const grants = new Map<string, Set<string>>()
  if (access === undefined || access === null) return grants
  if (!Array.isArray(access)) throw new TokenRefused('its claim access is not a list')
  for (const entry of access) {
    if (!isEntry(entry)) throw new TokenRefused('its claim access has an entry that is no type, name and actions')
    const key = `${entry.type}:${entry.name}`
    for (const action of entry.actions ?? []) grants.set(key, (grants.get(key) ?? new Set()).add(action))
  }
  return grants
}

/** What they take in memory, about, in bytes. */
export function grantsSize(grants: Grants): number {
  let size = 0
  for (const [name, actions] of grants) {
    size += ENTRY_BYTES + name.length
    for (const action of actions) size += ACTION_BYTES + action.length
  }
  return size
}

const ENTRY_BYTES = 320
const ACTION_BYTES = 64

export function mayIn(grants: Grants, action: Action, repository: RepositoryName): boolean {
  const granted = grants.get(`repository:${repository}`)
  return granted !== undefined && SCOPE_ACTIONS[action].every((needed) => granted.has(needed) || granted.has('*'))
}

export function mayListCatalog(grants: Grants): boolean {
  const actions = grants.get('registry:catalog')
  // Docker asks for `search` before it searches.
  return actions?.has('*') === true || actions?.has('search') === true
}

interface Entry {
  readonly type: string
  readonly name: string
  readonly actions: readonly string[] | null
}

function isEntry(entry: unknown): entry is Entry {
  if (typeof entry !== 'object' || entry === null || !('type' in entry) || !('name' in entry) || !('actions' in entry))
    return false
  const { type, name, actions } = entry
  if (typeof type !== 'string' || typeof name !== 'string') return false
  return actions === null || (Array.isArray(actions) && actions.every((action) => typeof action === 'string'))
}
