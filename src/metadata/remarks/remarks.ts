import type { RepositoryName } from '../../oci/name.ts'
import type { Query } from '../query.ts'

export interface RemarkRow {
  /** Null: none was set, and that of its newest image counts. */
  readonly description: string | null
  readonly stars: number
}

export async function findRemark(query: Query, repository: RepositoryName): Promise<RemarkRow> {
  const row = await query.get<RemarkRow>('SELECT description, stars FROM remark WHERE repository = ?', repository)
  return row ?? { description: null, stars: 0 }
}

/** `user`: as the file of the star is called. */
export async function hasStar(query: Query, repository: RepositoryName, user: string): Promise<boolean> {
  return (await query.get('SELECT 1 FROM star WHERE repository = ? AND user = ?', repository, user)) !== undefined
}

/** The storage has this description, or none. */
export async function putDescription(query: Query, repository: RepositoryName, description: string | undefined): Promise<void> {
  if (description === undefined)
    await query.run('UPDATE remark SET description = NULL WHERE repository = ? AND description IS NOT NULL', repository)
  else
    await query.run(
      `INSERT INTO remark (repository, description) VALUES (?, ?)
       ON CONFLICT (repository) DO UPDATE SET description = excluded.description WHERE remark.description IS DISTINCT FROM excluded.description`,
      repository,
      description,
    )
}

/** The storage has this star, or has it not. */
export async function putStar(query: Query, repository: RepositoryName, user: string, isThere: boolean): Promise<void> {
  if (isThere) await query.run('INSERT INTO star (repository, user) VALUES (?, ?) ON CONFLICT DO NOTHING', repository, user)
  else await query.run('DELETE FROM star WHERE repository = ? AND user = ?', repository, user)
}

/** A star, by the name of its file; '' for the description. */
export interface RemarkName {
  readonly repository: RepositoryName
  readonly user: string
}

/** A slice of what the rows say, in order: a look at the storage finds what has gone from it. */
export async function listRemarkNames(query: Query, after: RemarkName, limit: number): Promise<RemarkName[]> {
  return await query.all<RemarkName>(
    `SELECT repository, user FROM (
       SELECT * FROM (SELECT repository, '' AS user FROM remark WHERE repository > ? AND description IS NOT NULL ORDER BY repository LIMIT ?) described
       UNION ALL
       SELECT * FROM (SELECT repository, user FROM star WHERE repository >= ? AND (repository > ? OR user > ?) ORDER BY repository, user LIMIT ?) starred) remarks
     ORDER BY repository, user LIMIT ?`,
    ...[after.repository, limit, after.repository, after.repository, after.user, limit, limit],
  )
}

/** The weight of what a search finds, by the name of the repository. */
export interface Weight {
  readonly stars: number
  readonly pulls: number
}

/** Of those that have any. */
export async function findWeights(query: Query, names: readonly string[]): Promise<ReadonlyMap<string, Weight>> {
  const rows = await query.all<Weight & { name: string }>(
    `SELECT j.value AS name, coalesce(m.stars, 0) AS stars, coalesce(p.total, 0) AS pulls FROM json_each(?) j
     LEFT JOIN remark m ON m.repository = j.value LEFT JOIN pull_repository p ON p.name = j.value
     WHERE m.stars > 0 OR p.total > 0`,
    JSON.stringify(names),
  )
  return new Map(rows.map(({ name, ...weight }) => [name, weight]))
}
