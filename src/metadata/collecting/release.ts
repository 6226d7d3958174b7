import type { Digest } from '../../oci/digest.ts'
import { CLOCK_MS, type Query } from '../query.ts'
import { IS_ATTACHED, IS_ATTACHED_TO } from './attached.ts'

const HAS_OWN_TAG = `EXISTS (SELECT 1 FROM tag t WHERE t.repository_id = m.repository_id AND t.digest = m.digest AND NOT ${IS_ATTACHED})`

/** A manifest that goes, and all that only such manifests lead to: children of indexes, what refers to one, what is attached to one by its tag. */
const FREED = `WITH RECURSIVE freed (repository_id, digest) AS (
    SELECT CAST(? AS INTEGER), CAST(? AS TEXT)
    UNION SELECT m.repository_id, m.digest FROM freed g
      JOIN reference f ON f.repository_id = g.repository_id AND f.manifest = g.digest AND f.role = 'child'
      JOIN manifest m ON m.repository_id = f.repository_id AND m.digest = f.target WHERE m.held = 1 AND NOT ${HAS_OWN_TAG}
    UNION SELECT m.repository_id, m.digest FROM freed g
      JOIN manifest m ON m.repository_id = g.repository_id AND m.subject = g.digest WHERE m.held = 1 AND NOT ${HAS_OWN_TAG}
    UNION SELECT m.repository_id, m.digest FROM freed g
      JOIN tag t ON t.repository_id = g.repository_id AND ${IS_ATTACHED_TO}
      JOIN manifest m ON m.repository_id = t.repository_id AND m.digest = t.digest WHERE m.held = 1 AND NOT ${HAS_OWN_TAG})`

/**
 * A manifest goes: what only it led to, at every level, falls due together, a grace after the client's delete. Called before its references go.
 * `isCollected`: the collector takes it, and what a delete has released has its grace from then.
 */
export async function releaseDependents(
  query: Query,
  repositoryId: number,
  digest: Digest,
  { isCollected }: { readonly isCollected: boolean },
): Promise<void> {
  await query.run(
    `${FREED} UPDATE manifest AS m SET released = 1,
       touched_ms = CASE WHEN ? = 1 AND m.released = 1 THEN m.touched_ms ELSE ${CLOCK_MS} END
     WHERE m.repository_id = ? AND m.digest IN (SELECT digest FROM freed) AND m.digest <> ?
       AND NOT EXISTS (SELECT 1 FROM reference f
         JOIN manifest p ON p.repository_id = f.repository_id AND p.digest = f.manifest AND p.linked = 1
         WHERE f.target = m.digest AND f.repository_id = m.repository_id AND f.manifest <> m.digest
           AND f.manifest NOT IN (SELECT digest FROM freed))`,
    repositoryId,
    digest,
    isCollected ? 1 : 0,
    repositoryId,
    digest,
  )
}
