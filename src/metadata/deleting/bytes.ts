import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Query } from '../query.ts'
import { SLICE } from './sets.ts'

/** Bytes that a deletion sets free. Each is an estimate: what is pushed until they go may need them. */

export interface NamedContent {
  /** As the manifest names it. */
  readonly name: Digest
  /** The digest of its bytes. */
  readonly stored: Digest
  readonly size: number
  /** 1: another repository links it, or it is a manifest of any. */
  readonly isKept: 0 | 1
}

/** A slice of what a manifest names, by name; of no bytes where the storage has them not. */
export async function listNamedContent(
  query: Query,
  repositoryId: number,
  manifest: Digest,
  after: string,
): Promise<NamedContent[]> {
  return await query.all<NamedContent>(
    `SELECT n.target AS name, coalesce(b.digest, n.target) AS stored, coalesce(b.size, 0) AS size, (${LINKED_ELSEWHERE}
         OR EXISTS (SELECT 1 FROM manifest o WHERE o.digest = b.digest AND o.linked = 1)) AS isKept
     FROM (SELECT CAST(? AS INTEGER) AS repository_id) r
     JOIN (SELECT DISTINCT target FROM reference WHERE repository_id = CAST(? AS INTEGER) AND manifest = CAST(? AS TEXT)
           AND target > CAST(? AS TEXT) ORDER BY target LIMIT ${SLICE}) n ON true
     LEFT JOIN link l ON l.repository_id = r.repository_id AND l.digest = n.target
     LEFT JOIN blob b ON b.digest = coalesce(l.target, n.target) ORDER BY n.target`,
    repositoryId,
    repositoryId,
    manifest,
    after,
  )
}

const LINKED_ELSEWHERE = 'EXISTS (SELECT 1 FROM link k WHERE k.target = b.digest AND k.repository_id <> r.repository_id)'

/** The bytes of a manifest itself; 0 where another repository has them too. */
export async function ownBytesOf(query: Query, repositoryId: number, manifest: Digest): Promise<number> {
  const row = await query.get<{ size: number; isElsewhere: 0 | 1 }>(
    `SELECT coalesce(b.size, 0) AS size, (${LINKED_ELSEWHERE}
         OR EXISTS (SELECT 1 FROM manifest o WHERE o.digest = b.digest AND o.linked = 1 AND o.repository_id <> r.repository_id)) AS isElsewhere
     FROM (SELECT CAST(? AS INTEGER) AS repository_id) r JOIN blob b ON b.digest = CAST(? AS TEXT)`,
    repositoryId,
    manifest,
  )
  return row === undefined || row.isElsewhere === 1 ? 0 : row.size
}

/** Some manifests of the repository that name it, and whose revision is there. */
export async function listNamers(query: Query, repositoryId: number, name: Digest, limit: number): Promise<Digest[]> {
  const rows = await query.all<{ manifest: Digest }>(
    `SELECT DISTINCT manifest FROM reference WHERE target = CAST(? AS TEXT) AND repository_id = CAST(? AS INTEGER) LIMIT ?`,
    name,
    repositoryId,
    limit,
  )
  return rows.map(({ manifest }) => manifest)
}

export interface StoredContent {
  readonly place: string
  /** The digest of its bytes. */
  readonly stored: Digest
  readonly size: number
  /** 1: something else of the repository counts it, or keeps it. */
  readonly isPassedOver: 0 | 1
}

/**
 * A slice of what a repository links, by digest. A link stays that is named by what cannot be served, and so cannot be deleted: asked only where
 * the repository has such, for a base layer is named by all of its manifests.
 */
export async function listLinkedContent(
  query: Query,
  repositoryId: number,
  after: string,
  { hasUnreadable }: { readonly hasUnreadable: boolean },
): Promise<StoredContent[]> {
  return await query.all<StoredContent>(
    `SELECT l.digest AS place, coalesce(l.target, '') AS stored, coalesce(b.size, 0) AS size,
       l.target IS NULL
       OR EXISTS (SELECT 1 FROM link e WHERE e.target = l.target AND e.repository_id = l.repository_id AND e.digest < l.digest)
       OR ? = 1 AND EXISTS (SELECT 1 FROM reference f
         JOIN manifest m ON m.repository_id = f.repository_id AND m.digest = f.manifest AND m.linked = 1 AND m.held = 0
         WHERE f.target = l.digest AND f.repository_id = l.repository_id) AS isPassedOver
     FROM (SELECT * FROM link WHERE repository_id = ? AND digest > ? ORDER BY digest LIMIT ${SLICE}) l
     LEFT JOIN blob b ON b.digest = l.target ORDER BY l.digest`,
    hasUnreadable ? 1 : 0,
    repositoryId,
    after,
  )
}

/** The same of its manifests; those are passed over that it links as blobs too. */
export async function listManifestBytes(query: Query, repositoryId: number, after: string): Promise<StoredContent[]> {
  return await query.all<StoredContent>(
    `SELECT m.digest AS place, m.digest AS stored, coalesce(b.size, 0) AS size,
       m.held = 0 OR EXISTS (SELECT 1 FROM link e WHERE e.target = m.digest AND e.repository_id = m.repository_id) AS isPassedOver
     FROM (SELECT * FROM manifest WHERE repository_id = ? AND digest > ? ORDER BY digest LIMIT ${SLICE}) m
     LEFT JOIN blob b ON b.digest = m.digest ORDER BY m.digest`,
    repositoryId,
    after,
  )
}

export interface Holder {
  readonly id: number
  readonly name: RepositoryName
}

/** A slice of the repositories that link these bytes or hold them as a manifest, by their row. */
export async function listHolders(query: Query, stored: Digest, after: number): Promise<Holder[]> {
  return await query.all<Holder>(
    `SELECT r.id AS id, r.name AS name FROM (
       SELECT id FROM (SELECT DISTINCT repository_id AS id FROM link
         WHERE target = CAST(? AS TEXT) AND repository_id > CAST(? AS INTEGER) ORDER BY repository_id LIMIT ${SLICE}) linked
       UNION SELECT id FROM (SELECT repository_id AS id FROM manifest
         WHERE digest = CAST(? AS TEXT) AND linked = 1 AND repository_id > CAST(? AS INTEGER) ORDER BY repository_id LIMIT ${SLICE}) held
       ORDER BY id LIMIT ${SLICE}) h
     JOIN repository r ON r.id = h.id ORDER BY r.id`,
    stored,
    after,
    stored,
    after,
  )
}
