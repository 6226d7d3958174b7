import type { Query } from './query.ts'

/** Where the bytes of uploads lie in an object store. Names, keys and tags are the storage's; here they are text. */

export interface ObjectUploadRow {
  readonly state: string
  readonly partSize: number
  readonly multipartKey: string | null
  readonly multipartId: string | null
  /** JSON of the storage's. */
  readonly pieces: string
  readonly changedAtMs: number
}

export interface ObjectPartRow {
  readonly number: number
  readonly etag: string
}

const COLUMNS = `state, part_size AS partSize, multipart_key AS multipartKey, multipart_id AS multipartId, pieces,
  changed_at_ms AS changedAtMs`

export async function insertObjectUpload(query: Query, state: string, partSize: number): Promise<void> {
  await query.run(
    "INSERT INTO object_upload (state, part_size, pieces, changed_at_ms) VALUES (?, ?, '[]', ?)",
    state,
    partSize,
    Date.now(),
  )
}

export async function findObjectUpload(query: Query, state: string): Promise<ObjectUploadRow | undefined> {
  return await query.get<ObjectUploadRow>(`SELECT ${COLUMNS} FROM object_upload WHERE state = ?`, state)
}

export async function listObjectUploads(query: Query): Promise<ObjectUploadRow[]> {
  return await query.all<ObjectUploadRow>(`SELECT ${COLUMNS} FROM object_upload ORDER BY state`)
}

export async function listObjectParts(query: Query, state: string): Promise<ObjectPartRow[]> {
  return await query.all<ObjectPartRow>('SELECT number, etag FROM object_part WHERE state = ? ORDER BY number', state)
}

export async function setObjectMultipart(query: Query, state: string, key: string | null, id: string | null): Promise<void> {
  const now = Date.now()
  await query.run(
    'UPDATE object_upload SET multipart_key = ?, multipart_id = ?, changed_at_ms = ? WHERE state = ?',
    key,
    id,
    now,
    state,
  )
}

export async function setObjectPieces(query: Query, state: string, pieces: string): Promise<void> {
  await query.run('UPDATE object_upload SET pieces = ?, changed_at_ms = ? WHERE state = ?', pieces, Date.now(), state)
}

export async function putObjectPart(query: Query, state: string, { number, etag }: ObjectPartRow): Promise<void> {
  await query.run(
    `INSERT INTO object_part (state, number, etag) VALUES (?, ?, ?)
     ON CONFLICT (state, number) DO UPDATE SET etag = excluded.etag`,
    state,
    number,
    etag,
  )
  await query.run('UPDATE object_upload SET changed_at_ms = ? WHERE state = ?', Date.now(), state)
}

/** Forgets every part beyond the first so many. */
export async function deleteObjectPartsAfter(query: Query, state: string, count: number): Promise<void> {
  await query.run('DELETE FROM object_part WHERE state = ? AND number > ?', state, count)
}

export async function deleteObjectUpload(query: Query, state: string): Promise<void> {
  await query.run('DELETE FROM object_part WHERE state = ?', state)
  await query.run('DELETE FROM object_upload WHERE state = ?', state)
}
