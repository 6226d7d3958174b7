import type { Digest } from '../../oci/digest.ts'
import { IS_ATTACHED } from '../collecting/attached.ts'
import { SLICE } from '../deleting/sets.ts'
import type { Query } from '../query.ts'

/**
 * Bytes that many manifests hold and nothing else, some hundred manifests in a statement: of ten thousand one at a time, it were minutes. The
 * manifests of a statement come from any number of sets, each of one repository.
 */

/** Of one set: all of it, or a part. */
export interface GoingPart {
  readonly repositoryId: number
  readonly digests: readonly Digest[]
}

/** `part` is the place of the part in the list. */
const GOING = `parts AS MATERIALIZED (SELECT key AS part, CAST(value ->> 0 AS INTEGER) AS repository_id, value ->> 1 AS digests FROM json_each(?)),
  going AS MATERIALIZED (SELECT p.part AS part, p.repository_id AS repository_id, d.value AS digest FROM parts p, json_each(p.digests) d)`

export interface Following {
  /** The place of the part in the list. */
  readonly part: number
  readonly digest: Digest
  /** 1: a manifest names it that is not of this part. */
  readonly isNamedBeside: 0 | 1
}

/** What these lead to, and no tag: children of theirs, and what refers to them. */
export async function listFollowing(query: Query, parts: readonly GoingPart[]): Promise<Following[]> {
  return await query.all<Following>(
    `WITH ${GOING}
     SELECT c.part AS part, c.digest AS digest, EXISTS (SELECT 1 FROM reference f
         JOIN manifest p ON p.repository_id = f.repository_id AND p.digest = f.manifest AND p.linked = 1
         WHERE f.target = c.digest AND f.repository_id = c.repository_id AND f.manifest <> f.target
           AND (c.part, f.manifest) NOT IN (SELECT part, digest FROM going)) AS isNamedBeside
     FROM (SELECT g.part AS part, g.repository_id AS repository_id, f.target AS digest
         FROM going g CROSS JOIN reference f ON f.repository_id = g.repository_id AND f.manifest = g.digest AND f.role = 'child'
       UNION SELECT g.part, g.repository_id, s.digest
         FROM going g CROSS JOIN manifest s ON s.repository_id = g.repository_id AND s.subject = g.digest) c
     CROSS JOIN manifest m ON m.repository_id = c.repository_id AND m.digest = c.digest AND m.linked = 1
     WHERE NOT EXISTS (SELECT 1 FROM tag t WHERE t.repository_id = m.repository_id AND t.digest = m.digest AND NOT ${IS_ATTACHED})`,
    listed(parts),
  )
}

/** Of the link `l` with the blob `b`: no other link leads to the bytes, and they are no manifest. */
const IS_ONLY_LINK = `NOT EXISTS (SELECT 1 FROM link k WHERE k.target = l.target AND (k.repository_id <> l.repository_id OR k.digest <> l.digest))
  AND NOT EXISTS (SELECT 1 FROM manifest m WHERE m.digest = l.target AND m.linked = 1)`

/** Of the manifest `g` with the blob `b`: no link leads to the bytes, and no other repository has the manifest. */
const IS_ONLY_MANIFEST = `NOT EXISTS (SELECT 1 FROM link k WHERE k.target = g.digest)
  AND NOT EXISTS (SELECT 1 FROM manifest m WHERE m.digest = g.digest AND m.linked = 1 AND m.repository_id <> g.repository_id)`

/** Bytes of the manifests of whole sets and of what they name, which nothing else names, no other repository has, and their own has by no other name. */
export async function countBytesOfSets(query: Query, sets: readonly GoingPart[]): Promise<number> {
  const row = await query.get<{ bytes: number }>(
    `WITH ${GOING},
     named AS MATERIALIZED (SELECT DISTINCT g.part AS part, g.repository_id AS repository_id, r.target AS digest
       FROM going g CROSS JOIN reference r ON r.repository_id = g.repository_id AND r.manifest = g.digest)
     SELECT CAST(coalesce(sum(size), 0) AS INTEGER) AS bytes FROM (
       SELECT b.size AS size FROM named n CROSS JOIN link l ON l.repository_id = n.repository_id AND l.digest = n.digest
       CROSS JOIN blob b ON b.digest = l.target
       WHERE NOT EXISTS (SELECT 1 FROM reference r WHERE r.target = n.digest AND r.repository_id = n.repository_id
           AND (n.part, r.manifest) NOT IN (SELECT part, digest FROM going))
         AND ${IS_ONLY_LINK}
       UNION ALL SELECT b.size FROM going g CROSS JOIN blob b ON b.digest = g.digest WHERE ${IS_ONLY_MANIFEST}) counted`,
    listed(sets),
  )
  return row?.bytes ?? 0
}

/** A slice of the names of a repository, in the order in which indexes have them: of a large repository that is what makes them quick. */
export interface NamedLink {
  readonly digest: Digest
  /** One of the manifests that name it; null: none does. */
  readonly namer: Digest | null
}

export async function listNamedLinks(query: Query, repositoryId: number, after: string): Promise<NamedLink[]> {
  return await query.all<NamedLink>(
    `SELECT l.digest AS digest,
       (SELECT min(r.manifest) FROM reference r WHERE r.target = l.digest AND r.repository_id = l.repository_id) AS namer
     FROM (SELECT * FROM link WHERE repository_id = ? AND digest > ? ORDER BY digest LIMIT ${SLICE}) l ORDER BY l.digest`,
    repositoryId,
    after,
  )
}

export interface OwnBytes {
  readonly digest: Digest
  readonly size: number
  /** 1: more than one manifest names it. */
  readonly hasMore: 0 | 1
}

/** Those of the links whose bytes the repository has by no other name, and no other repository has, by digest. */
export async function listOwnLinks(query: Query, repositoryId: number, digests: readonly Digest[]): Promise<OwnBytes[]> {
  return await query.all<OwnBytes>(
    `SELECT l.digest AS digest, coalesce(b.size, 0) AS size,
       EXISTS (SELECT 1 FROM reference r WHERE r.target = l.digest AND r.repository_id = l.repository_id
         AND r.manifest > (SELECT min(f.manifest) FROM reference f WHERE f.target = l.digest AND f.repository_id = l.repository_id)) AS hasMore
     FROM json_each(?) j CROSS JOIN link l ON l.repository_id = CAST(? AS INTEGER) AND l.digest = j.value
     CROSS JOIN blob b ON b.digest = l.target WHERE ${IS_ONLY_LINK}`,
    JSON.stringify(digests),
    repositoryId,
  )
}

export interface ManifestBytes {
  readonly digest: Digest
  /** 0: something else has the bytes too. */
  readonly size: number
}

/** A slice of the manifests of a repository, by digest, with their own bytes. */
export async function listManifestsOwn(query: Query, repositoryId: number, after: string): Promise<ManifestBytes[]> {
  return await query.all<ManifestBytes>(
    `SELECT g.digest AS digest, CASE WHEN ${IS_ONLY_MANIFEST} THEN coalesce(b.size, 0) ELSE 0 END AS size
     FROM (SELECT * FROM manifest WHERE repository_id = ? AND digest > ? ORDER BY digest LIMIT ${SLICE}) g
     LEFT JOIN blob b ON b.digest = g.digest ORDER BY g.digest`,
    repositoryId,
    after,
  )
}

/** Some manifests of the repository that name it, by digest. `onlyThere`: those whose revision is there, and not the manifest itself. */
export async function listNamersAfter(
  query: Query,
  { repositoryId, digest, onlyThere }: NamedDigest,
  after: string,
  limit: number,
): Promise<Digest[]> {
  const rows = await query.all<{ manifest: Digest }>(
    `SELECT DISTINCT f.manifest AS manifest FROM reference f
     WHERE f.target = CAST(? AS TEXT) AND f.repository_id = CAST(? AS INTEGER) AND f.manifest > CAST(? AS TEXT)
       AND (? = 0 OR f.manifest <> f.target AND EXISTS (SELECT 1 FROM manifest p
         WHERE p.repository_id = f.repository_id AND p.digest = f.manifest AND p.linked = 1))
     ORDER BY f.manifest LIMIT CAST(? AS INTEGER)`,
    digest,
    repositoryId,
    after,
    onlyThere ? 1 : 0,
    limit,
  )
  return rows.map(({ manifest }) => manifest)
}

export interface NamedDigest {
  readonly repositoryId: number
  readonly digest: Digest
  readonly onlyThere: boolean
}

function listed(parts: readonly GoingPart[]): string {
  return JSON.stringify(parts.map(({ repositoryId, digests }) => [repositoryId, digests]))
}
