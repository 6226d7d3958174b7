import type { Digest } from '../../oci/digest.ts'
import type { Query } from '../query.ts'
import { EXPIRED } from './expired.ts'

/** Bytes of a blob were removed from a bucket a moment ago, and the request that did it may come a second time: nothing is to be put there. */
export class RemovedLately extends Error {}

/** In the transaction that says that they have gone. In directories nothing is noted. */
export async function noteBytesRemoved(query: Query, digests: readonly Digest[], number: number): Promise<void> {
  await query.run(
    `INSERT INTO removed_bytes (digest, number) SELECT value, CAST(? AS INTEGER) FROM json_each(?) WHERE ${EXPIRED} < CAST(? AS INTEGER)
     ON CONFLICT (digest) DO UPDATE SET number = excluded.number`,
    number,
    JSON.stringify(digests),
    number,
  )
}

export async function forgetRemoved(query: Query): Promise<void> {
  await query.run(`DELETE FROM removed_bytes WHERE number <= ${EXPIRED}`)
}
