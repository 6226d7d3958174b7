import { findNamingClaim, listNamingManifests, type NamedInRepository } from '../../metadata/content.ts'
import type { Query } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import { NameTaken } from '../writes/operations.ts'

/** How many manifests a refusal names. */
const NAMED_AT_MOST = 5

/** A delete is refused: manifests of the repository name the content. */
export class StillNamed extends RegistryError {
  constructor(namedBy: readonly Digest[]) {
    super('DENIED', {
      message: `The content is part of ${namedBy.join(', ')}; delete that first, or add ?force=true to the request.`,
      detail: { namedBy },
    })
  }
}

/**
 * Inside the claiming transaction of a delete: throws StillNamed when a held manifest of the repository names the content. One that is being
 * pushed at this moment is waited for by a NameTaken: its answer and that of the delete tell their order.
 */
export async function requireUnnamed(query: Query, content: NamedInRepository): Promise<void> {
  const namedBy = await listNamingManifests(query, content, NAMED_AT_MOST)
  if (namedBy.length > 0) throw new StillNamed(namedBy)
  const pushing = await findNamingClaim(query, content)
  if (pushing !== undefined) throw new NameTaken(pushing)
}
