import type { Digest } from '../../oci/digest.ts'
import { currentNumber, type Query } from '../query.ts'

/** read: all is known. unread: the background reads it. waiting: a layer or the config has not come, as of what comes from another registry. nothing: it is no image that runs. */
export type InsideState = 'read' | 'unread' | 'waiting' | 'nothing'

const STATES: Readonly<Record<number, InsideState>> = { 0: 'read', 1: 'unread', 2: 'waiting', [-1]: 'nothing' }

export interface ImageInsideRow {
  readonly state: InsideState
  /** JSON; null until it is read. */
  readonly facts: string | null
}

export async function findImageInside(query: Query, digest: Digest): Promise<ImageInsideRow | undefined> {
  const row = await query.get<{ state: number; facts: string | null }>(
    'SELECT state, facts FROM image_inside WHERE digest = ?',
    digest,
  )
  return row && { state: STATES[row.state] ?? 'unread', facts: row.facts }
}

/** Compressed, as they were put. */
export async function findImagePackages(query: Query, digest: Digest): Promise<Uint8Array | undefined> {
  const row = await query.get<{ packages: Uint8Array | null }>('SELECT packages FROM image_inside WHERE digest = ?', digest)
  return row?.packages ?? undefined
}

/** The condition of the index of these rows: a statement that does not repeat it reads the rows of all images. */
const IS_UNREAD = 'state > 0'

/** Beyond all numbers of pushes: what callers ask for is read before them. */
const ASKED = 1_000_000_000_000_000
/** Beyond those, too. */
const BEYOND = 2 * ASKED

/** Those that are to be read, the first of them. */
export async function listUnreadImages(query: Query, which: 'asked' | 'all', limit: number): Promise<readonly Digest[]> {
  const rows = await query.all<{ digest: Digest }>(
    `SELECT digest FROM image_inside WHERE state = 1 AND ${IS_UNREAD} AND turn >= ? ORDER BY turn DESC LIMIT ?`,
    which === 'asked' ? ASKED : 0,
    limit,
  )
  return rows.map(({ digest }) => digest)
}

export async function countUnreadImages(query: Query): Promise<number> {
  const sql = `SELECT count(*) AS count FROM image_inside WHERE state = 1 AND ${IS_UNREAD}`
  return (await query.get<{ count: number }>(sql))?.count ?? 0
}

/** An image that waits for bytes. */
export interface WaitingImage {
  readonly digest: Digest
  readonly turn: number
  /** What it waits for has come. */
  readonly isThere: boolean
}

/** Some that wait, the last pushed first; `after` one of them. Whether bytes have come is asked for these alone: a mirror may have hundreds of thousands that wait. */
export async function listWaitingImages(
  query: Query,
  after: Pick<WaitingImage, 'digest' | 'turn'> | undefined,
  limit: number,
): Promise<readonly WaitingImage[]> {
  const rows = await query.all<{ digest: Digest; turn: number; there: string | null }>(
    `SELECT w.digest AS digest, w.turn AS turn, b.digest AS there
     FROM (SELECT digest, turn, missing FROM image_inside
       WHERE state = 2 AND ${IS_UNREAD} AND (turn, digest) < (CAST(? AS INTEGER), ?)
       ORDER BY turn DESC, digest DESC LIMIT CAST(? AS INTEGER)) w
     LEFT JOIN blob b ON b.digest = w.missing AND b.state = 'live' ORDER BY w.turn DESC, w.digest DESC`,
    after?.turn ?? BEYOND,
    after?.digest ?? '',
    limit,
  )
  return rows.map(({ digest, turn, there }) => ({ digest, turn, isThere: there !== null }))
}

/** They are read next: what they waited for has come, or a caller asks for one, which goes before all else. */
export async function readNext(query: Query, digests: readonly Digest[], from: 'waiting' | 'unread'): Promise<void> {
  await query.run(
    'UPDATE image_inside SET state = 1, turn = ? WHERE state = ? AND digest IN (SELECT value FROM json_each(?))',
    (await currentNumber(query)) + (from === 'unread' ? ASKED : 0),
    from === 'waiting' ? 2 : 1,
    JSON.stringify(digests),
  )
}

/** What was kept of one of its layers has gone: the image is read once more. */
export async function readAgain(query: Query, digest: Digest): Promise<void> {
  await query.run(
    'INSERT INTO inside_gone (id) SELECT id FROM image_inside WHERE digest = ? AND id IS NOT NULL ON CONFLICT DO NOTHING',
    digest,
  )
  await query.run(
    'UPDATE image_inside SET state = 1, turn = ?, id = NULL, facts = NULL, packages = NULL WHERE digest = ? AND state = 0',
    (await currentNumber(query)) + ASKED,
    digest,
  )
}

/** It cannot be read until these bytes come. */
export async function setImageWaiting(query: Query, digest: Digest, missing: Digest): Promise<void> {
  await query.run('UPDATE image_inside SET state = 2, missing = ? WHERE digest = ? AND state = 1', missing, digest)
}

export async function setNothingInside(query: Query, digest: Digest): Promise<void> {
  await query.run('UPDATE image_inside SET state = -1 WHERE digest = ? AND state = 1', digest)
}

export interface NamedPackage {
  readonly type: string
  readonly name: string
  readonly version: string
}

/** Notes that an image has these packages; a few hundred at a time. May be repeated. */
export async function putImagePackages(query: Query, imageId: number, packages: readonly NamedPackage[]): Promise<void> {
  const list = JSON.stringify(packages.map(({ name, type, version }) => [name, type, version]))
  await query.run(
    `INSERT INTO package (name, type, version)
     SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)
     WHERE true ON CONFLICT DO NOTHING`,
    list,
  )
  await query.run(
    `INSERT INTO image_package (package_id, image_id) SELECT p.id, CAST(? AS INTEGER) FROM json_each(?) j
       JOIN package p ON p.name = j.value ->> 0 AND p.type = j.value ->> 1
         AND p.version = j.value ->> 2
     WHERE true ON CONFLICT DO NOTHING`,
    imageId,
    list,
  )
}

export interface ReadImage {
  readonly id: number
  /** JSON. */
  readonly facts: string
  readonly packages: Uint8Array
}

/** All of it is known, and found from now on. Nothing is kept where the image has gone meanwhile, or another process has read it. */
export async function setImageRead(query: Query, digest: Digest, { id, facts, packages }: ReadImage): Promise<void> {
  const row = await query.get(
    `UPDATE image_inside SET state = 0, missing = NULL, id = ?, facts = ?, packages = ?
     WHERE digest = ? AND state = 1 AND EXISTS (SELECT 1 FROM inside_gone WHERE id = ?) RETURNING digest`,
    id,
    facts,
    packages,
    digest,
    id,
  )
  if (row !== undefined) await query.run('DELETE FROM inside_gone WHERE id = ?', id)
}
