import type { Digest } from '../../oci/digest.ts'
import type { Query } from '../query.ts'

/** Bytes of blobs as the collector sees them. They have no readers of their own: links and manifests have. */

const UNNEEDED = `b.state = 'live' AND NOT EXISTS (SELECT 1 FROM link l WHERE l.target = b.digest)
  AND NOT EXISTS (SELECT 1 FROM reference f WHERE f.target = b.digest)
  AND NOT EXISTS (SELECT 1 FROM manifest m WHERE m.digest = b.digest AND m.linked = 1)`

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
): Promise<readonly { readonly digest: Digest; readonly size: number }[]> {
  return await query.all<{ digest: Digest; size: number }>(
    `UPDATE blob AS b SET state = 'deleting'
     WHERE b.digest IN (SELECT value FROM json_each(?)) AND b.touched_ms <= ? AND ${UNNEEDED}
       AND NOT EXISTS (SELECT 1 FROM claim c WHERE c.kind = 'blob' AND c.repository = '' AND c.name = b.digest)
     RETURNING digest, coalesce(size, 0) AS size`,
    JSON.stringify(digests),
    touchedBefore,
  )
}

/** The collector took links to them: where it was the last one, the bytes are due at once. */
export async function endGraceOfUnlinked(query: Query, digests: readonly Digest[]): Promise<void> {
  await query.run(
    `UPDATE blob AS b SET touched_ms = 0
     WHERE b.digest IN (SELECT value FROM json_each(?)) AND NOT EXISTS (SELECT 1 FROM link WHERE target = b.digest)`,
    JSON.stringify(digests),
  )
}
