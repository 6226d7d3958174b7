import type { Digest } from '../../oci/digest.ts'
import type { Query } from '../query.ts'

/** Bytes of the storage, each digest once. */
export interface StorageUse {
  /** All that it needs. */
  readonly bytes: number
  /** Of these, what nothing else needs. */
  readonly own: number
}

export interface UseSlice extends StorageUse {
  /** Where the next slice goes on; null: this was the last. */
  readonly next: string | null
}

/** In one slice: a base layer costs two looks at an index, however many images have it. */
const SLICE = 200

const SUMS = `CAST(coalesce(sum(size), 0) AS INTEGER) AS bytes, CAST(coalesce(sum(CASE WHEN is_elsewhere THEN 0 ELSE size END), 0) AS INTEGER) AS own,
   CASE WHEN count(*) = ${SLICE} THEN max(place) END AS next`

/** Bytes of the whole storage, each digest once. */
export interface WholeUse {
  readonly blobs: number
  readonly bytes: number
  /** Of these, what nothing needs any more and the collector takes. */
  readonly leavingBytes: number
}

const WHOLE_SLICE = 2_000

/** A slice of all that lies in the storage, by digest. */
export async function useOfBlobs(query: Query, after: string): Promise<WholeUse & Pick<UseSlice, 'next'>> {
  const row = await query.get<WholeUse & Pick<UseSlice, 'next'>>(
    `SELECT coalesce(sum(is_there), 0) AS blobs, coalesce(sum(CASE WHEN is_there = 1 THEN size ELSE 0 END), 0) AS bytes,
       coalesce(sum(CASE WHEN is_there = 1 AND state <> 'live' THEN size ELSE 0 END), 0) AS leavingBytes,
       CASE WHEN count(*) = ${WHOLE_SLICE} THEN max(digest) END AS next
     FROM (SELECT digest, state, size, CASE WHEN state = 'arriving' OR size IS NULL THEN 0 ELSE 1 END AS is_there FROM blob
       WHERE digest > CAST(? AS TEXT) ORDER BY digest LIMIT ${WHOLE_SLICE}) slice`,
    after,
  )
  return row ?? { blobs: 0, bytes: 0, leavingBytes: 0, next: null }
}

/** A slice of the blobs that a repository links, by digest. */
export async function useOfLinks(query: Query, repositoryId: number, after: string): Promise<UseSlice> {
  const row = await query.get<UseSlice>(
    `SELECT ${SUMS} FROM (
       SELECT l.digest AS place,
         CASE WHEN EXISTS (SELECT 1 FROM link e WHERE e.target = l.target AND e.repository_id = l.repository_id AND e.digest < l.digest)
           THEN 0 ELSE coalesce(b.size, 0) END AS size,
         EXISTS (SELECT 1 FROM link k WHERE k.target = l.target AND k.repository_id <> l.repository_id)
           OR EXISTS (SELECT 1 FROM manifest m WHERE m.digest = l.target AND m.linked = 1 AND m.repository_id <> l.repository_id) AS is_elsewhere
       FROM (SELECT * FROM link WHERE repository_id = CAST(? AS INTEGER) AND digest > CAST(? AS TEXT) ORDER BY digest LIMIT ${SLICE}) l
       LEFT JOIN blob b ON b.digest = l.target) counted`,
    repositoryId,
    after,
  )
  return row ?? { bytes: 0, own: 0, next: null }
}

/** The same of its manifests. Those that it links as blobs too are counted there. */
export async function useOfManifests(query: Query, repositoryId: number, after: string): Promise<UseSlice> {
  const row = await query.get<UseSlice>(
    `SELECT ${SUMS} FROM (
       SELECT m.digest AS place,
         CASE WHEN m.linked = 0 OR EXISTS (SELECT 1 FROM link e WHERE e.target = m.digest AND e.repository_id = m.repository_id)
           THEN 0 ELSE coalesce(b.size, 0) END AS size,
         EXISTS (SELECT 1 FROM link k WHERE k.target = m.digest AND k.repository_id <> m.repository_id)
           OR EXISTS (SELECT 1 FROM manifest o WHERE o.digest = m.digest AND o.linked = 1 AND o.repository_id <> m.repository_id) AS is_elsewhere
       FROM (SELECT * FROM manifest WHERE repository_id = CAST(? AS INTEGER) AND digest > CAST(? AS TEXT) ORDER BY digest LIMIT ${SLICE}) m
       LEFT JOIN blob b ON b.digest = m.digest) counted`,
    repositoryId,
    after,
  )
  return row ?? { bytes: 0, own: 0, next: null }
}

/** A manifest, and the images of an image index. */
export async function listImagesOf(query: Query, repositoryId: number, digest: Digest): Promise<readonly Digest[]> {
  const rows = await query.all<{ target: Digest }>(
    "SELECT target FROM reference WHERE repository_id = ? AND manifest = ? AND role = 'child'",
    repositoryId,
    digest,
  )
  return [...new Set([digest, ...rows.map(({ target }) => target)])]
}

/** What these manifests name, once each, and at most so much of it. */
export async function listNamesOf(
  query: Query,
  repositoryId: number,
  manifests: readonly Digest[],
  atMost: number,
): Promise<readonly Digest[]> {
  const rows = await query.all<{ name: Digest }>(
    `SELECT DISTINCT f.target AS name FROM json_each(?) j CROSS JOIN reference f ON f.repository_id = CAST(? AS INTEGER) AND f.manifest = j.value
     LIMIT CAST(? AS INTEGER)`,
    JSON.stringify(manifests),
    repositoryId,
    atMost,
  )
  return rows.map(({ name }) => name)
}

/** What the contents of these names need; `own` is what neither a manifest of the repository beside these `images` nor another repository needs. */
export async function useOfNames(
  query: Query,
  repositoryId: number,
  { names, images }: { readonly names: readonly Digest[]; readonly images: readonly Digest[] },
): Promise<StorageUse> {
  const row = await query.get<StorageUse>(
    `WITH image AS MATERIALIZED (SELECT value AS digest FROM json_each(?)),
     content AS MATERIALIZED (SELECT j.value AS name, coalesce(l.target, j.value) AS stored, CAST(? AS INTEGER) AS repository_id
       FROM json_each(?) j LEFT JOIN link l ON l.repository_id = CAST(? AS INTEGER) AND l.digest = j.value)
     SELECT CAST(coalesce(sum(size), 0) AS INTEGER) AS bytes,
       CAST(coalesce(sum(CASE WHEN is_needed = 0 THEN size ELSE 0 END), 0) AS INTEGER) AS own FROM (
       SELECT max(b.size) AS size, max(CASE WHEN EXISTS (SELECT 1 FROM reference f WHERE f.target = content.name
             AND f.repository_id = content.repository_id AND f.manifest NOT IN (SELECT digest FROM image))
         OR EXISTS (SELECT 1 FROM link k WHERE k.target = content.stored AND k.repository_id <> content.repository_id)
         OR EXISTS (SELECT 1 FROM manifest o WHERE o.digest = content.stored AND o.linked = 1
             AND o.repository_id <> content.repository_id) THEN 1 ELSE 0 END) AS is_needed
       FROM content CROSS JOIN blob b ON b.digest = content.stored GROUP BY content.stored) counted`,
    JSON.stringify(images),
    repositoryId,
    JSON.stringify(names),
    repositoryId,
  )
  return row ?? { bytes: 0, own: 0 }
}
