import type { RepositoryName } from '../../oci/name.ts'
import type { Query } from '../query.ts'

/** What the record of one repository says. */
export interface PullRepositoryRow {
  readonly name: RepositoryName
  readonly total: number
  readonly changed: number
  readonly isGone: 0 | 1
}

export interface RecordedDay {
  readonly reference: string
  readonly day: number
  readonly count: number
  readonly lastMs: number
}

/** Records of the storage that say less than the rows. */
export async function listChangedShards(query: Query): Promise<number[]> {
  const rows = await query.all<{ shard: number }>('SELECT DISTINCT shard FROM pull_repository WHERE changed > 0 ORDER BY shard')
  return rows.map(({ shard }) => shard)
}

/** A slice of the repositories of one record, by name. */
export async function listPulledRepositories(
  query: Query,
  shard: number,
  after: string,
  limit: number,
): Promise<PullRepositoryRow[]> {
  return await query.all<PullRepositoryRow>(
    `SELECT name, total, changed, is_gone AS isGone FROM pull_repository WHERE shard = ? AND name > ? ORDER BY name LIMIT ?`,
    shard,
    after,
    limit,
  )
}

export interface DayPlace {
  readonly reference: string
  readonly day: number
}

/** A slice of the days of one repository. */
export async function listRecordedDays(
  query: Query,
  repository: RepositoryName,
  after: DayPlace,
  limit: number,
): Promise<RecordedDay[]> {
  return await query.all<RecordedDay>(
    `SELECT reference, day, count, last_ms AS lastMs FROM pull_day
     WHERE repository = ? AND reference >= ? AND (reference > ? OR day > ?) ORDER BY reference, day LIMIT ?`,
    repository,
    after.reference,
    after.reference,
    after.day,
    limit,
  )
}

/** Their record says all of it, unless they have changed since. */
export async function markRecorded(query: Query, rows: readonly PullRepositoryRow[]): Promise<void> {
  await query.run(
    `UPDATE pull_repository SET changed = 0
     FROM (SELECT value ->> 0 AS name, CAST(value ->> 1 AS INTEGER) AS changed FROM json_each(?)) j
     WHERE pull_repository.name = j.name AND pull_repository.changed = j.changed AND pull_repository.changed > 0`,
    JSON.stringify(rows.map(({ name, changed }) => [name, changed])),
  )
}

/** Rows that one transaction deletes or adds. */
const ROWS_AT_ONCE = 500

/** Some days of a repository that has gone. False when there are no more of them. */
export async function deleteSomeDaysOf(query: Query, repository: RepositoryName): Promise<boolean> {
  const rows = await query.all(
    `DELETE FROM pull_day WHERE (repository, reference, day) IN
       (SELECT repository, reference, day FROM pull_day WHERE repository = ? LIMIT ${ROWS_AT_ONCE}) RETURNING 1`,
    repository,
  )
  return rows.length === ROWS_AT_ONCE
}

/** Once none of its days is left, and its record has none: a repository of that name begins at 0. */
export async function forgetGone(query: Query, { name, changed }: PullRepositoryRow): Promise<void> {
  await query.run('DELETE FROM pull_repository WHERE name = ? AND changed = ? AND is_gone = 1', name, changed)
}

export interface KeptDays {
  /** The first day that is kept of tags and digests, and that of whole repositories. */
  readonly content: number
  readonly repository: number
}

/** Deletes some days that are over. False when there are no more of them. */
export async function deleteSomeOldDays(query: Query, { content, repository }: KeptDays): Promise<boolean> {
  const old = (which: string) => `DELETE FROM pull_day WHERE (repository, reference, day) IN
     (SELECT repository, reference, day FROM pull_day WHERE reference ${which} '' AND day < ? LIMIT ${ROWS_AT_ONCE}) RETURNING 1`
  const ofContent = await query.all(old('<>'), content)
  const ofRepositories = await query.all(old('='), repository)
  return ofContent.length === ROWS_AT_ONCE || ofRepositories.length === ROWS_AT_ONCE
}

/** What a record says, where no row says anything: nothing was counted since the database began. May be repeated. */
export async function restorePulls(
  query: Query,
  { name, shard, total }: { readonly name: RepositoryName; readonly shard: number; readonly total: number },
  days: readonly RecordedDay[],
): Promise<void> {
  await query.run(
    'INSERT INTO pull_repository (name, shard, total, changed) VALUES (?, ?, ?, 0) ON CONFLICT (name) DO NOTHING',
    name,
    shard,
    total,
  )
  await query.run(
    `INSERT INTO pull_day (repository, reference, day, count, last_ms)
     SELECT CAST(? AS TEXT), value ->> 0, CAST(value ->> 1 AS INTEGER), CAST(value ->> 2 AS INTEGER), CAST(value ->> 3 AS INTEGER)
     FROM json_each(?) WHERE true ON CONFLICT DO NOTHING`,
    name,
    JSON.stringify(days.map(({ reference, day, count, lastMs }) => [reference, day, count, lastMs])),
  )
}
