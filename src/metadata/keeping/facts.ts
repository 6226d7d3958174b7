import type { Digest } from '../../oci/digest.ts'
import type { Tag } from '../../oci/reference.ts'
import type { Query } from '../query.ts'

/** What rules for tags decide by, in slices of so many rows: one is a turn of the event loop. */
export const SLICE = 200

export interface SizeToKeep {
  readonly id: number
  /** Rows of tags and of manifests, those that are gone among them: SLICE where there are more. */
  readonly tags: number
  readonly manifests: number
}

/** How much there is to read of each of these repositories. */
export async function countToKeep(query: Query, repositoryIds: readonly number[]): Promise<SizeToKeep[]> {
  return await query.all<SizeToKeep>(
    `SELECT CAST(j.value AS INTEGER) AS id,
       (SELECT count(*) FROM (SELECT 1 FROM tag t WHERE t.repository_id = CAST(j.value AS INTEGER) LIMIT ${SLICE}) counted) AS tags,
       (SELECT count(*) FROM (SELECT 1 FROM manifest m WHERE m.repository_id = CAST(j.value AS INTEGER) LIMIT ${SLICE}) counted) AS manifests
     FROM json_each(?) j`,
    JSON.stringify(repositoryIds),
  )
}

export interface TagToKeep {
  readonly repositoryId: number
  readonly name: Tag
  readonly digest: Digest
  readonly pushedMs: number | null
  readonly pulledMs: number | null
  readonly isChild: 0 | 1
  readonly isReferrer: 0 | 1
  /** 0: its manifest cannot be served. */
  readonly isHeld: 0 | 1
}

/** Of a manifest `x`: an image index that is there names it. */
const IS_CHILD = `EXISTS (SELECT 1 FROM reference f
  JOIN manifest p ON p.repository_id = f.repository_id AND p.digest = f.manifest AND p.linked = 1
  WHERE f.target = x.digest AND f.repository_id = x.repository_id AND f.role = 'child' AND f.manifest <> x.digest)`

/** Of a manifest `m`: what it is about is there. */
const IS_REFERRER = `(m.subject IS NOT NULL AND EXISTS (SELECT 1 FROM manifest s
  WHERE s.repository_id = m.repository_id AND s.digest = m.subject AND s.linked = 1))`

/** Of the rows of tags that another query gives, by repository and name. */
function tagsToKeep(tags: string): string {
  return `SELECT x.repository_id AS repositoryId, x.name AS name, x.digest AS digest, x.pushed_ms AS pushedMs, m.pulled_ms AS pulledMs,
       x.held AS isHeld, ${IS_CHILD} AS isChild, ${IS_REFERRER} AS isReferrer
     FROM (${tags}) x LEFT JOIN manifest m ON m.repository_id = x.repository_id AND m.digest = x.digest ORDER BY x.repository_id, x.name`
}

/** A slice of the tags of a repository, by name. */
export async function listTagsToKeep(query: Query, repositoryId: number, after: string): Promise<TagToKeep[]> {
  return await query.all<TagToKeep>(
    tagsToKeep(`SELECT * FROM tag WHERE repository_id = ? AND name > ? AND digest IS NOT NULL ORDER BY name LIMIT ${SLICE}`),
    repositoryId,
    after,
  )
}

/** All tags of some small repositories. */
export async function listTagsToKeepIn(query: Query, repositoryIds: readonly number[]): Promise<TagToKeep[]> {
  return await query.all<TagToKeep>(
    tagsToKeep(
      'SELECT t.* FROM json_each(?) j CROSS JOIN tag t ON t.repository_id = CAST(j.value AS INTEGER) WHERE t.digest IS NOT NULL',
    ),
    JSON.stringify(repositoryIds),
  )
}

export interface ManifestToKeep {
  readonly repositoryId: number
  readonly digest: Digest
  readonly pushedMs: number | null
  readonly pulledMs: number | null
  readonly untaggedSinceMs: number | null
  readonly isChild: 0 | 1
  readonly isReferrer: 0 | 1
  /** 0: it cannot be served. */
  readonly isHeld: 0 | 1
  /** 0: it is gone, or a tag leads to it. */
  readonly isUntagged: 0 | 1
}

function manifestsToKeep(manifests: string): string {
  return `SELECT m.repository_id AS repositoryId, m.digest AS digest, m.pushed_ms AS pushedMs, m.pulled_ms AS pulledMs, u.since_ms AS untaggedSinceMs, m.held AS isHeld,
       ${IS_CHILD.replaceAll('x.', 'm.')} AS isChild, ${IS_REFERRER} AS isReferrer,
       m.linked = 1 AND NOT EXISTS (SELECT 1 FROM tag t WHERE t.repository_id = m.repository_id AND t.digest = m.digest) AS isUntagged
     FROM (${manifests}) m LEFT JOIN untagged u ON u.repository_id = m.repository_id AND u.digest = m.digest
     ORDER BY m.repository_id, m.digest`
}

/** A slice of the manifests of a repository, by digest. Those with a tag are among them: else a slice would read more rows than it gives. */
export async function listManifestsToKeep(query: Query, repositoryId: number, after: string): Promise<ManifestToKeep[]> {
  return await query.all<ManifestToKeep>(
    manifestsToKeep(`SELECT * FROM manifest WHERE repository_id = ? AND digest > ? ORDER BY digest LIMIT ${SLICE}`),
    repositoryId,
    after,
  )
}

/** All manifests of some small repositories. */
export async function listManifestsToKeepIn(query: Query, repositoryIds: readonly number[]): Promise<ManifestToKeep[]> {
  return await query.all<ManifestToKeep>(
    manifestsToKeep('SELECT x.* FROM json_each(?) j CROSS JOIN manifest x ON x.repository_id = CAST(j.value AS INTEGER)'),
    JSON.stringify(repositoryIds),
  )
}
