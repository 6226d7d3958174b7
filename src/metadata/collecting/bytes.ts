import type { Digest } from '../../oci/digest.ts'
import type { Query } from '../query.ts'

/** Bytes of blobs as the collector sees them. They have no readers of their own: links and manifests have. */

const UNNAMED = `b.state = 'live' AND NOT EXISTS (SELECT 1 FROM reference f WHERE f.target = b.digest)
  AND NOT EXISTS (SELECT 1 FROM manifest m WHERE m.digest = b.digest AND m.linked = 1)`
const UNNEEDED = `${UNNAMED} AND NOT EXISTS (SELECT 1 FROM link l WHERE l.target = b.digest)`
const UNCLAIMED = "NOT EXISTS (SELECT 1 FROM claim c WHERE c.kind = 'blob' AND c.repository = '' AND c.name = b.digest)"

export interface RemovableBlob {
  readonly digest: Digest
  /** Bytes; 0 where it is not known. */
  readonly size: number
}

export interface BlobSeen {
  readonly digest: Digest
  /** Bytes; 0 where it is not known. */
  readonly size: number
  /** Since when no link and no manifest has needed it; null while one does. */
  readonly unneededSinceMs: number | null
}

/** A slice of all blobs, by digest. */
export async function listBlobSlice(query: Query, after: string, limit: number): Promise<BlobSeen[]> {
  return await query.all<BlobSeen>(
    `SELECT b.digest AS digest, coalesce(b.size, 0) AS size, CASE WHEN ${UNNEEDED} THEN b.touched_ms END AS unneededSinceMs
     FROM (SELECT * FROM blob WHERE digest > ? ORDER BY digest LIMIT ?) b`,
    after,
    limit,
  )
}

/** Inside the claiming transaction of their removal: those of these blobs that nothing needs and no other operation has a claim on. */
export async function takeUnneededBlobs(
  query: Query,
  digests: readonly Digest[],
  touchedBefore: number,
): Promise<readonly RemovableBlob[]> {
  return await query.all<RemovableBlob>(
    `UPDATE blob AS b SET state = 'deleting'
     WHERE b.digest IN (SELECT value FROM json_each(?)) AND b.touched_ms <= ? AND ${UNNEEDED} AND ${UNCLAIMED}
     RETURNING digest, coalesce(size, 0) AS size`,
    JSON.stringify(digests),
    touchedBefore,
  )
}

/**
 * Inside the transaction that claims links for removal, one target for each: those of the blobs that nothing but these links needs, and that no other
 * operation has a claim on.
 */
export async function takeBlobsOfLinks(query: Query, targets: readonly Digest[]): Promise<readonly RemovableBlob[]> {
  const counts = Array.from(
    Map.groupBy(targets, (target) => target),
    ([target, { length }]) => [target, length],
  )
  return await query.all<RemovableBlob>(
    `UPDATE blob AS b SET state = 'deleting' FROM json_each(?)
     WHERE b.digest = value ->> 0 AND ${UNNAMED} AND ${UNCLAIMED}
       AND (SELECT count(*) FROM (SELECT 1 FROM link l WHERE l.target = b.digest LIMIT ?) counted) <= CAST(value ->> 1 AS INTEGER)
     RETURNING digest, coalesce(size, 0) AS size`,
    JSON.stringify(counts),
    // One more than there may be of any: a layer of ten thousand repositories is not counted to its end.
    targets.length + 1,
  )
}

/** The collector took links to them, but not the bytes: where it was the last one, the bytes are due at once. */
export async function endGraceOfUnlinked(query: Query, digests: readonly Digest[]): Promise<void> {
  await query.run(
    `UPDATE blob AS b SET touched_ms = 0
     WHERE b.digest IN (SELECT value FROM json_each(?)) AND NOT EXISTS (SELECT 1 FROM link WHERE target = b.digest)`,
    JSON.stringify(digests),
  )
}
