import type { RepositoryName } from '../../oci/name.ts'
import type { Reference } from '../../oci/reference.ts'
import type { Query } from '../query.ts'

/** In place of a tag or a digest: all of the repository. */
export const WHOLE_REPOSITORY = ''

export interface PullDayRow {
  /** Since 1970, in universal time. */
  readonly day: number
  readonly count: number
}

/** The days on which it was pulled, from one of them on, the oldest first: at most one row for each day that is kept. */
export async function listPullDays(
  query: Query,
  repository: RepositoryName,
  reference: Reference | typeof WHOLE_REPOSITORY,
  fromDay: number,
): Promise<PullDayRow[]> {
  return await query.all<PullDayRow>(
    'SELECT day, count FROM pull_day WHERE repository = ? AND reference = ? AND day >= ? ORDER BY day',
    repository,
    reference,
    fromDay,
  )
}

/** Sums of pulls. */
export interface PullSums {
  /** Of today and the six days before. */
  readonly days7: number
  /** Of today and the 29 days before. */
  readonly days30: number
  /** The last one, by the wall clock; null where none of the days that are kept has one. */
  readonly lastMs: number | null
}

export const NO_PULLS: PullSums = { days7: 0, days30: 0, lastMs: null }

/** Of some tags, digests, or the whole repository, those that were pulled. Reads a row for each day that is kept of each. */
export async function findPullSums(
  query: Query,
  repository: RepositoryName,
  references: readonly string[],
  today: number,
): Promise<ReadonlyMap<string, PullSums>> {
  const rows = await query.all<PullSums & { reference: string }>(
    `SELECT j.value AS reference, CAST(sum(CASE WHEN p.day > ? THEN p.count ELSE 0 END) AS INTEGER) AS days7,
       CAST(sum(CASE WHEN p.day > ? THEN p.count ELSE 0 END) AS INTEGER) AS days30, max(p.last_ms) AS lastMs
     FROM json_each(?) j CROSS JOIN pull_day p ON p.repository = CAST(? AS TEXT) AND p.reference = j.value
     GROUP BY j.value`,
    today - 7,
    today - 30,
    JSON.stringify(references),
    repository,
  )
  return new Map(rows.map(({ reference, ...sums }) => [reference, sums]))
}

/**
 * What was pulled on the last 30 days, among what stands on the next rows of the repository; `next`: the look goes on behind it; undefined: it is at its
 * end.
 */
export async function listPulledReferences(
  query: Query,
  repository: RepositoryName,
  { after, today, limit }: { readonly after: string; readonly today: number; readonly limit: number },
) {
  const end = await query.get<{ reference: string }>(
    'SELECT reference FROM pull_day WHERE repository = ? AND reference > ? ORDER BY reference LIMIT 1 OFFSET ?',
    repository,
    after,
    limit - 1,
  )
  const rows = await query.all<{ reference: string; count: number }>(
    `SELECT reference, CAST(sum(count) AS INTEGER) AS count FROM pull_day
     WHERE repository = CAST(? AS TEXT) AND reference > CAST(? AS TEXT) AND reference <= CAST(? AS TEXT) AND day > CAST(? AS INTEGER)
     GROUP BY reference HAVING sum(count) > 0`,
    repository,
    after,
    end?.reference ?? '\u{10ffff}',
    today - 30,
  )
  return { rows, next: end?.reference }
}

/** All pulls of a repository since they are counted. */
export async function countAllPulls(query: Query, repository: RepositoryName): Promise<number> {
  return (await query.get<{ total: number }>('SELECT total FROM pull_repository WHERE name = ?', repository))?.total ?? 0
}
