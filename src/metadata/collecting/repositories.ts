import type { RepositoryName } from '../../oci/name.ts'
import type { Query } from '../query.ts'
import { SLICE } from './links.ts'

/** Repositories in which nothing is left (docs/collector.md, Empty repositories). */
export interface EmptyRepositoryRow {
  readonly id: number
  readonly name: RepositoryName
}

/**
 * Of the repository `r`: nothing in the database is of it, a tombstone neither, so that every scan which may have seen something in it has ended. A
 * move of a tag waits for the history to have it.
 */
const IS_EMPTY = `NOT EXISTS (SELECT 1 FROM link x WHERE x.repository_id = r.id)
  AND NOT EXISTS (SELECT 1 FROM manifest x WHERE x.repository_id = r.id)
  AND NOT EXISTS (SELECT 1 FROM tag x WHERE x.repository_id = r.id)
  AND NOT EXISTS (SELECT 1 FROM reference x WHERE x.repository_id = r.id)
  AND r.id NOT IN (SELECT repository_id FROM tag_move)
  AND r.name NOT IN (SELECT repository FROM upload)`
/** Every kind of claim that is of a repository. */
const IS_CLAIMED = `EXISTS (SELECT 1 FROM claim c WHERE c.kind IN ('tag', 'manifest', 'link', 'repository') AND c.repository = r.name)`

/** A slice of all repositories, by their row: which of them are empty, and the last one that was looked at. */
export async function listEmptyRepositories(
  query: Query,
  epoch: number,
  after: number,
): Promise<{ readonly empty: readonly EmptyRepositoryRow[]; readonly last: number | undefined }> {
  const rows = await query.all<EmptyRepositoryRow & { readonly isEmpty: 0 | 1 }>(
    `SELECT id, name, r.scanned_epoch = ? AND ${IS_EMPTY} AS isEmpty
     FROM (SELECT * FROM repository WHERE id > ? ORDER BY id LIMIT ${SLICE}) r ORDER BY id`,
    epoch,
    after,
  )
  return {
    empty: rows.flatMap(({ id, name, isEmpty }) => (isEmpty === 1 ? [{ id, name }] : [])),
    last: rows.length < SLICE ? undefined : rows.at(-1)?.id,
  }
}

/**
 * Inside the claiming transaction of their removal: the ids of those repositories that are empty still, and in which no operation has a claim. From here
 * on an operation that would bring something into one of them waits.
 */
export async function takeEmptyRepositories(
  query: Query,
  candidates: readonly EmptyRepositoryRow[],
  epoch: number,
): Promise<readonly number[]> {
  const rows = await query.all<{ id: number }>(
    `UPDATE repository AS r SET state = 'leaving' WHERE r.id IN (SELECT CAST(value AS INTEGER) FROM json_each(?))
       AND r.scanned_epoch = ? AND ${IS_EMPTY} AND NOT ${IS_CLAIMED} RETURNING id`,
    listed(candidates),
    epoch,
  )
  return rows.map(({ id }) => id)
}

/** Their directories have gone, if they had any. One in which a scan has found something meanwhile keeps its row. */
export async function deleteEmptyRepositories(query: Query, gone: readonly EmptyRepositoryRow[]): Promise<void> {
  const ids = listed(gone)
  const deleted = await query.all<{ id: number }>(
    `DELETE FROM repository AS r WHERE r.id IN (SELECT CAST(value AS INTEGER) FROM json_each(?)) AND ${IS_EMPTY} RETURNING id`,
    ids,
  )
  const largest = Math.max(0, ...deleted.map(({ id }) => id))
  await query.run("UPDATE counter SET value = max(value, ?) WHERE name = 'repository-id'", largest)
  for (const statement of OF_REPOSITORIES) await query.run(statement, listed(deleted))
}

/** The removal has ended, whatever came of it: nothing tells which of their directories are left. */
export async function endLeaving(query: Query, names: readonly RepositoryName[]): Promise<void> {
  await query.run("UPDATE repository SET state = 'bare' WHERE name IN (SELECT value FROM json_each(?))", JSON.stringify(names))
}

/** What is noted of a repository although nothing is in it. */
const OF_REPOSITORIES = [
  'DELETE FROM quota_member WHERE repository_id IN (SELECT CAST(value AS INTEGER) FROM json_each(?))',
  'DELETE FROM untagged WHERE repository_id IN (SELECT CAST(value AS INTEGER) FROM json_each(?))',
] as const

function listed(repositories: readonly { readonly id: number }[]): string {
  return JSON.stringify(repositories.map(({ id }) => id))
}
