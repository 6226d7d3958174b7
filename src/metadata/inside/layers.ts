import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { nextNumber, type Query } from '../query.ts'

/** A layer that was read. */
export interface LayerInside {
  readonly id: number
  readonly entries: number
  /** Why something of it is not told, a sentence each. */
  readonly problems: readonly string[]
}

export async function findLayerInside(query: Query, digest: Digest): Promise<LayerInside | undefined> {
  const row = await query.get<{ id: number; entries: number; problems: string }>(
    'SELECT id, entries, problems FROM layer_inside WHERE digest = ?',
    digest,
  )
  return row && { id: row.id, entries: row.entries, problems: JSON.parse(row.problems) as string[] }
}

/** The id of a layer or an image that is about to be read: what is written for it goes, unless its reading ends well. */
export async function beginInside(query: Query): Promise<number> {
  const id = await nextNumber(query)
  await query.run('INSERT INTO inside_gone (id) VALUES (?)', id)
  return id
}

/** Of this database. Throws where there is none. */
export async function getFingerprintKey(query: Query): Promise<string> {
  const row = await query.get<{ value: string }>("SELECT value FROM property WHERE name = 'fingerprint-key'")
  if (row === undefined) throw new Error('the metadata database has no key for fingerprints')
  return row.value
}

export async function putLayerPiece(query: Query, layerId: number, number: number, bytes: Uint8Array): Promise<void> {
  await query.run('INSERT INTO layer_piece (layer_id, number, bytes) VALUES (?, ?, ?)', layerId, number, bytes)
}

/** All of its pieces are there. False, and nothing is kept, where the layer has gone meanwhile, or another process has read it. */
export async function endLayer(
  query: Query,
  digest: Digest,
  { id, entries, problems, names }: LayerInside & { readonly names: Uint8Array },
): Promise<boolean> {
  const row = await query.get(
    `INSERT INTO layer_inside (digest, id, entries, problems, names) SELECT digest, ?, ?, ?, ? FROM blob
     WHERE digest = ? AND EXISTS (SELECT 1 FROM inside_gone WHERE id = ?) ON CONFLICT DO NOTHING RETURNING id`,
    id,
    entries,
    JSON.stringify(problems),
    names,
    digest,
    id,
  )
  if (row !== undefined) await query.run('DELETE FROM inside_gone WHERE id = ?', id)
  return row !== undefined
}

export interface LayerNames {
  readonly digest: Digest
  readonly id: number
  /** A filter of its paths. */
  readonly names: Uint8Array
}

/** A slice of the layers that were read, by digest. */
export async function listLayerNames(query: Query, after: string, limit: number): Promise<readonly LayerNames[]> {
  return await query.all<LayerNames>(
    'SELECT digest, id, names FROM layer_inside WHERE digest > ? ORDER BY digest LIMIT ?',
    after,
    limit,
  )
}

/** Of these layers. */
export async function listNamesOf(query: Query, digests: readonly Digest[]): Promise<readonly LayerNames[]> {
  return await query.all<LayerNames>(
    'SELECT l.digest AS digest, l.id AS id, l.names AS names FROM json_each(?) j JOIN layer_inside l ON l.digest = j.value',
    JSON.stringify(digests),
  )
}

/** The images that have a layer, in each repository that holds them; at most so many. */
export async function listLayerHolders(query: Query, layer: Digest, limit: number): Promise<readonly LayerHolder[]> {
  return await query.all<LayerHolder>(
    `SELECT f.manifest AS digest, r.id AS repositoryId, r.name AS repository FROM reference f
       JOIN manifest m ON m.repository_id = f.repository_id AND m.digest = f.manifest AND m.held = 1
       JOIN repository r ON r.id = f.repository_id
     WHERE f.target = ? AND f.role = 'layer' ORDER BY r.name, f.manifest LIMIT ?`,
    layer,
    limit,
  )
}

/** Of one layer: more images than have it are made upon another one anyway. */
const MOST_LOOKED_AT = 1_000

/** Images that may have these layers and no others: they have the last of them, and as many. */
export async function listImagesEndingIn(query: Query, layers: readonly Digest[]): Promise<readonly LayerHolder[]> {
  return await query.all<LayerHolder>(
    `SELECT f.manifest AS digest, r.id AS repositoryId, r.name AS repository
     FROM (SELECT repository_id, manifest FROM reference WHERE target = ? AND role = 'layer' LIMIT ${MOST_LOOKED_AT}) f
       JOIN manifest m ON m.repository_id = f.repository_id AND m.digest = f.manifest AND m.held = 1
       JOIN repository r ON r.id = f.repository_id
     WHERE (SELECT count(*) FROM reference o WHERE o.repository_id = f.repository_id AND o.manifest = f.manifest AND o.role = 'layer')
       = CAST(? AS INTEGER)
     ORDER BY r.name, f.manifest`,
    layers.at(-1) ?? null,
    new Set(layers).size,
  )
}

export interface LayerHolder {
  readonly digest: Digest
  readonly repositoryId: number
  readonly repository: RepositoryName
}

/** Below the number of any piece. */
export const BEFORE_FIRST_PIECE = -1_000_000_000

/** The next piece after this number; undefined: there is none. */
export async function findLayerPiece(
  query: Query,
  layerId: number,
  after: number,
): Promise<{ readonly number: number; readonly bytes: Uint8Array } | undefined> {
  return await query.get(
    'SELECT number, bytes FROM layer_piece WHERE layer_id = ? AND number > ? ORDER BY number LIMIT 1',
    layerId,
    after,
  )
}

/** Whose rows are to go. */
export async function findGone(query: Query): Promise<number | undefined> {
  return (await query.get<{ id: number }>('SELECT id FROM inside_gone ORDER BY id LIMIT 1'))?.id
}

const PIECES_AT_ONCE = 20
const PACKAGES_AT_ONCE = 500

/** Removes a few rows of what has gone. True while there may be more. */
export async function removeGone(query: Query, id: number): Promise<boolean> {
  const pieces = await query.all(
    `DELETE FROM layer_piece WHERE layer_id = ? AND number IN (SELECT number FROM layer_piece WHERE layer_id = ? LIMIT ${PIECES_AT_ONCE})
     RETURNING number`,
    id,
    id,
  )
  const packages = await query.all<{ packageId: number }>(
    `DELETE FROM image_package WHERE image_id = ?
       AND package_id IN (SELECT package_id FROM image_package WHERE image_id = ? LIMIT ${PACKAGES_AT_ONCE})
     RETURNING package_id AS packageId`,
    id,
    id,
  )
  await query.run(
    `DELETE FROM package WHERE id IN (SELECT CAST(value AS INTEGER) FROM json_each(?))
       AND NOT EXISTS (SELECT 1 FROM image_package p WHERE p.package_id = package.id)`,
    JSON.stringify(packages.map(({ packageId }) => packageId)),
  )
  if (pieces.length === PIECES_AT_ONCE || packages.length === PACKAGES_AT_ONCE) return true
  await query.run('DELETE FROM inside_gone WHERE id = ?', id)
  return false
}
