import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Query } from '../query.ts'

/** A blob that one process brings from another registry into a repository. */
export interface FetchName {
  readonly repository: RepositoryName
  readonly digest: Digest
}

export interface FetchRow {
  readonly process: string
  /** The epoch in which it began: what came in an older one may have been lost. */
  readonly epoch: number
  /** The file into which it comes; null before the first byte. */
  readonly state: string | null
  /** The same only where a process goes on with the bytes of another one. */
  readonly bytesId: string | null
  /** Bytes, as the other registry declared them; null: not known. */
  readonly size: number | null
}

/** The fetch of a blob that is under way, or was when its process died. */
export async function findFetch(query: Query, { repository, digest }: FetchName): Promise<FetchRow | undefined> {
  return await query.get<FetchRow>(
    'SELECT process, epoch, state, bytes_id AS bytesId, size FROM fetch WHERE repository = ? AND digest = ?',
    repository,
    digest,
  )
}

export interface BegunFetch extends FetchName {
  readonly process: string
  /** The prefix of its mirror, or ''. */
  readonly mirror: string
  readonly epoch: number
}

/** Begins a fetch in place of none, or of that of a process which was found dead. False when another process was first. */
export async function beginFetch(query: Query, fetch: BegunFetch, dead: string | undefined): Promise<boolean> {
  const row = await query.get(
    `INSERT INTO fetch (repository, digest, process, mirror, epoch) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (repository, digest) DO UPDATE SET process = excluded.process, epoch = excluded.epoch, state = NULL, reserved = 0
       WHERE fetch.process = ? RETURNING digest`,
    ...[fetch.repository, fetch.digest, fetch.process, fetch.mirror, fetch.epoch],
    dead ?? fetch.process,
  )
  return row !== undefined
}

/** Tells the other processes where the bytes come. */
export async function setFetchFile(
  query: Query,
  { repository, digest, process }: FetchName & Pick<FetchRow, 'process'>,
  { state, bytesId, size }: Pick<FetchRow, 'state' | 'bytesId' | 'size'>,
): Promise<void> {
  await query.run(
    'UPDATE fetch SET state = ?, bytes_id = ?, size = ? WHERE repository = ? AND digest = ? AND process = ?',
    ...[state, bytesId, size, repository, digest, process],
  )
}

export async function endFetch(
  query: Query,
  { repository, digest, process }: FetchName & Pick<FetchRow, 'process'>,
): Promise<void> {
  await query.run('DELETE FROM fetch WHERE repository = ? AND digest = ? AND process = ?', repository, digest, process)
}

/** How many bytes of its limit a mirror has given to what is on its way in this epoch. */
export async function sumReserved(query: Query, { mirror, epoch }: Pick<BegunFetch, 'mirror' | 'epoch'>): Promise<number> {
  const row = await query.get<{ bytes: number }>(
    'SELECT CAST(coalesce(sum(reserved), 0) AS INTEGER) AS bytes FROM fetch WHERE mirror = ? AND epoch = ?',
    mirror,
    epoch,
  )
  return row?.bytes ?? 0
}

export async function reserve(
  query: Query,
  { repository, digest, process }: FetchName & Pick<FetchRow, 'process'>,
  bytes: number,
): Promise<void> {
  await query.run(
    'UPDATE fetch SET reserved = ? WHERE repository = ? AND digest = ? AND process = ?',
    ...[bytes, repository, digest, process],
  )
}

/** Those that fetch, or remove what was fetched. */
export async function listFetchingProcesses(query: Query): Promise<string[]> {
  const rows = await query.all<{ process: string }>('SELECT process FROM fetch UNION SELECT process FROM leaving')
  return rows.map(({ process }) => process)
}

/** Those of a process that has died, and that no other one has taken over. What it has left in its removals is for the collector. */
export async function deleteFetchesOf(query: Query, process: string): Promise<void> {
  await query.run('DELETE FROM fetch WHERE process = ?', process)
  await query.run('DELETE FROM leaving WHERE process = ?', process)
}
