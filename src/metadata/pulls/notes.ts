import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Tag } from '../../oci/reference.ts'
import { CLOCK_MS, type Query } from '../query.ts'

/** Pulls of one manifest that came by the same name. */
export interface NotedPulls {
  readonly repository: RepositoryName
  /** Which record of the storage tells of the repository. */
  readonly shard: number
  /** Undefined: by the digest alone. */
  readonly tag: Tag | undefined
  readonly digest: Digest
  readonly count: number
  /** Those that were not a part of another pull, as the image of one platform is of the pull of its image index. */
  readonly ofRepository: number
  /** Of the last one, by the wall clock. */
  readonly lastMs: number
}

export const DAY_MS = 24 * 60 * 60 * 1000

export function dayNumberOf(atMs: number): number {
  return Math.floor(atMs / DAY_MS)
}

/** Every pull is noted from now on, unless that was known already; `areAll`: false where some since then were noted nowhere. */
export async function notePullsKnown(query: Query, { areAll }: { readonly areAll: boolean }): Promise<void> {
  await query.run(
    `INSERT INTO counter (name, value) VALUES ('pulls-known-since-ms', ${CLOCK_MS})
     ON CONFLICT (name) DO ${areAll ? 'NOTHING' : 'UPDATE SET value = excluded.value'}`,
  )
}

/** Counts pulls that came just now: three statements, however many. Nothing is counted in a repository that has gone. */
export async function notePulls(query: Query, pulls: readonly NotedPulls[]): Promise<void> {
  const noted = JSON.stringify(
    pulls.map(({ repository, digest, tag = null, count, ofRepository, lastMs, shard }) => [
      ...[repository, digest, tag, count, ofRepository, lastMs, dayNumberOf(lastMs), shard],
    ]),
  )
  await query.run(
    `UPDATE manifest SET pulled_ms = ${CLOCK_MS}
     FROM (SELECT r.id AS id, value ->> 1 AS digest FROM json_each(?) JOIN repository r ON r.name = value ->> 0) j
     WHERE manifest.repository_id = j.id AND manifest.digest = j.digest`,
    noted,
  )
  await query.run(
    `WITH noted AS MATERIALIZED (SELECT r.name AS repository, value ->> 1 AS digest, value ->> 2 AS tag, CAST(value ->> 3 AS INTEGER) AS count,
         CAST(value ->> 4 AS INTEGER) AS of_repository, CAST(value ->> 5 AS INTEGER) AS last_ms, CAST(value ->> 6 AS INTEGER) AS day
       FROM json_each(?) JOIN repository r ON r.name = value ->> 0)
     INSERT INTO pull_day (repository, reference, day, count, last_ms)
     SELECT repository, reference, day, sum(count), max(last_ms) FROM (
       SELECT repository, digest AS reference, day, count, last_ms FROM noted
       UNION ALL SELECT repository, tag, day, count, last_ms FROM noted WHERE tag IS NOT NULL
       UNION ALL SELECT repository, '', day, of_repository, last_ms FROM noted WHERE of_repository > 0) counted
     WHERE true GROUP BY repository, reference, day
     ON CONFLICT (repository, reference, day) DO UPDATE
     SET count = pull_day.count + excluded.count, last_ms = max(pull_day.last_ms, excluded.last_ms)`,
    noted,
  )
  await query.run(
    `INSERT INTO pull_repository (name, shard, total, changed)
     SELECT r.name, max(CAST(value ->> 7 AS INTEGER)), sum(CAST(value ->> 4 AS INTEGER)), 1 FROM json_each(?) JOIN repository r ON r.name = value ->> 0
     WHERE true GROUP BY r.name
     ON CONFLICT (name) DO UPDATE SET total = pull_repository.total + excluded.total, changed = pull_repository.changed + 1, is_gone = 0`,
    noted,
  )
}
