import type { Digest } from '../../oci/digest.ts'
import type { Tag } from '../../oci/reference.ts'
import { IS_ATTACHED } from '../collecting/attached.ts'
import type { Query } from '../query.ts'

/** What a deletion is about to take, in slices of so many rows: one is a turn of the event loop. */
export const SLICE = 200

export interface TagSeen {
  readonly name: Tag
  readonly digest: Digest
  /** 1: by name the first of the tags on its manifest. */
  readonly isFirst: 0 | 1
  /** By the collector's clock; null: not known. */
  readonly pushedMs: number | null
}

/** A slice of the tags that lead to a manifest of the repository, by name. */
export async function listTagSlice(query: Query, repositoryId: number, after: string): Promise<TagSeen[]> {
  return await query.all<TagSeen>(
    `SELECT t.name AS name, t.digest AS digest, t.pushed_ms AS pushedMs,
       t.name = (SELECT min(e.name) FROM tag e WHERE e.repository_id = t.repository_id AND e.digest = t.digest) AS isFirst
     FROM (SELECT * FROM tag WHERE repository_id = ? AND name > ? AND held = 1 ORDER BY name LIMIT ${SLICE}) t ORDER BY t.name`,
    repositoryId,
    after,
  )
}

/** A slice of the tags on a manifest, by name. */
export async function listTagSliceOf(
  query: Query,
  repositoryId: number,
  digest: Digest,
  after: string,
): Promise<Pick<TagSeen, 'name' | 'pushedMs'>[]> {
  return await query.all<Pick<TagSeen, 'name' | 'pushedMs'>>(
    `SELECT name, pushed_ms AS pushedMs FROM tag WHERE repository_id = ? AND digest = ? AND name > ? ORDER BY name LIMIT ${SLICE}`,
    repositoryId,
    digest,
    after,
  )
}

export interface ManifestInSet {
  readonly digest: Digest
  /** 1: it can be served, and deleted. */
  readonly isHeld: 0 | 1
  /** 1: its revision is there, whatever its bytes are. */
  readonly isLinked: 0 | 1
  /** 1: an image index that is held names it. */
  readonly isChild: 0 | 1
}

/** A slice of the manifests of a repository, by digest. The gone ones are among them: else a slice would read more rows than it gives. */
export async function listManifestsInSet(query: Query, repositoryId: number, after: string): Promise<ManifestInSet[]> {
  return await query.all<ManifestInSet>(
    `SELECT m.digest AS digest, m.held AS isHeld, m.linked AS isLinked,
       EXISTS (SELECT 1 FROM reference f
         JOIN manifest p ON p.repository_id = f.repository_id AND p.digest = f.manifest AND p.held = 1
         WHERE f.target = m.digest AND f.repository_id = m.repository_id AND f.role = 'child' AND f.manifest <> m.digest) AS isChild
     FROM (SELECT * FROM manifest WHERE repository_id = ? AND digest > ? ORDER BY digest LIMIT ${SLICE}) m ORDER BY m.digest`,
    repositoryId,
    after,
  )
}

/** True where the manifest is held and has a tag of its own: one that is not attached to another manifest. */
export async function hasOwnTag(query: Query, repositoryId: number, digest: Digest): Promise<boolean> {
  const row = await query.get(
    `SELECT 1 FROM tag t WHERE t.repository_id = ? AND t.digest = ? AND NOT ${IS_ATTACHED} LIMIT 1`,
    repositoryId,
    digest,
  )
  return row !== undefined
}

/** Some manifests that keep this one: that name it and no delete has released, or its subject. */
export async function listKeepers(query: Query, repositoryId: number, digest: Digest, limit: number): Promise<Digest[]> {
  const rows = await query.all<{ digest: Digest }>(
    `SELECT p.digest AS digest FROM reference f
     JOIN manifest p ON p.repository_id = f.repository_id AND p.digest = f.manifest AND p.linked = 1 AND p.released = 0
     WHERE f.target = CAST(? AS TEXT) AND f.repository_id = CAST(? AS INTEGER) AND f.manifest <> f.target
     UNION SELECT s.digest FROM manifest m JOIN manifest s ON s.repository_id = m.repository_id AND s.digest = m.subject AND s.linked = 1
     WHERE m.repository_id = CAST(? AS INTEGER) AND m.digest = CAST(? AS TEXT) LIMIT ?`,
    digest,
    repositoryId,
    repositoryId,
    digest,
    limit,
  )
  return rows.map((row) => row.digest)
}
