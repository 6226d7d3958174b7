import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Tag } from '../../oci/reference.ts'
import { type Claim, findExcludingClaim } from '../claims.ts'
import { BEING_REMOVED, listTagsOf } from '../content.ts'
import { CLOCK_MS, type Query } from '../query.ts'
import { IS_ATTACHED, SUBJECT_IS_THERE } from './attached.ts'
import type { Rescued } from './links.ts'

/** Manifests as the collector sees them: no tag leads to them, no manifest names them, and what they refer to has gone. */

const LEADING_TO_IT = `EXISTS (SELECT 1 FROM tag t WHERE t.repository_id = m.repository_id AND t.digest = m.digest
             AND NOT (m.released = 1 AND ${IS_ATTACHED} AND NOT ${SUBJECT_IS_THERE}))
  OR EXISTS (SELECT 1 FROM reference f JOIN manifest p ON p.repository_id = f.repository_id AND p.digest = f.manifest AND p.linked = 1
             WHERE f.target = m.digest AND f.repository_id = m.repository_id AND f.manifest <> m.digest)
  OR EXISTS (SELECT 1 FROM claim c JOIN reference f ON f.repository_id = m.repository_id AND f.manifest = c.name AND f.target = m.digest
             WHERE c.kind = 'manifest' AND c.repository = (SELECT name FROM repository WHERE id = m.repository_id))
  OR EXISTS (SELECT 1 FROM manifest s WHERE s.repository_id = m.repository_id AND s.digest = m.subject AND s.linked = 1)`
const OPAQUE =
  'EXISTS (SELECT 1 FROM manifest o INDEXED BY manifest_opaque WHERE o.repository_id = m.repository_id AND o.opaque = 1)'
const UNNEEDED = `m.held = 1 AND NOT (${LEADING_TO_IT}) AND NOT ${OPAQUE}`

export interface ManifestSeen {
  readonly digest: Digest
  readonly isHeld: 0 | 1
  /** 1: nothing leads to it. What only such manifests lead to is untagged as well, and shows when they have gone. */
  readonly isUntagged: 0 | 1
}

/** A slice of the manifests of a repository, by digest. */
export async function listManifestSlice(
  query: Query,
  repositoryId: number,
  after: string,
  limit: number,
): Promise<ManifestSeen[]> {
  return await query.all<ManifestSeen>(
    `SELECT m.digest AS digest, m.held AS isHeld, ${UNNEEDED} AS isUntagged
     FROM (SELECT * FROM manifest WHERE repository_id = ? AND digest > ? ORDER BY digest LIMIT ?) m`,
    repositoryId,
    after,
    limit,
  )
}

/** Some manifests that were released by a delete, and to which nothing has led since then. */
export async function listReleasedManifests(
  query: Query,
  repositoryId: number,
  touchedBefore: number,
  limit: number,
): Promise<Digest[]> {
  const rows = await query.all<{ digest: Digest }>(
    `SELECT m.digest AS digest FROM manifest m INDEXED BY manifest_released
     WHERE m.repository_id = ? AND m.released = 1 AND m.condemned_ms IS NULL AND m.touched_ms <= ? AND ${UNNEEDED} LIMIT ?`,
    repositoryId,
    touchedBefore,
    limit,
  )
  return rows.map(({ digest }) => digest)
}

/** Condemns those of these manifests to which nothing leads, and which no request has touched since. How many. */
export async function condemnManifests(
  query: Query,
  repositoryId: number,
  digests: readonly Digest[],
  touchedBefore: number,
): Promise<number> {
  const condemned = await query.all(
    `UPDATE manifest AS m SET condemned_ms = ${CLOCK_MS}
     WHERE m.repository_id = ? AND m.digest IN (SELECT value FROM json_each(?)) AND m.condemned_ms IS NULL AND m.touched_ms <= ?
       AND ${UNNEEDED} RETURNING digest`,
    repositoryId,
    JSON.stringify(digests),
    touchedBefore,
  )
  return condemned.length
}

export interface CondemnedManifest {
  readonly repository: RepositoryName
  readonly repositoryId: number
  readonly digest: Digest
  readonly condemnedMs: number
}

/** The columns of a `CondemnedManifest`, of a repository `r` and a manifest `m`. */
const CONDEMNED = 'r.name AS repository, m.repository_id AS repositoryId, m.digest AS digest, m.condemned_ms AS condemnedMs'

/** Some manifests that have been condemned since then or longer, the oldest first. */
export async function listCondemnedManifests(query: Query, condemnedBefore: number, limit: number): Promise<CondemnedManifest[]> {
  return await query.all<CondemnedManifest>(
    `SELECT ${CONDEMNED}
     FROM manifest m INDEXED BY manifest_condemned JOIN repository r ON r.id = m.repository_id
     WHERE m.condemned_ms > 0 AND m.condemned_ms <= ? ORDER BY m.condemned_ms LIMIT ?`,
    condemnedBefore,
    limit,
  )
}

/** Those of these manifests that are condemned, since whenever. */
export async function findCondemnedManifests(
  query: Query,
  repositoryId: number,
  digests: readonly Digest[],
): Promise<CondemnedManifest[]> {
  return await query.all<CondemnedManifest>(
    `SELECT ${CONDEMNED}
     FROM manifest m JOIN repository r ON r.id = m.repository_id
     WHERE m.repository_id = ? AND m.digest IN (SELECT value FROM json_each(?)) AND m.condemned_ms > 0`,
    repositoryId,
    JSON.stringify(digests),
  )
}

export interface TakenManifest extends CondemnedManifest {
  /** By which it is attached to what has gone: they go with it. */
  readonly tags: readonly Tag[]
}

/** As `takeCondemnedLinks`. */
export async function takeCondemnedManifests(
  query: Query,
  candidates: readonly CondemnedManifest[],
): Promise<readonly TakenManifest[]> {
  const taken: TakenManifest[] = []
  for (const manifest of candidates) {
    const { repositoryId, digest, condemnedMs } = manifest
    const tags = await listTagsOf(query, repositoryId, digest)
    if ((await findExcludingClaim(query, claimsToRemove({ ...manifest, tags }), '')) !== undefined) continue
    const row = await query.get(
      `UPDATE manifest AS m SET condemned_ms = ${BEING_REMOVED} WHERE m.repository_id = ? AND m.digest = ? AND m.condemned_ms = ?
         AND ${UNNEEDED} RETURNING digest`,
      repositoryId,
      digest,
      condemnedMs,
    )
    if (row !== undefined) taken.push({ ...manifest, tags })
  }
  return taken
}

/** The manifest and its tags, each alone. */
export function claimsToRemove({
  repository,
  digest,
  tags,
}: Pick<TakenManifest, 'repository' | 'digest' | 'tags'>): readonly Claim[] {
  const ofTags = tags.map((tag): Claim => ({ name: { kind: 'tag', repository, tag }, alone: true }))
  return [{ name: { kind: 'manifest', repository, digest }, alone: true }, ...ofTags]
}

/** Gives back to their readers those of these manifests to which something leads by now. */
export async function spareNeededManifests(query: Query, candidates: readonly CondemnedManifest[]): Promise<void> {
  for (const { repositoryId, digest } of candidates)
    await query.run(
      `UPDATE manifest AS m SET condemned_ms = NULL WHERE m.repository_id = ? AND m.digest = ? AND m.condemned_ms > 0
         AND NOT (${UNNEEDED})`,
      repositoryId,
      digest,
    )
}

/** As `rescueLink`. It stays released: it goes when no request has asked for it within a grace. */
export async function rescueManifest(query: Query, repositoryId: number, digest: Digest): Promise<Rescued> {
  const row = await query.get<{ condemnedMs: number | null }>(
    'SELECT condemned_ms AS condemnedMs FROM manifest WHERE repository_id = ? AND digest = ? AND held = 1',
    repositoryId,
    digest,
  )
  if (row === undefined || row.condemnedMs === BEING_REMOVED) return 'gone'
  await query.run(
    `UPDATE manifest SET condemned_ms = NULL, touched_ms = ${CLOCK_MS}
     WHERE repository_id = ? AND digest = ? AND (condemned_ms > 0 OR released = 1)`,
    repositoryId,
    digest,
  )
  return row.condemnedMs === null ? 'there' : 'rescued'
}

/** As `countCondemnedLinks`. */
export async function countCondemnedManifests(query: Query, atMost: number): Promise<number> {
  const row = await query.get<{ count: number }>(
    'SELECT count(*) AS count FROM (SELECT 1 FROM manifest INDEXED BY manifest_condemned WHERE condemned_ms > 0 LIMIT ?) counted',
    atMost,
  )
  return row?.count ?? 0
}

/** A manifest names them from now on: they are released no more. One statement, however many there are. */
export async function adoptManifests(query: Query, repositoryId: number, digests: readonly Digest[]): Promise<void> {
  await query.run(
    `UPDATE manifest SET released = 0, condemned_ms = NULL, touched_ms = ${CLOCK_MS}
     WHERE repository_id = ? AND digest IN (SELECT value FROM json_each(?)) AND (released = 1 OR condemned_ms > 0)`,
    repositoryId,
    JSON.stringify(digests),
  )
}
