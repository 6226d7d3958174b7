import type { Digest } from '../../oci/digest.ts'
import { IS_ATTACHED } from '../collecting/attached.ts'
import type { Query } from '../query.ts'

/** Bytes that many manifests of a repository hold and nothing else, in a few statements: of ten thousand one at a time, it were minutes. */

/** Manifests that only these lead to: children of theirs, and what refers to them. Those are given that are not among them yet. */
export async function listFollowing(query: Query, repositoryId: number, going: readonly Digest[]): Promise<readonly Digest[]> {
  const rows = await query.all<{ digest: Digest }>(
    `WITH going AS MATERIALIZED (SELECT value AS digest FROM json_each(?))
     SELECT m.digest AS digest FROM manifest m
     WHERE m.repository_id = CAST(? AS INTEGER) AND m.linked = 1
       AND NOT EXISTS (SELECT 1 FROM tag t WHERE t.repository_id = m.repository_id AND t.digest = m.digest AND NOT ${IS_ATTACHED})
       AND m.digest NOT IN (SELECT digest FROM going)
       AND (m.subject IN (SELECT digest FROM going) OR EXISTS (SELECT 1 FROM reference f
         WHERE f.target = m.digest AND f.repository_id = m.repository_id AND f.role = 'child' AND f.manifest IN (SELECT digest FROM going)))
       AND NOT EXISTS (SELECT 1 FROM reference f
         JOIN manifest p ON p.repository_id = f.repository_id AND p.digest = f.manifest AND p.linked = 1
         WHERE f.target = m.digest AND f.repository_id = m.repository_id AND f.manifest <> f.target
           AND f.manifest NOT IN (SELECT digest FROM going))`,
    JSON.stringify(going),
    repositoryId,
  )
  return rows.map(({ digest }) => digest)
}

/**
 * Bytes of these manifests and of what they name that nothing else in the repository names, and no other repository has. It goes through the links
 * of the repository: those that these name are most of them where there are many, and are counted without being sorted.
 */
export async function countBytesOnlyIn(query: Query, repositoryId: number, going: readonly Digest[]): Promise<number> {
  const row = await query.get<{ bytes: number }>(
    `WITH going AS MATERIALIZED (SELECT value AS digest FROM json_each(?))
     SELECT coalesce(sum(size), 0) AS bytes FROM (
       SELECT b.size AS size FROM link l JOIN blob b ON b.digest = l.target
       WHERE l.repository_id = CAST(? AS INTEGER)
         AND EXISTS (SELECT 1 FROM reference r WHERE r.target = l.digest AND r.repository_id = l.repository_id)
         AND NOT EXISTS (SELECT 1 FROM reference r WHERE r.target = l.digest AND r.repository_id = l.repository_id
           AND r.manifest NOT IN (SELECT digest FROM going))
         AND NOT EXISTS (SELECT 1 FROM link k WHERE k.target = l.target
           AND (k.repository_id <> l.repository_id OR k.digest <> l.digest))
         AND NOT EXISTS (SELECT 1 FROM manifest m WHERE m.digest = l.target AND m.linked = 1)
       UNION ALL
       SELECT b.size FROM going g JOIN blob b ON b.digest = g.digest
       WHERE NOT EXISTS (SELECT 1 FROM link k WHERE k.target = g.digest)
         AND NOT EXISTS (SELECT 1 FROM manifest m WHERE m.digest = g.digest AND m.linked = 1 AND m.repository_id <> CAST(? AS INTEGER)))`,
    JSON.stringify(going),
    repositoryId,
    repositoryId,
  )
  return row?.bytes ?? 0
}
