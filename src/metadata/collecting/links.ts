import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { BEING_REMOVED } from '../content.ts'
import { CLOCK_MS, type Query, type Stamp } from '../query.ts'

/** Links of blobs as the collector sees them (docs/collector.md, Links, then bytes). All times are those of its clock. */

/** Rows are read in slices of at most so many: one is a turn of the event loop. */
export const SLICE = 200
/** So many rows are compared for the largest: a few milliseconds. */
const LOOKED_AT_FOR_SIZE = 1_000

/** By a manifest, or by the link of another digest of the same bytes: registry:2 serves those only while this link is there as well. */
const NAMED = `(EXISTS (SELECT 1 FROM reference f WHERE f.target = l.digest AND f.repository_id = l.repository_id)
  OR EXISTS (SELECT 1 FROM link a WHERE a.target = l.digest AND a.repository_id = l.repository_id AND a.digest <> l.digest))`
const OPAQUE =
  'EXISTS (SELECT 1 FROM manifest o INDEXED BY manifest_opaque WHERE o.repository_id = l.repository_id AND o.opaque = 1)'

export interface LinkSeen {
  readonly digest: Digest
  /** Since when nothing in the repository has named or asked for it; null while something does, and when it is condemned already. */
  readonly unneededSinceMs: number | null
  /** Of the bytes of its blob, shared out among all links that name them; 0 while it is needed. */
  readonly bytes: number
}

/** A slice of the links of a repository, by digest. The index of digests takes a comparison with one column alone. */
export async function listLinkSlice(
  query: Query,
  repositoryId: number,
  after: string,
  limit: number = SLICE,
): Promise<LinkSeen[]> {
  return await query.all<LinkSeen>(
    `SELECT digest, unneededSinceMs,
       CASE WHEN unneededSinceMs IS NULL THEN 0 ELSE coalesce((SELECT size FROM blob b WHERE b.digest = s.target), 0)
         / (SELECT count(*) FROM link k WHERE k.target = s.target) END AS bytes
     FROM (SELECT l.digest AS digest, l.target AS target,
             CASE WHEN l.target IS NOT NULL AND l.condemned_ms IS NULL AND NOT ${NAMED} THEN l.touched_ms END AS unneededSinceMs
           FROM link l WHERE l.repository_id = ? AND l.digest > ? ORDER BY l.digest LIMIT ?) s`,
    repositoryId,
    after,
    limit,
  )
}

/** True where something in a repository cannot be read: none of its links falls due. */
export async function isOpaque(query: Query, repositoryId: number): Promise<boolean> {
  return (
    (await query.get(`SELECT 1 FROM (SELECT CAST(? AS INTEGER) AS repository_id) l WHERE ${OPAQUE}`, repositoryId)) !== undefined
  )
}

/** Condemns those of these links that are still due. How many. */
export async function condemnLinks(
  query: Query,
  repositoryId: number,
  digests: readonly Digest[],
  touchedBefore: number,
): Promise<number> {
  const condemned = await query.all(
    `UPDATE link AS l SET condemned_ms = ${CLOCK_MS}
     WHERE l.repository_id = ? AND l.digest IN (SELECT value FROM json_each(?))
       AND l.target IS NOT NULL AND l.condemned_ms IS NULL AND l.touched_ms <= ? AND NOT ${NAMED} RETURNING digest`,
    repositoryId,
    JSON.stringify(digests),
    touchedBefore,
  )
  return condemned.length
}

export interface CondemnedLink {
  readonly repository: RepositoryName
  readonly repositoryId: number
  readonly digest: Digest
  readonly target: Digest
  readonly condemnedMs: number
}

/** The columns of a `CondemnedLink`, of a repository `r` and a link `l`. */
const CONDEMNED =
  'r.name AS repository, l.repository_id AS repositoryId, l.digest AS digest, l.target AS target, l.condemned_ms AS condemnedMs'

/** Some links that have been condemned since then or longer, the oldest first. */
export async function listCondemnedLinks(query: Query, condemnedBefore: number, limit: number): Promise<CondemnedLink[]> {
  return await query.all<CondemnedLink>(
    `SELECT ${CONDEMNED}
     FROM link l INDEXED BY link_condemned JOIN repository r ON r.id = l.repository_id
     WHERE l.condemned_ms > 0 AND l.condemned_ms <= ? ORDER BY l.condemned_ms LIMIT ?`,
    condemnedBefore,
    limit,
  )
}

/** Those of these links that are condemned, since whenever. */
export async function findCondemnedLinks(
  query: Query,
  repositoryId: number,
  digests: readonly Digest[],
): Promise<CondemnedLink[]> {
  return await query.all<CondemnedLink>(
    `SELECT ${CONDEMNED}
     FROM link l JOIN repository r ON r.id = l.repository_id
     WHERE l.repository_id = ? AND l.digest IN (SELECT value FROM json_each(?)) AND l.condemned_ms > 0`,
    repositoryId,
    JSON.stringify(digests),
  )
}

/**
 * As `listCondemnedLinks`, but it compares the first rows and gives the links with the largest bytes. Only the first rows, because no index has the
 * links by size.
 */
export async function listLargestCondemnedLinks(query: Query, condemnedBefore: number, limit: number): Promise<CondemnedLink[]> {
  return await query.all<CondemnedLink>(
    `SELECT ${CONDEMNED}
     FROM (SELECT * FROM link INDEXED BY link_condemned
           WHERE condemned_ms > 0 AND condemned_ms <= ? ORDER BY condemned_ms LIMIT ${LOOKED_AT_FOR_SIZE}) l
     JOIN repository r ON r.id = l.repository_id LEFT JOIN blob b ON b.digest = l.target
     ORDER BY coalesce(b.size, 0) DESC, l.condemned_ms LIMIT ?`,
    condemnedBefore,
    limit,
  )
}

/**
 * Inside the claiming transaction of their removal: those of these links that nothing needs and no other operation has a claim on. From here on
 * no request can rescue them.
 */
export async function takeCondemnedLinks(query: Query, candidates: readonly CondemnedLink[]): Promise<readonly CondemnedLink[]> {
  const rows = await query.all<Pick<CondemnedLink, 'repositoryId' | 'digest'>>(
    `UPDATE link AS l SET condemned_ms = ${BEING_REMOVED} FROM json_each(?)
     WHERE ${IS_LISTED} AND l.condemned_ms = CAST(value ->> 2 AS INTEGER) AND NOT ${NAMED} AND NOT ${OPAQUE}
       AND NOT EXISTS (SELECT 1 FROM claim c WHERE c.kind = 'link' AND c.repository = value ->> 3 AND c.name = l.digest)
     RETURNING repository_id AS repositoryId, digest`,
    listed(candidates),
  )
  const taken = new Set(rows.map(keyOf))
  return candidates.filter((link) => taken.has(keyOf(link)))
}

/** Gives back to their readers those of these links that something names by now, or that lie in a repository which cannot be read. */
export async function spareNeededLinks(query: Query, candidates: readonly CondemnedLink[]): Promise<void> {
  await query.run(
    `UPDATE link AS l SET condemned_ms = NULL FROM json_each(?)
     WHERE ${IS_LISTED} AND l.condemned_ms > 0 AND (${NAMED} OR ${OPAQUE})`,
    listed(candidates),
  )
}

/** The files of these links have gone. */
export async function setLinksGone(query: Query, links: readonly CondemnedLink[], stamp: Stamp): Promise<void> {
  await query.run(
    `UPDATE link AS l SET target = NULL, condemned_ms = NULL, touched_ms = ${CLOCK_MS}, number = ?, epoch = ? FROM json_each(?)
     WHERE ${IS_LISTED}`,
    stamp.number,
    stamp.epoch,
    listed(links),
  )
}

/** Of the link `l`, beside a list for `json_each`. */
const IS_LISTED = 'l.repository_id = CAST(value ->> 0 AS INTEGER) AND l.digest = value ->> 1'

function listed(links: readonly CondemnedLink[]): string {
  return JSON.stringify(
    links.map(({ repositoryId, digest, condemnedMs, repository }) => [repositoryId, digest, condemnedMs, repository]),
  )
}

function keyOf({ repositoryId, digest }: Pick<CondemnedLink, 'repositoryId' | 'digest'>): string {
  return `${repositoryId} ${digest}`
}

/** An operation builds on them: as `rescueLink`, in one statement. */
export async function rescueLinks(query: Query, repositoryId: number, digests: readonly Digest[]): Promise<void> {
  await query.run(
    `UPDATE link SET condemned_ms = NULL, touched_ms = ${CLOCK_MS}
     WHERE repository_id = ? AND digest IN (SELECT value FROM json_each(?)) AND condemned_ms > 0`,
    repositoryId,
    JSON.stringify(digests),
  )
}

/** What became of content that a request got, or builds on. `gone`: also what is being removed. `there`: it was not condemned. */
export type Rescued = 'gone' | 'there' | 'rescued'

/** A request got it, or builds on it: it is condemned no more, with its full grace. */
export async function rescueLink(query: Query, repositoryId: number, digest: Digest): Promise<Rescued> {
  const row = await query.get<{ condemnedMs: number | null }>(
    'SELECT condemned_ms AS condemnedMs FROM link WHERE repository_id = ? AND digest = ? AND target IS NOT NULL',
    repositoryId,
    digest,
  )
  if (row === undefined || row.condemnedMs === BEING_REMOVED) return 'gone'
  if (row.condemnedMs === null) return 'there'
  await query.run(
    `UPDATE link SET condemned_ms = NULL, touched_ms = ${CLOCK_MS} WHERE repository_id = ? AND digest = ?`,
    repositoryId,
    digest,
  )
  return 'rescued'
}

/** How many are condemned and not being removed; no more than so many are counted. */
export async function countCondemnedLinks(query: Query, atMost: number): Promise<number> {
  const row = await query.get<{ count: number }>(
    'SELECT count(*) AS count FROM (SELECT 1 FROM link INDEXED BY link_condemned WHERE condemned_ms > 0 LIMIT ?) counted',
    atMost,
  )
  return row?.count ?? 0
}
