import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Query } from '../query.ts'

/** A manifest, and a repository that has it. */
export interface HolderRow {
  readonly digest: Digest
  readonly repository: RepositoryName
}

/** Which repositories have a manifest whose digest begins so: a slice behind one of them. */
export async function listHolders(
  query: Query,
  begin: string,
  after: { readonly digest: string; readonly repository: string },
  limit: number,
): Promise<HolderRow[]> {
  return await query.all<HolderRow>(
    `SELECT m.digest AS digest, r.name AS repository FROM manifest m JOIN repository r ON r.id = m.repository_id
     WHERE m.digest >= ? AND m.digest < ? AND m.held = 1 AND (m.digest > ? OR (m.digest = ? AND r.name > ?))
     ORDER BY m.digest, r.name LIMIT ?`,
    begin,
    // Behind every digit.
    `${begin}g`,
    after.digest,
    after.digest,
    after.repository,
    limit,
  )
}
