import type { Digest, DigestAlgorithm } from '../oci/digest.ts'
import type { RepositoryName } from '../oci/name.ts'
import type { Query } from './query.ts'

/** One open upload. `state` is the storage's; null until something was written. */
export interface UploadRow {
  readonly id: string
  readonly repository: RepositoryName
  readonly algorithm: DigestAlgorithm
  readonly byteOffset: number
  /** Of the bytes up to the offset, where one process saw them all. */
  readonly digest: Digest | null
  readonly state: string | null
  /** The requests that may have its file open, the newest first: that one may record progress. Null: no request. */
  readonly writer: string | null
  /** The epoch in which `digest` was taken: after a power cut the bytes may be others. */
  readonly epoch: number
}

export interface UploadProgress {
  readonly byteOffset: number
  readonly digest: Digest | null
  readonly state: string | null
  /** Others that may still have the file of that state open. */
  readonly writer: string | null
  readonly epoch: number
}

/** What a session named when it ended: its file has no owner from then on but the request that ended it. */
export type EndedUpload = Pick<UploadRow, 'state'>

const COLUMNS = 'id, repository, algorithm, byte_offset AS byteOffset, digest, state, writer, epoch'

export async function insertUpload(query: Query, upload: Pick<UploadRow, 'id' | 'repository' | 'algorithm'>): Promise<void> {
  await query.run(
    'INSERT INTO upload (id, repository, algorithm, byte_offset, changed_at_ms, epoch) VALUES (?, ?, ?, 0, ?, 0)',
    upload.id,
    upload.repository,
    upload.algorithm,
    Date.now(),
  )
}

export async function findUpload(query: Query, repository: RepositoryName, id: string): Promise<UploadRow | undefined> {
  return await query.get<UploadRow>(`SELECT ${COLUMNS} FROM upload WHERE id = ? AND repository = ?`, id, repository)
}

export async function setUploadWriter(query: Query, id: string, writer: string): Promise<void> {
  await query.run('UPDATE upload SET writer = ?, changed_at_ms = ? WHERE id = ?', writer, Date.now(), id)
}

/** Records progress if the request is still the writer; false when another has taken over or the session has ended. */
export async function recordProgress(query: Query, id: string, writer: string, progress: UploadProgress): Promise<boolean> {
  const row = await query.get(
    `UPDATE upload SET byte_offset = ?, digest = ?, state = ?, writer = ?, epoch = ?, changed_at_ms = ?
     WHERE id = ? AND writer = ? RETURNING id`,
    progress.byteOffset,
    progress.digest,
    progress.state,
    progress.writer,
    progress.epoch,
    Date.now(),
    id,
    writer,
  )
  return row !== undefined
}

/** Ends a session. Gives the state that it had, null when nothing was written; undefined when there is none. */
export async function deleteUpload(query: Query, id: string): Promise<EndedUpload | undefined> {
  return await query.get<EndedUpload>('DELETE FROM upload WHERE id = ? RETURNING state', id)
}

/** The same, if the request is still the writer. */
export async function deleteUploadOf(query: Query, id: string, writer: string): Promise<EndedUpload | undefined> {
  return await query.get<EndedUpload>('DELETE FROM upload WHERE id = ? AND writer = ? RETURNING state', id, writer)
}

/** Removes a session if no request has touched it since then; undefined when one has. */
export async function deleteUploadUntouched(
  query: Query,
  id: string,
  beforeMs: number,
): Promise<Pick<UploadRow, 'state'> | undefined> {
  return await query.get('DELETE FROM upload WHERE id = ? AND changed_at_ms < ? RETURNING state', id, beforeMs)
}

/** Sessions that no request has changed since then. */
export async function listAbandonedUploads(query: Query, beforeMs: number, limit: number): Promise<UploadRow[]> {
  return await query.all<UploadRow>(`SELECT ${COLUMNS} FROM upload WHERE changed_at_ms < ? LIMIT ?`, beforeMs, limit)
}

export async function isUploadState(query: Query, state: string): Promise<boolean> {
  return (await query.get('SELECT 1 FROM upload WHERE state = ?', state)) !== undefined
}
