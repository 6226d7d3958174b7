import { type Claim, tagClaims } from '../../metadata/claims.ts'
import { findManifest, findRepository, findTag } from '../../metadata/content.ts'
import type { Query } from '../../metadata/query.ts'
import { ownWork } from '../../observe/actor.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { isDigest, type Reference } from '../../oci/reference.ts'
import { manifestUnknown } from '../../oci/unknown.ts'
import type { Operations } from '../writes/operations.ts'
import type { Holds } from './holds.ts'

const ACTOR = ownWork('berth hold')

/**
 * Holds what is there. An operation like a delete, which claims the same name: either the delete is over, and there is nothing to hold, or it comes later and
 * finds the hold.
 */
export class Holding {
  readonly #operations: Operations
  readonly #holds: Holds

  constructor(operations: Operations, holds: Holds) {
    this.#operations = operations
    this.#holds = holds
  }

  /** Durable when it resolves. May be repeated. The caller has seen the name in this epoch. Throws MANIFEST_UNKNOWN where it is gone by now. */
  async hold(repository: RepositoryName, reference: Reference): Promise<void> {
    await this.#operations.perform({
      name: 'hold',
      actor: ACTOR,
      plan: async (query) => {
        if (!(await isThere(query, repository, reference))) throw manifestUnknown(reference)
        return { plan: undefined, claims: claimsOf(repository, reference) }
      },
      act: async () => await this.#holds.hold(repository, reference),
      confirm: async () => undefined,
    })
  }
}

async function isThere(query: Query, repository: RepositoryName, reference: Reference): Promise<boolean> {
  const row = await findRepository(query, repository)
  if (row === undefined) return false
  if (isDigest(reference)) return (await findManifest(query, row.id, reference))?.held === 1
  return typeof (await findTag(query, row.id, reference))?.digest === 'string'
}

function claimsOf(repository: RepositoryName, reference: Reference): readonly Claim[] {
  if (!isDigest(reference)) return tagClaims(repository, [reference])
  return [{ name: { kind: 'manifest', repository, digest: reference }, alone: true }]
}
