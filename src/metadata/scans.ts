import type { Digest } from '../oci/digest.ts'
import type { RepositoryName } from '../oci/name.ts'
import type { Tag } from '../oci/reference.ts'
import { deleteUnheldContent } from './manifest-content.ts'
import { currentNumber, type Query } from './query.ts'

/** How far the scan of the present epoch is, and what was read of the records in the storage. */
export type ScanProperty =
  | 'names-epoch'
  | 'blobs-epoch'
  | 'seen-epoch'
  | 'complete-epoch'
  | 'complete-at-ms'
  | 'passed-over'
  | 'obstacles'
  | 'scrub'
  | 'pulls-restored'
  | 'remarks-epoch'
  | 'deployments-epoch'
  | 'webhooks-epoch'
  | 'accounts-told'
  | 'accounts-changing'
  | 'activity-restored'
  /** By the prefix of the mirror. */
  | `mirror-sync:${string}`

/**
 * Opens a scan and returns the number from which on rows are newer than what the scan will see. While it is open no tombstone
 * with a larger number goes: what the scan read before the deletion must not come back.
 */
export async function openScan(query: Query, id: string, process: string): Promise<number> {
  const number = await currentNumber(query)
  await query.run('INSERT INTO scan (id, process, number) VALUES (?, ?, ?)', id, process, number)
  return number
}

export async function closeScan(query: Query, id: string): Promise<void> {
  await query.run('DELETE FROM scan WHERE id = ?', id)
}

export async function listScanningProcesses(query: Query): Promise<string[]> {
  return (await query.all<{ process: string }>('SELECT DISTINCT process FROM scan')).map((row) => row.process)
}

export async function deleteScansOf(query: Query, process: string): Promise<void> {
  await query.run('DELETE FROM scan WHERE process = ?', process)
}

/** One transaction removes no more. */
export const MOST_TOMBSTONES = 50
/** And no more content than this, or that of one manifest. */
const CONTENT_BYTES_AT_ONCE = 1024 * 1024

const SCANNED = '(SELECT scanned_epoch FROM repository WHERE id = repository_id) = ?'
/** Each takes a number, an epoch and a limit. By itself SQLite takes an index of targets, and reads every tombstone for each slice. */
export const TOMBSTONE_PURGES = [
  `DELETE FROM tag WHERE (repository_id, name) IN
     (SELECT repository_id, name FROM tag INDEXED BY tag_gone WHERE digest IS NULL AND number <= ? AND ${SCANNED} LIMIT ?) RETURNING number`,
  `DELETE FROM link WHERE (repository_id, digest) IN
     (SELECT repository_id, digest FROM link INDEXED BY link_gone WHERE target IS NULL AND number <= ? AND ${SCANNED} LIMIT ?) RETURNING number`,
] as const
/** As those. */
export const MANIFEST_TOMBSTONES = `SELECT repository_id AS repositoryId, digest FROM manifest INDEXED BY manifest_gone
   WHERE linked = 0 AND number <= ? AND ${SCANNED} LIMIT ?`

/**
 * Removes at most so many tombstones up to a number that no open scan can mistake for a gap, and that tell of no change of which a request may come a second time, with the content of manifests that no repository holds
 * any more; true when there may be more. Only of repositories that are scanned in this epoch: elsewhere an absent row would mean 'look',
 * and the tombstone spares that.
 */
export async function purgeTombstones(
  query: Query,
  epoch: number,
  upTo: number,
  atOnce: number = MOST_TOMBSTONES,
): Promise<boolean> {
  const oldest = await query.get<{ number: number | null }>(
    `SELECT min(number) AS number FROM (SELECT number FROM scan UNION ALL SELECT value FROM counter WHERE name = 'expired') kept`,
  )
  const below = Math.min(oldest?.number ?? upTo, upTo)
  let left = atOnce
  for (const purge of TOMBSTONE_PURGES) {
    left -= (await query.all(purge, below, epoch, left)).length
    if (left === 0) return true
  }
  const gone = await query.all<{ repositoryId: number; digest: Digest }>(MANIFEST_TOMBSTONES, below, epoch, left)
  let bytes = 0
  for (const { repositoryId, digest } of gone) {
    if (bytes >= CONTENT_BYTES_AT_ONCE) return true
    bytes += await deleteUnheldContent(query, digest)
    await query.run('DELETE FROM manifest WHERE repository_id = ? AND digest = ?', repositoryId, digest)
  }
  return gone.length === left
}

export async function markRepositoryScanned(query: Query, repositoryId: number, epoch: number): Promise<void> {
  await query.run('UPDATE repository SET scanned_epoch = ? WHERE id = ?', epoch, repositoryId)
}

export async function readProperty(query: Query, name: ScanProperty): Promise<string | undefined> {
  return (await query.get<{ value: string }>('SELECT value FROM property WHERE name = ?', name))?.value
}

export async function writeProperty(query: Query, name: ScanProperty, value: string): Promise<void> {
  await query.run(
    'INSERT INTO property (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
    name,
    value,
  )
}

export interface RepositoryToScan {
  readonly id: number
  readonly name: RepositoryName
}

/** Repositories after a name that this epoch has not compared with the storage yet. */
export async function listUnscannedRepositories(
  query: Query,
  epoch: number,
  after: string,
  limit: number,
): Promise<RepositoryToScan[]> {
  return await query.all<RepositoryToScan>(
    'SELECT id, name FROM repository WHERE scanned_epoch <> ? AND name > ? ORDER BY name LIMIT ?',
    epoch,
    after,
    limit,
  )
}

/** The rows of a repository that say 'there': what is not in the storage any more must go. */
export async function listKnownTags(query: Query, repositoryId: number): Promise<Tag[]> {
  const rows = await query.all<{ name: Tag }>('SELECT name FROM tag WHERE repository_id = ? AND digest IS NOT NULL', repositoryId)
  return rows.map((row) => row.name)
}

export async function listKnownManifests(query: Query, repositoryId: number): Promise<Digest[]> {
  const rows = await query.all<{ digest: Digest }>(
    'SELECT digest FROM manifest WHERE repository_id = ? AND linked = 1',
    repositoryId,
  )
  return rows.map((row) => row.digest)
}

export async function listKnownLinks(query: Query, repositoryId: number): Promise<Digest[]> {
  const rows = await query.all<{ digest: Digest }>(
    'SELECT digest FROM link WHERE repository_id = ? AND target IS NOT NULL',
    repositoryId,
  )
  return rows.map((row) => row.digest)
}

/** Digests of blob rows whose text starts with this: one directory of blobs at a time. */
export async function listKnownBlobs(query: Query, prefix: string): Promise<Digest[]> {
  const rows = await query.all<{ digest: Digest }>(
    'SELECT digest FROM blob WHERE digest >= ? AND digest < ?',
    prefix,
    `${prefix}g`,
  )
  return rows.map((row) => row.digest)
}

/** Digests of blob rows after one digest, up to and with another one. */
export async function listKnownBlobsBetween(query: Query, after: string, upTo: string): Promise<Digest[]> {
  const rows = await query.all<{ digest: Digest }>('SELECT digest FROM blob WHERE digest > ? AND digest <= ?', after, upTo)
  return rows.map((row) => row.digest)
}
