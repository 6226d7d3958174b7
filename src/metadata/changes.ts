import type { Digest } from '../oci/digest.ts'
import type { ManifestReference } from '../oci/manifest.ts'
import type { RepositoryName } from '../oci/name.ts'
import { findRepository } from './content.ts'
import { isPassedOver } from './passed-over.ts'
import { CLOCK_MS, type Query, requireWhole, type Stamp } from './query.ts'
import { readProperty } from './scans.ts'

/** The row of a repository, made if there is none. For a scan: an operation that changes something in it asks `ensureRepositoryStays`. */
export async function ensureRepository(query: Query, name: RepositoryName, epoch: number): Promise<number> {
  return (await findRepository(query, name))?.id ?? (await addRepository(query, name, epoch))
}

/**
 * A repository that has no row. Once all names of this epoch are known it is not in the storage, unless it lies where the scan could not look:
 * nothing of it is left to be scanned. Its id was never that of another one: what was read of a repository that has gone since must not be of this one.
 */
export async function addRepository(query: Query, name: RepositoryName, epoch: number): Promise<number> {
  // Its id is one more than the largest, and whether it is scanned depends on how far the scan is.
  requireWhole(query)
  const namesEpoch = Number(await readProperty(query, 'names-epoch'))
  const made = await query.get<{ id: number }>(
    `INSERT INTO repository (id, name, scanned_epoch, state) VALUES (${NEXT_REPOSITORY_ID}, ?, ?, 'bare') RETURNING id`,
    name,
    namesEpoch === epoch && !(await isPassedOver(query, epoch, name)) ? epoch : 0,
  )
  if (made === undefined) throw new Error('the database made no repository row')
  return made.id
}

/** An operation has made all directories of the repository. */
export async function setRepositoryMade(query: Query, id: number): Promise<void> {
  await query.run("UPDATE repository SET state = '' WHERE id = ?", id)
}

/** 'repository-id': the largest of those that have gone. */
const NEXT_REPOSITORY_ID =
  "1 + max((SELECT coalesce(max(id), 0) FROM repository), (SELECT value FROM counter WHERE name = 'repository-id'))"

/** Links a blob to a repository, or with null leaves a tombstone. The link has its full grace from now on. */
export async function setLink(
  query: Query,
  repositoryId: number,
  digest: Digest,
  target: Digest | null,
  stamp: Stamp,
): Promise<void> {
  await query.run(
    `INSERT INTO link (repository_id, digest, target, number, epoch, touched_ms) VALUES (?, ?, ?, ?, ?, ${CLOCK_MS})
     ON CONFLICT (repository_id, digest) DO UPDATE SET target = excluded.target, number = excluded.number, epoch = excluded.epoch,
       touched_ms = excluded.touched_ms, condemned_ms = NULL`,
    repositoryId,
    digest,
    target,
    stamp.number,
    stamp.epoch,
  )
}

/**
 * A scan found a link. One that had no row may be left alone for so much longer than one that was pushed: nothing is known of its past. What
 * is known stays: a restart renews nothing.
 */
export async function setLinkFound(
  query: Query,
  repositoryId: number,
  digest: Digest,
  target: Digest,
  stamp: Stamp,
  unknownForMs: number,
): Promise<void> {
  await query.run(
    `INSERT INTO link (repository_id, digest, target, number, epoch, touched_ms) VALUES (?, ?, ?, ?, ?, ${CLOCK_MS} + ?)
     ON CONFLICT (repository_id, digest) DO UPDATE SET target = excluded.target, number = excluded.number, epoch = excluded.epoch,
       touched_ms = CASE WHEN link.target = excluded.target THEN link.touched_ms ELSE excluded.touched_ms END,
       condemned_ms = CASE WHEN link.target = excluded.target THEN link.condemned_ms END`,
    repositoryId,
    digest,
    target,
    stamp.number,
    stamp.epoch,
    unknownForMs,
  )
}

/** The repository holds the manifest; its content and its references have rows already. Its grace begins now. */
export async function setManifestHeld(
  query: Query,
  repositoryId: number,
  digest: Digest,
  subject: Digest | null,
  stamp: Stamp,
): Promise<void> {
  await setManifest(query, repositoryId, digest, { ...HELD, subject, renews: 1, endsRelease: 1 }, stamp)
}

/** A removal did not come to its end: the manifest has its full grace, and what a delete had released goes after that. */
export async function setManifestLeft(
  query: Query,
  repositoryId: number,
  digest: Digest,
  subject: Digest | null,
  stamp: Stamp,
): Promise<void> {
  await setManifest(query, repositoryId, digest, { ...HELD, subject, renews: 1 }, stamp)
}

/** A scan found a manifest that is whole. One that was not held before may be left alone for longer, as with `setLinkFound`. */
export async function setManifestFound(
  query: Query,
  repositoryId: number,
  digest: Digest,
  subject: Digest | null,
  stamp: Stamp,
  unknownForMs: number,
): Promise<void> {
  await setManifest(query, repositoryId, digest, { ...HELD, subject, unknownForMs }, stamp)
}

/**
 * The revision is in the storage, and nothing that can be served: the collector takes it for present. `isOpaque`: nothing tells what it
 * names, so that what it named before, and all of its repository, stays.
 */
export async function setManifestUnserved(
  query: Query,
  repositoryId: number,
  digest: Digest,
  { isOpaque, unknownForMs }: { readonly isOpaque: boolean; readonly unknownForMs: number },
  stamp: Stamp,
): Promise<void> {
  await setManifest(query, repositoryId, digest, { ...GONE, linked: 1, opaque: isOpaque ? 1 : 0, unknownForMs }, stamp)
}

/** The revision is not in the storage any more: what the manifest named is free to be collected, after its full grace. */
export async function setManifestGone(query: Query, repositoryId: number, digest: Digest, stamp: Stamp): Promise<void> {
  await setManifest(query, repositoryId, digest, GONE, stamp)
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

/** What a manifest names that nothing here understands. In the end as in `putReferences`, for the collector alone. */
export async function putNames(query: Query, repositoryId: number, manifest: Digest, names: readonly Digest[]): Promise<void> {
  await query.run(
    `INSERT INTO reference (repository_id, manifest, target, role)
     SELECT ?, ?, value, 'unknown' FROM json_each(?) WHERE true ON CONFLICT DO NOTHING`,
    repositoryId,
    manifest,
    JSON.stringify(names),
  )
}

/**
 * The blob is whole in the storage. It is a candidate for the collector from now on, with its full grace, if nothing names it; one of which
 * nothing was known, after so much more.
 */
export async function setBlobLive(query: Query, digest: Digest, size: number, stamp: Stamp, unknownForMs = 0): Promise<void> {
  await query.run(
    `INSERT INTO blob (digest, state, size, touched_ms, number) VALUES (?, 'live', ?, ${CLOCK_MS} + ?, ?)
     ON CONFLICT (digest) DO UPDATE
     SET state = 'live', size = excluded.size, touched_ms = excluded.touched_ms, number = excluded.number`,
    digest,
    size,
    unknownForMs,
    stamp.number,
  )
}

/** A push of the blob begins: a new row is arriving. Whether a row said before that its bytes are there. */
export async function setBlobArriving(query: Query, digest: Digest, stamp: Stamp): Promise<{ readonly isLive: boolean }> {
  const row = await query.get<{ state: string }>(`${BLOB_ARRIVES} RETURNING state`, digest, stamp.number)
  return { isLive: row?.state === 'live' }
}

/** The same for a push that brings the bytes in any case. */
export async function noteBlobArriving(query: Query, digest: Digest, stamp: Stamp): Promise<void> {
  await query.run(BLOB_ARRIVES, digest, stamp.number)
}

const BLOB_ARRIVES = `INSERT INTO blob (digest, state, size, touched_ms, number) VALUES (?, 'arriving', NULL, ${CLOCK_MS}, ?)
   ON CONFLICT (digest) DO UPDATE SET touched_ms = excluded.touched_ms, number = excluded.number`

export async function deleteBlobs(query: Query, digests: readonly Digest[]): Promise<void> {
  await query.run('DELETE FROM blob WHERE digest IN (SELECT value FROM json_each(?))', JSON.stringify(digests))
}

/** Starts the grace of a blob anew. */
export async function renewGrace(query: Query, digest: Digest, stamp: Stamp): Promise<void> {
  await query.run(`UPDATE blob SET touched_ms = ${CLOCK_MS}, number = ? WHERE digest = ?`, stamp.number, digest)
}

interface ManifestChange {
  readonly held: 0 | 1
  readonly linked: 0 | 1
  readonly opaque: 0 | 1
  readonly subject: Digest | null
  /** 1: its grace begins anew in any case. 0: only where its link was not there, or what it links to could not be served. */
  readonly renews: 0 | 1
  /** 1: a client pushed it, and no delete has released it since. */
  readonly endsRelease: 0 | 1
  readonly unknownForMs: number
}

const HELD = { held: 1, linked: 1, opaque: 0, renews: 0, endsRelease: 0, unknownForMs: 0 } as const
const GONE = { held: 0, linked: 0, opaque: 0, subject: null, renews: 0, endsRelease: 0, unknownForMs: 0 } as const

async function setManifest(query: Query, repositoryId: number, digest: Digest, row: ManifestChange, stamp: Stamp): Promise<void> {
  const { renews, endsRelease } = row
  await query.run(
    `INSERT INTO manifest (repository_id, digest, held, linked, opaque, subject, number, epoch, touched_ms, pushed_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ${CLOCK_MS} + ?, CASE WHEN ? = 1 THEN ${CLOCK_MS} END)
     ON CONFLICT (repository_id, digest) DO UPDATE SET held = excluded.held, linked = excluded.linked, opaque = excluded.opaque,
       subject = excluded.subject, number = excluded.number, epoch = excluded.epoch,
       pushed_ms = coalesce(excluded.pushed_ms, CASE WHEN manifest.linked = 1 THEN manifest.pushed_ms END),
       touched_ms = CASE WHEN ? = 1 OR manifest.linked = 0 OR manifest.held < excluded.held THEN excluded.touched_ms ELSE manifest.touched_ms END,
       condemned_ms = CASE WHEN ? = 1 OR manifest.held = 0 OR excluded.held = 0 THEN NULL ELSE manifest.condemned_ms END,
       released = CASE WHEN ? = 1 THEN 0 ELSE manifest.released END`,
    repositoryId,
    digest,
    row.held,
    row.linked,
    row.opaque,
    row.subject,
    stamp.number,
    stamp.epoch,
    row.unknownForMs,
    endsRelease,
    renews,
    renews,
    endsRelease,
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

/** A manifest names nothing any more: what it named, links as well as bytes, has its full grace from now on. */
export async function releaseReferences(query: Query, repositoryId: number, manifest: Digest): Promise<void> {
  await query.run(
    `UPDATE blob SET touched_ms = ${CLOCK_MS}
     WHERE digest IN (SELECT CAST(? AS TEXT) UNION ALL SELECT target FROM reference WHERE repository_id = ? AND manifest = ?)`,
    manifest,
    repositoryId,
    manifest,
  )
  await query.run(
    `UPDATE link SET touched_ms = ${CLOCK_MS}
     WHERE repository_id = ? AND digest IN (SELECT target FROM reference WHERE repository_id = ? AND manifest = ?)`,
    repositoryId,
    repositoryId,
    manifest,
  )
  await query.run('DELETE FROM reference WHERE repository_id = ? AND manifest = ?', repositoryId, manifest)
}
