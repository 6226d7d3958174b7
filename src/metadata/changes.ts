import type { Digest } from '../oci/digest.ts'
import type { ManifestReference } from '../oci/manifest.ts'
import type { RepositoryName } from '../oci/name.ts'
import type { Tag } from '../oci/reference.ts'
import { findRepository } from './content.ts'
import { isPassedOver } from './passed-over.ts'
import type { Query, Stamp } from './query.ts'
import { readProperty } from './scans.ts'

/**
 * The row of a repository, made if there is none. Once all names of this epoch are known, a new one is not in the storage, unless it lies
 * where the scan could not look: nothing of it is left to be scanned.
 */
export async function ensureRepository(query: Query, name: RepositoryName, epoch: number): Promise<number> {
  const found = await findRepository(query, name)
  if (found !== undefined) return found.id
  const namesEpoch = Number(await readProperty(query, 'names-epoch'))
  const made = await query.get<{ id: number }>(
    'INSERT INTO repository (name, scanned_epoch) VALUES (?, ?) RETURNING id',
    name,
    namesEpoch === epoch && !(await isPassedOver(query, epoch, name)) ? epoch : 0,
  )
  if (made === undefined) throw new Error('the database made no repository row')
  return made.id
}

/** Points a tag to a digest, or with null leaves a tombstone. */
export async function setTag(query: Query, repositoryId: number, tag: Tag, digest: Digest | null, stamp: Stamp): Promise<void> {
  await query.run(
    `INSERT INTO tag (repository_id, name, digest, held, number, epoch)
     VALUES (?, ?, ?, coalesce((SELECT held FROM manifest WHERE repository_id = ? AND digest = ?), 0), ?, ?)
     ON CONFLICT (repository_id, name) DO UPDATE
     SET digest = excluded.digest, held = excluded.held, number = excluded.number, epoch = excluded.epoch`,
    repositoryId,
    tag,
    digest,
    repositoryId,
    digest,
    stamp.number,
    stamp.epoch,
  )
}

/** Links a blob to a repository, or with null leaves a tombstone. */
export async function setLink(
  query: Query,
  repositoryId: number,
  digest: Digest,
  target: Digest | null,
  stamp: Stamp,
): Promise<void> {
  await query.run(
    `INSERT INTO link (repository_id, digest, target, number, epoch) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (repository_id, digest) DO UPDATE SET target = excluded.target, number = excluded.number, epoch = excluded.epoch`,
    repositoryId,
    digest,
    target,
    stamp.number,
    stamp.epoch,
  )
}

/** The repository holds a manifest whose content and references are already recorded. */
export async function setManifestHeld(
  query: Query,
  repositoryId: number,
  digest: Digest,
  subject: Digest | null,
  stamp: Stamp,
): Promise<void> {
  await setManifest(query, repositoryId, digest, { held: 1, subject }, stamp)
}

/** The repository holds a manifest no more: what it named is free to be collected. */
export async function setManifestGone(query: Query, repositoryId: number, digest: Digest, stamp: Stamp): Promise<void> {
  await setManifest(query, repositoryId, digest, { held: 0, subject: null }, stamp)
  await releaseReferences(query, repositoryId, digest)
}

export async function putReferences(
  query: Query,
  repositoryId: number,
  manifest: Digest,
  references: readonly ManifestReference[],
): Promise<void> {
  // One statement, however many there are: it runs while no other request does.
  await query.run(
    `INSERT INTO reference (repository_id, manifest, target, role)
     SELECT ?, ?, value ->> 0, value ->> 1 FROM json_each(?) WHERE true ON CONFLICT DO NOTHING`,
    repositoryId,
    manifest,
    JSON.stringify(references.map(({ role, descriptor }) => [descriptor.digest, role])),
  )
}

/** The blob is whole in the storage. It is a candidate for the collector from now on, with its full grace, if nothing names it. */
export async function setBlobLive(query: Query, digest: Digest, size: number, stamp: Stamp): Promise<void> {
  await query.run(
    `INSERT INTO blob (digest, state, size, candidate_since_ms, number) VALUES (?, 'live', ?, ?, ?)
     ON CONFLICT (digest) DO UPDATE
     SET state = 'live', size = excluded.size, candidate_since_ms = excluded.candidate_since_ms, number = excluded.number`,
    digest,
    size,
    Date.now(),
    stamp.number,
  )
}

/** A push of the blob begins: a new row is arriving, a condemned one is rescued. */
export async function setBlobArriving(query: Query, digest: Digest, stamp: Stamp): Promise<void> {
  await query.run(
    `INSERT INTO blob (digest, state, size, candidate_since_ms, number) VALUES (?, 'arriving', NULL, ?, ?)
     ON CONFLICT (digest) DO UPDATE SET state = CASE blob.state WHEN 'condemned' THEN 'live' ELSE blob.state END,
       candidate_since_ms = excluded.candidate_since_ms, number = excluded.number`,
    digest,
    Date.now(),
    stamp.number,
  )
}

export async function deleteBlob(query: Query, digest: Digest): Promise<void> {
  await query.run('DELETE FROM blob WHERE digest = ?', digest)
}

/** Starts the grace of a blob anew. */
export async function renewGrace(query: Query, digest: Digest, stamp: Stamp): Promise<void> {
  await query.run('UPDATE blob SET candidate_since_ms = ?, number = ? WHERE digest = ?', Date.now(), stamp.number, digest)
}

async function setManifest(
  query: Query,
  repositoryId: number,
  digest: Digest,
  row: { readonly held: 0 | 1; readonly subject: Digest | null },
  stamp: Stamp,
): Promise<void> {
  await query.run(
    `INSERT INTO manifest (repository_id, digest, held, subject, number, epoch) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (repository_id, digest) DO UPDATE
     SET held = excluded.held, subject = excluded.subject, number = excluded.number, epoch = excluded.epoch`,
    repositoryId,
    digest,
    row.held,
    row.subject,
    stamp.number,
    stamp.epoch,
  )
  // By name, which the index of digests gives: by digest alone SQLite would read every tag of the repository.
  await query.run(
    `UPDATE tag SET held = ? WHERE repository_id = ? AND held <> ?
     AND name IN (SELECT name FROM tag WHERE repository_id = ? AND digest = ?)`,
    row.held,
    repositoryId,
    row.held,
    repositoryId,
    digest,
  )
}

/** A manifest names nothing any more: what it named has its full grace from now on. */
export async function releaseReferences(query: Query, repositoryId: number, manifest: Digest): Promise<void> {
  await query.run(
    `UPDATE blob SET candidate_since_ms = ?
     WHERE digest = ? OR digest IN (SELECT target FROM reference WHERE repository_id = ? AND manifest = ?)`,
    Date.now(),
    manifest,
    repositoryId,
    manifest,
  )
  await query.run('DELETE FROM reference WHERE repository_id = ? AND manifest = ?', repositoryId, manifest)
}
