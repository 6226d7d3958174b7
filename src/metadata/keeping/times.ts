import type { Digest } from '../../oci/digest.ts'
import type { Tag } from '../../oci/reference.ts'
import { CLOCK_MS, type Query } from '../query.ts'
import { SLICE } from './facts.ts'

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
     FROM (SELECT value ->> 0 AS name, value ->> 1 AS digest, CAST(value ->> 2 AS INTEGER) AS ms FROM json_each(?)) j
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
     FROM (SELECT value ->> 0 AS digest, CAST(value ->> 1 AS INTEGER) AS ms FROM json_each(?)) j
     WHERE manifest.repository_id = ? AND manifest.digest = j.digest AND manifest.pushed_ms IS NULL`,
    JSON.stringify(times.map(({ digest, pushedMs }) => [digest, Math.round(pushedMs)])),
    repositoryId,
  )
}

/** A slice of the manifests of which it is noted since when they have no tag, by digest. */
export async function listNotedUntagged(query: Query, repositoryId: number, after: string): Promise<Digest[]> {
  const rows = await query.all<{ digest: Digest }>(
    `SELECT digest FROM untagged WHERE repository_id = ? AND digest > ? ORDER BY digest LIMIT ${SLICE}`,
    repositoryId,
    after,
  )
  return rows.map(({ digest }) => digest)
}

/** From now on it is known that these have no tag. One that got a tag since its caller looked is left out. */
export async function noteUntagged(query: Query, repositoryId: number, digests: readonly Digest[]): Promise<void> {
  await query.run(
    `INSERT INTO untagged (repository_id, digest, since_ms) SELECT j.repository_id, j.digest, ${CLOCK_MS}
     FROM (SELECT CAST(? AS INTEGER) AS repository_id, value AS digest FROM json_each(?)) j
     WHERE NOT EXISTS (SELECT 1 FROM tag t WHERE t.repository_id = j.repository_id AND t.digest = j.digest) ON CONFLICT DO NOTHING`,
    repositoryId,
    JSON.stringify(digests),
  )
}

/** They have a tag, or are gone, or go with another manifest: the time begins anew when that has changed. */
export async function forgetUntagged(query: Query, repositoryId: number, digests: readonly Digest[]): Promise<void> {
  await query.run(
    'DELETE FROM untagged WHERE repository_id = ? AND digest IN (SELECT value FROM json_each(?))',
    repositoryId,
    JSON.stringify(digests),
  )
}
