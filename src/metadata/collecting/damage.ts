import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Query } from '../query.ts'

/** What the rows say of content that is damaged. */

/** Some repositories that hold a manifest, whether or not it can be served. */
export async function listRepositoriesHolding(query: Query, digest: Digest, limit: number): Promise<RepositoryName[]> {
  const rows = await query.all<{ name: RepositoryName }>(
    'SELECT r.name AS name FROM manifest m JOIN repository r ON r.id = m.repository_id WHERE m.digest = CAST(? AS TEXT) AND m.linked = 1 LIMIT ?',
    digest,
    limit,
  )
  return rows.map(({ name }) => name)
}

/** All blobs together. It reads every row: for a command, and never for a request. */
export async function sumOfBlobs(query: Query): Promise<{ readonly blobs: number; readonly bytes: number }> {
  const row = await query.get<{ blobs: number; bytes: number }>(
    'SELECT count(*) AS blobs, CAST(coalesce(sum(size), 0) AS INTEGER) AS bytes FROM blob',
  )
  return row ?? { blobs: 0, bytes: 0 }
}

/** Those that are served. */
export async function listHeldManifests(query: Query, repositoryId: number): Promise<Digest[]> {
  const rows = await query.all<{ digest: Digest }>(
    'SELECT digest FROM manifest WHERE repository_id = ? AND held = 1',
    repositoryId,
  )
  return rows.map(({ digest }) => digest)
}
