import type { Digest } from '../../oci/digest.ts'
import type { Tag } from '../../oci/reference.ts'
import { CLOCK_MS, type Query } from '../query.ts'

/** The present time of the collector's clock, in which all times here are. */
export async function readClockMs(query: Query): Promise<number> {
  const row = await query.get<{ value: number }>("SELECT value FROM counter WHERE name = 'clock-ms'")
  if (row === undefined) throw new Error('the metadata database has no clock')
  return row.value
}

/** Since when every pull is noted; undefined where none is yet. */
export async function readPullsKnownSinceMs(query: Query): Promise<number | undefined> {
  return (await query.get<{ value: number }>("SELECT value FROM counter WHERE name = 'pulls-known-since-ms'"))?.value
}

export interface TagTime {
  readonly tag: Tag
  readonly digest: Digest
  readonly pushedMs: number
}

/** Notes when tags were pushed, where that is not known yet and they have not moved since. No time is later than now. */
export async function notePushedTags(query: Query, repositoryId: number, times: readonly TagTime[]): Promise<void> {
  await query.run(
    `UPDATE tag SET pushed_ms = min(j.ms, ${CLOCK_MS})
     FROM (SELECT value ->> 0 AS name, value ->> 1 AS digest, value ->> 2 AS ms FROM json_each(?)) j
     WHERE tag.repository_id = ? AND tag.name = j.name AND tag.digest = j.digest AND tag.pushed_ms IS NULL`,
    JSON.stringify(times.map(({ tag, digest, pushedMs }) => [tag, digest, Math.round(pushedMs)])),
    repositoryId,
  )
}

export interface ManifestTime {
  readonly digest: Digest
  readonly pushedMs: number
}

/** The same of manifests. */
export async function notePushedManifests(query: Query, repositoryId: number, times: readonly ManifestTime[]): Promise<void> {
  await query.run(
    `UPDATE manifest SET pushed_ms = min(j.ms, ${CLOCK_MS})
     FROM (SELECT value ->> 0 AS digest, value ->> 1 AS ms FROM json_each(?)) j
     WHERE manifest.repository_id = ? AND manifest.digest = j.digest AND manifest.pushed_ms IS NULL`,
    JSON.stringify(times.map(({ digest, pushedMs }) => [digest, Math.round(pushedMs)])),
    repositoryId,
  )
}

/** These manifests, and no others of the repository, have no tag: those that had none before keep their time, for the others it begins now. */
export async function noteUntagged(query: Query, repositoryId: number, digests: readonly Digest[]): Promise<void> {
  const list = JSON.stringify(digests)
  await query.run(
    'DELETE FROM untagged WHERE repository_id = ? AND digest NOT IN (SELECT value FROM json_each(?))',
    repositoryId,
    list,
  )
  await query.run(
    `INSERT INTO untagged (repository_id, digest, since_ms) SELECT ?, value, ${CLOCK_MS} FROM json_each(?) WHERE true ON CONFLICT DO NOTHING`,
    repositoryId,
    list,
  )
}

export async function countUntagged(query: Query, repositoryId: number): Promise<number> {
  const row = await query.get<{ count: number }>('SELECT count(*) AS count FROM untagged WHERE repository_id = ?', repositoryId)
  return row?.count ?? 0
}
