import type { Digest } from '../oci/digest.ts'
import { MAX_ARTIFACT_TYPE_BYTES } from '../oci/manifest-bounds.ts'
import type { ManifestMediaType } from '../oci/media-types.ts'
import type { RepositoryName } from '../oci/name.ts'
import type { Query } from './query.ts'

/** Pages in byte order. Each asks for one entry more than it shows, so that it knows whether something follows. */

/** Tags that point to a manifest that the repository holds. */
export async function listTags(query: Query, repositoryId: number, after: string, limit: number): Promise<string[]> {
  const rows = await query.all<{ name: string }>(
    'SELECT name FROM tag WHERE repository_id = ? AND name > ? AND held = 1 ORDER BY name LIMIT ?',
    repositoryId,
    after,
    limit,
  )
  return rows.map((row) => row.name)
}

/** Repositories that hold a manifest which this epoch has seen: directly, or by a scan of the whole repository. */
export async function listRepositories(query: Query, epoch: number, after: string, limit: number): Promise<RepositoryName[]> {
  const rows = await query.all<{ name: RepositoryName }>(
    `SELECT r.name AS name FROM repository r
     WHERE r.name > ? AND EXISTS (SELECT 1 FROM manifest m WHERE m.repository_id = r.id AND m.held = 1
                                  AND (r.scanned_epoch = ? OR m.epoch = ?))
     ORDER BY r.name LIMIT ?`,
    after,
    epoch,
    epoch,
    limit,
  )
  return rows.map((row) => row.name)
}

/** Every repository that has a row, whether or not it holds anything. */
export async function listRepositoryNames(query: Query, after: string, limit: number): Promise<RepositoryName[]> {
  const rows = await query.all<{ name: RepositoryName }>(
    'SELECT name FROM repository WHERE name > ? ORDER BY name LIMIT ?',
    after,
    limit,
  )
  return rows.map((row) => row.name)
}

export async function holdsManifest(query: Query, repositoryId: number): Promise<boolean> {
  const row = await query.get('SELECT 1 FROM manifest WHERE repository_id = ? AND held = 1 LIMIT 1', repositoryId)
  return row !== undefined
}

/** True when a manifest or a blob of the repository is known. */
export async function holdsContent(query: Query, repositoryId: number): Promise<boolean> {
  const link = 'SELECT 1 FROM link WHERE repository_id = ? AND target IS NOT NULL LIMIT 1'
  return (await query.get(link, repositoryId)) !== undefined || (await holdsManifest(query, repositoryId))
}

/** True when this epoch has seen a manifest of the repository. */
export async function holdsSeenManifest(query: Query, repositoryId: number, epoch: number): Promise<boolean> {
  const row = await query.get(
    'SELECT 1 FROM manifest WHERE repository_id = ? AND held = 1 AND epoch = ? LIMIT 1',
    repositoryId,
    epoch,
  )
  return row !== undefined
}

export interface ReferrerRow {
  readonly digest: Digest
  readonly mediaType: ManifestMediaType
  readonly size: number
  readonly artifactType: string | undefined
  /** How long its annotations are as text; 0 where there are none. */
  readonly annotationBytes: number
  /** Whether they lie beside the row, in pieces. */
  readonly isInPieces: boolean
}

/** Manifests of the repository whose subject is this digest, by digest. An artifact type that is no media type, for its length, is left out. */
export async function listReferrers(
  query: Query,
  repositoryId: number,
  subject: Digest,
  page: { readonly after: string; readonly limit: number },
): Promise<ReferrerRow[]> {
  const rows = await query.all<RawReferrerRow>(
    `SELECT m.digest AS digest, c.media_type AS mediaType, c.size AS size,
            CASE WHEN octet_length(c.artifact_type) <= ${MAX_ARTIFACT_TYPE_BYTES} THEN c.artifact_type END AS artifactType,
            COALESCE(c.annotation_bytes, octet_length(c.annotations), 0) AS annotationBytes,
            c.annotation_bytes IS NOT NULL AS isInPieces
     FROM manifest m JOIN manifest_content c ON c.digest = m.digest
     WHERE m.repository_id = ? AND m.subject = ? AND m.held = 1 AND m.digest > ?
     ORDER BY m.digest LIMIT ?`,
    repositoryId,
    subject,
    page.after,
    page.limit,
  )
  return rows.map((row) => ({ ...row, artifactType: row.artifactType ?? undefined, isInPieces: row.isInPieces === 1 }))
}

interface RawReferrerRow {
  readonly digest: Digest
  readonly mediaType: ManifestMediaType
  readonly size: number
  readonly artifactType: string | null
  readonly annotationBytes: number
  readonly isInPieces: 0 | 1
}

/** Digests that tags of the repository name, and of which no revision is known. */
export async function listTaggedWithoutRevision(query: Query, repositoryId: number): Promise<Digest[]> {
  const rows = await query.all<{ digest: Digest }>(
    `SELECT DISTINCT t.digest AS digest FROM tag t
     LEFT JOIN manifest m ON m.repository_id = t.repository_id AND m.digest = t.digest
     WHERE t.repository_id = CAST(? AS INTEGER) AND t.digest IS NOT NULL AND t.held = 0 AND coalesce(m.linked, 0) = 0`,
    repositoryId,
  )
  return rows.map(({ digest }) => digest)
}
