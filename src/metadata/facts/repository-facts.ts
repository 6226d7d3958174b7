import type { Digest } from '../../oci/digest.ts'
import type { Query } from '../query.ts'

/** The sizes of some images, as far as they are known: bytes of config and layers. */
export async function findSizes(query: Query, digests: readonly Digest[]): Promise<ReadonlyMap<Digest, number>> {
  const rows = await query.all<{ digest: Digest; size: number }>(
    `SELECT f.digest AS digest, f.size AS size FROM json_each(?) j JOIN image_facts f ON f.digest = j.value
     WHERE f.state = 0 AND f.size IS NOT NULL`,
    JSON.stringify(digests),
  )
  return new Map(rows.map(({ digest, size }) => [digest, size]))
}
