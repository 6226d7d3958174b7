import type { Digest } from '../../oci/digest.ts'
import type { Tag } from '../../oci/reference.ts'
import { CLOCK_MS, type Query } from '../query.ts'
import { IS_ATTACHED, IS_ATTACHED_TO } from './attached.ts'

/** A part of what depends on a manifest. */
export interface Dependents {
  readonly digests: readonly Digest[]
  /** Where the next part begins; undefined after the last one. */
  readonly next: string | undefined
}

/** Asks for so many dependents of a manifest behind a place, '' for the first. */
export type ListDependents = (query: Query, parent: DependentsOf, after: string, limit: number) => Promise<Dependents>

export interface DependentsOf {
  readonly repositoryId: number
  readonly digest: Digest
}

/** Ways in which manifests depend on one: children of an index, what refers to it, what is attached to it by a tag. */
export const DEPENDENTS: readonly ListDependents[] = [
  async (query, { repositoryId, digest }, after, limit) =>
    partOf(
      await query.all<DependentRow>(
        `SELECT target AS digest, target AS place FROM reference
         WHERE repository_id = ? AND manifest = ? AND target > ? AND role = 'child' ORDER BY target LIMIT ?`,
        ...[repositoryId, digest, after, limit],
      ),
      limit,
    ),
  async (query, { repositoryId, digest }, after, limit) =>
    partOf(
      await query.all<DependentRow>(
        'SELECT digest, digest AS place FROM manifest WHERE repository_id = ? AND subject = ? AND digest > ? ORDER BY digest LIMIT ?',
        ...[repositoryId, digest, after, limit],
      ),
      limit,
    ),
  async (query, { repositoryId, digest }, after, limit) =>
    partOf(
      await query.all<DependentRow & { readonly place: Tag }>(
        `SELECT t.digest AS digest, t.name AS place FROM (SELECT CAST(? AS TEXT) AS digest) g
         JOIN tag t ON t.repository_id = CAST(? AS INTEGER) AND ${IS_ATTACHED_TO}
         WHERE t.name > CAST(? AS TEXT) AND t.digest IS NOT NULL ORDER BY t.name LIMIT ?`,
        ...[digest, repositoryId, after, limit],
      ),
      limit,
    ),
]

interface DependentRow {
  readonly digest: Digest
  readonly place: string
}

function partOf(rows: readonly DependentRow[], limit: number): Dependents {
  return { digests: rows.map(({ digest }) => digest), next: rows.length < limit ? undefined : rows.at(-1)?.place }
}

export interface Released {
  readonly repositoryId: number
  /** The manifest that goes. */
  readonly root: Digest
  readonly digests: readonly Digest[]
  /** The collector takes the manifest, and what a delete has released has its grace from then. */
  readonly isCollected: boolean
}

const IS_GOING = `EXISTS (SELECT 1 FROM claim c WHERE c.kind = 'manifest' AND c.name = p.digest AND c.alone = 1
             AND c.repository = (SELECT name FROM repository WHERE id = p.repository_id))`

/**
 * Of these manifests, those to which nothing leads but what goes with the root fall due a grace after the client's delete. Gives them. What
 * leads to a manifest goes too where it has been released before: a caller asks again for what stands below several of those. So does what
 * another operation is about to remove: of two that go at the same time neither keeps a child for the other one.
 */
export async function releaseManifests(
  query: Query,
  { repositoryId, root, digests, isCollected }: Released,
): Promise<readonly Digest[]> {
  const rows = await query.all<{ digest: Digest }>(
    `UPDATE manifest AS m SET released = 1,
       touched_ms = CASE WHEN ? = 1 AND m.released = 1 THEN m.touched_ms ELSE ${CLOCK_MS} END
     WHERE m.repository_id = ? AND m.digest IN (SELECT value FROM json_each(?)) AND m.held = 1 AND m.digest <> ?
       AND NOT EXISTS (SELECT 1 FROM tag t WHERE t.repository_id = m.repository_id AND t.digest = m.digest AND NOT ${IS_ATTACHED})
       AND NOT EXISTS (SELECT 1 FROM reference f
         JOIN manifest p ON p.repository_id = f.repository_id AND p.digest = f.manifest AND p.linked = 1 AND p.released = 0
         WHERE f.target = m.digest AND f.repository_id = m.repository_id AND f.manifest NOT IN (m.digest, ?) AND NOT ${IS_GOING})
     RETURNING digest`,
    isCollected ? 1 : 0,
    repositoryId,
    JSON.stringify(digests),
    root,
    root,
  )
  return rows.map(({ digest }) => digest)
}
