import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Tag } from '../../oci/reference.ts'
import type { Query } from '../query.ts'

/** A move of a tag, or its deletion. */
export interface ActivityRow {
  /** The newest has the largest. */
  readonly id: number
  readonly repository: RepositoryName
  readonly tag: Tag
  /** Null: the tag was deleted. */
  readonly digest: Digest | null
  readonly before: Digest | null
  readonly atMs: number
  readonly by: string | null
  readonly how: string
}

/** The newest that are kept. */
export const MOST_ACTIVITY = 10_000

/** A slice of what is kept, the newest first. */
export async function listActivity(query: Query, below: number, limit: number): Promise<ActivityRow[]> {
  return await query.all<ActivityRow>(
    `SELECT id, repository, tag, digest, before, at_ms AS atMs, by, how FROM activity WHERE id < ? ORDER BY id DESC LIMIT ?`,
    below,
    limit,
  )
}

/** Of each repository that is there the newest move that is kept, the newest first: a slice below an id. */
export async function listLastMoves(query: Query, below: number, limit: number): Promise<ActivityRow[]> {
  return await query.all<ActivityRow>(
    `SELECT a.id AS id, a.repository AS repository, a.tag AS tag, a.digest AS digest, a.before AS before, a.at_ms AS atMs, a.by AS by, a.how AS how
     FROM (SELECT max(id) AS id FROM activity GROUP BY repository) l JOIN activity a ON a.id = l.id JOIN repository r ON r.name = a.repository
     WHERE a.id < ? AND EXISTS (SELECT 1 FROM manifest m WHERE m.repository_id = r.id AND m.held = 1) ORDER BY a.id DESC LIMIT ?`,
    below,
    limit,
  )
}

/** Those beyond the newest go. */
export async function trimActivity(query: Query): Promise<void> {
  await query.run('DELETE FROM activity WHERE id <= (SELECT max(id) FROM activity) - ?', MOST_ACTIVITY)
}

export async function clearActivity(query: Query): Promise<void> {
  await query.run('DELETE FROM activity')
}

/** Moves that a database which was lost had, the oldest first. */
export async function addActivity(query: Query, moves: readonly RestoredMove[]): Promise<void> {
  const rows = moves.map(({ repository, tag, digest = null, before = null, atMs, by = null, how = '' }) => [
    ...[repository, tag, digest, before, atMs, by, how],
  ])
  await query.run(
    `INSERT INTO activity (repository, tag, digest, before, at_ms, by, how)
     SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, CAST(value ->> 4 AS INTEGER), value ->> 5, value ->> 6 FROM json_each(?)`,
    JSON.stringify(rows),
  )
}

interface RestoredMove {
  readonly repository: RepositoryName
  readonly tag: Tag
  readonly digest: Digest | undefined
  readonly before: Digest | undefined
  readonly atMs: number
  readonly by: string | undefined
  readonly how: string | undefined
}
