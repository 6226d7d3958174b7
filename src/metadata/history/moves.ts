import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Tag } from '../../oci/reference.ts'
import type { Query } from '../query.ts'

/** A move of a tag, as it waits for its place in the storage. `moveTag` notes them. */
export interface TagMove {
  readonly number: number
  readonly repositoryId: number
  readonly repository: RepositoryName
  readonly tag: Tag
  /** Null: the tag was deleted. */
  readonly digest: Digest | null
  /** Null: there was no such tag, or it is not known what it pointed to. */
  readonly before: Digest | null
  readonly atMs: number
  readonly by: string | null
  readonly how: string
}

const MOVES = `SELECT m.number AS number, m.repository_id AS repositoryId, r.name AS repository, m.tag AS tag, m.digest AS digest,
     m.before AS before, m.at_ms AS atMs, m.by AS by, m.how AS how
   FROM tag_move m JOIN repository r ON r.id = m.repository_id`

/** Some that wait, the oldest first. */
export async function listMoves(query: Query, limit: number): Promise<TagMove[]> {
  return await query.all<TagMove>(`${MOVES} ORDER BY m.number, m.repository_id, m.tag LIMIT ?`, limit)
}

/** Those of one tag that wait, the oldest first. Reads all that wait: mostly those of a few seconds. */
export async function listMovesOf(query: Query, repositoryId: number, tag: Tag): Promise<TagMove[]> {
  return await query.all<TagMove>(`${MOVES} WHERE m.repository_id = ? AND m.tag = ? ORDER BY m.number`, repositoryId, tag)
}

/** Those that wait of some repositories, the oldest first. */
export async function listMovesIn(query: Query, repositoryIds: readonly number[]): Promise<TagMove[]> {
  const ids = JSON.stringify(repositoryIds)
  return await query.all<TagMove>(
    `${MOVES} WHERE m.repository_id IN (SELECT CAST(value AS INTEGER) FROM json_each(?)) ORDER BY m.number`,
    ids,
  )
}

/** They are in the storage. Those alone: a transaction that drew a smaller number may be committed since they were listed. */
export async function deleteMoves(query: Query, moves: readonly TagMove[]): Promise<void> {
  await query.run(
    `DELETE FROM tag_move WHERE (number, repository_id, tag) IN
       (SELECT CAST(value ->> 0 AS INTEGER), CAST(value ->> 1 AS INTEGER), value ->> 2 FROM json_each(?))`,
    JSON.stringify(moves.map(({ number, repositoryId, tag }) => [number, repositoryId, tag])),
  )
}
