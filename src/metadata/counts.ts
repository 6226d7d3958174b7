import type { Query } from './query.ts'

/** How many rows there are of what an operator watches. Counting reads an index from end to end: seldom, never for a request. */

export async function countRepositories(query: Query): Promise<number> {
  return await count(query, 'SELECT count(*) AS count FROM repository')
}

/** Repositories that this epoch has not compared with the storage yet. */
export async function countUnscannedRepositories(query: Query, epoch: number): Promise<number> {
  return await count(query, 'SELECT count(*) AS count FROM repository WHERE scanned_epoch <> ?', epoch)
}

export async function countUploads(query: Query): Promise<number> {
  return await count(query, 'SELECT count(*) AS count FROM upload')
}

/** Operations that have claimed names and not confirmed them, of any process. */
export async function countClaims(query: Query): Promise<number> {
  return await count(query, 'SELECT count(DISTINCT operation) AS count FROM claim')
}

async function count(query: Query, sql: string, ...values: number[]): Promise<number> {
  return (await query.get<{ count: number }>(sql, ...values))?.count ?? 0
}
