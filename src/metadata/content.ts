import type { Digest } from '../oci/digest.ts'
import type { ManifestMediaType } from '../oci/media-types.ts'
import type { RepositoryName } from '../oci/name.ts'
import type { Tag } from '../oci/reference.ts'
import type { ClaimOwner } from './claims.ts'
import { askedTogether, CLOCK_MS, type Query } from './query.ts'

/** Rows as they are. Whether one may be believed depends on its epoch: see `registry/heal/reconcile.ts`. */

export interface RepositoryRow {
  readonly id: number
  /** The epoch in which all of it was last compared with the storage. */
  readonly scannedEpoch: number
  /** '': its directories are there. bare: some of them may not be. leaving: it is empty, and an operation that has claimed it removes them. */
  readonly state: '' | 'bare' | 'leaving'
}

export interface TagRow {
  /** Null: known to be gone. */
  readonly digest: Digest | null
  readonly epoch: number
  readonly number: number
}

export interface ManifestRow {
  readonly held: 0 | 1
  /** Its revision is in the storage, whatever its bytes are. */
  readonly linked: 0 | 1
  readonly subject: Digest | null
  readonly epoch: number
  readonly number: number
  readonly condemnedMs: number | null
  /** It lost its last parent or its subject by a delete. */
  readonly released: 0 | 1
}

/** In place of the time since which it is condemned: the collector is removing it. */
export const BEING_REMOVED = -1

export interface LinkRow {
  /** Null: known to be gone. */
  readonly target: Digest | null
  readonly epoch: number
  readonly number: number
  readonly condemnedMs: number | null
}

export interface BlobRow {
  readonly state: 'arriving' | 'live' | 'deleting'
  /** Bytes; null while arriving. */
  readonly size: number | null
  readonly number: number
}

export interface ManifestContentRow {
  readonly mediaType: ManifestMediaType
  readonly size: number
}

/** A manifest as a pull needs it, in one look: null where a row is missing. */
export interface ManifestLookup {
  readonly scannedEpoch: number
  readonly tagEpoch: number | null
  readonly digest: Digest | null
  readonly held: 0 | 1 | null
  readonly manifestEpoch: number | null
  readonly condemnedMs: number | null
  /** 1: a delete released it, and no request has touched it since the last tick of the collector's clock. */
  readonly isForgotten: 0 | 1
  readonly mediaType: ManifestMediaType | null
  readonly size: number | null
  /** Null where they were not asked for, too. */
  readonly bytes: Uint8Array | null
}

/** A blob as a pull needs it, in one look. */
export interface LinkLookup {
  readonly scannedEpoch: number
  readonly target: Digest | null
  readonly linkEpoch: number | null
  readonly condemnedMs: number | null
  readonly size: number | null
}

export async function findRepository(query: Query, name: RepositoryName): Promise<RepositoryRow | undefined> {
  return await query.get<RepositoryRow>('SELECT id, scanned_epoch AS scannedEpoch, state FROM repository WHERE name = ?', name)
}

export async function findTag(query: Query, repositoryId: number, tag: Tag): Promise<TagRow | undefined> {
  return await query.get<TagRow>('SELECT digest, epoch, number FROM tag WHERE repository_id = ? AND name = ?', repositoryId, tag)
}

/** Gives the digests of this list that have no revision in the repository, by the rows. */
export async function listUnlinked(query: Query, repositoryId: number, digests: readonly Digest[]): Promise<readonly Digest[]> {
  const rows = await query.all<{ digest: Digest }>(
    `SELECT value AS digest FROM json_each(?)
     WHERE NOT EXISTS (SELECT 1 FROM manifest m WHERE m.repository_id = ? AND m.digest = value AND m.linked = 1)`,
    JSON.stringify(digests),
    repositoryId,
  )
  return rows.map(({ digest }) => digest)
}

export async function findManifest(query: Query, repositoryId: number, digest: Digest): Promise<ManifestRow | undefined> {
  return await query.get<ManifestRow>(
    'SELECT held, linked, subject, epoch, number, condemned_ms AS condemnedMs, released FROM manifest WHERE repository_id = ? AND digest = ?',
    repositoryId,
    digest,
  )
}

export async function findLink(query: Query, repositoryId: number, digest: Digest): Promise<LinkRow | undefined> {
  return await query.get<LinkRow>(
    'SELECT target, epoch, number, condemned_ms AS condemnedMs FROM link WHERE repository_id = ? AND digest = ?',
    repositoryId,
    digest,
  )
}

export async function findBlob(query: Query, digest: Digest): Promise<BlobRow | undefined> {
  return await query.get<BlobRow>('SELECT state, size, number FROM blob WHERE digest = ?', digest)
}

export async function findManifestContent(query: Query, digest: Digest): Promise<ManifestContentRow | undefined> {
  return await query.get<ManifestContentRow>(
    'SELECT media_type AS mediaType, size FROM manifest_content WHERE digest = ?',
    digest,
  )
}

/** The bytes of a manifest, undefined where only the storage has them. */
export async function findManifestBytes(query: Query, digest: Digest): Promise<Uint8Array | undefined> {
  const row = await query.get<{ bytes: Uint8Array | null }>('SELECT bytes FROM manifest_content WHERE digest = ?', digest)
  return row?.bytes ?? undefined
}

/*
 * Looks over several tables. They bind CAST(? AS TEXT), for with a bare parameter SQLite plans a join anew at each run: 27 µs against
 * 3 µs for `lookUpTag`. Each is one statement, so that a tag which moves is never seen with the manifest that it left.
 */

const MANIFEST_COLUMNS = `m.held AS held, m.epoch AS manifestEpoch, m.condemned_ms AS condemnedMs,
  CASE WHEN m.released = 1 AND m.touched_ms < ${CLOCK_MS} THEN 1 ELSE 0 END AS isForgotten,
  c.media_type AS mediaType, c.size AS size, CASE WHEN ? = 'bytes' THEN c.bytes END AS bytes`

const TAG_LOOK = askedTogether(
  `SELECT r.scanned_epoch AS scannedEpoch, t.epoch AS tagEpoch, t.digest AS digest, ${MANIFEST_COLUMNS}
   FROM repository r
   LEFT JOIN tag t ON t.repository_id = r.id AND t.name = CAST(? AS TEXT)
   LEFT JOIN manifest m ON m.repository_id = r.id AND m.digest = t.digest
   LEFT JOIN manifest_content c ON c.digest = t.digest
   WHERE r.name = CAST(? AS TEXT)`,
)
const MANIFEST_LOOK = askedTogether(
  `SELECT r.scanned_epoch AS scannedEpoch, m.epoch AS tagEpoch, m.digest AS digest, ${MANIFEST_COLUMNS}
   FROM repository r
   LEFT JOIN manifest m ON m.repository_id = r.id AND m.digest = CAST(? AS TEXT)
   LEFT JOIN manifest_content c ON c.digest = m.digest
   WHERE r.name = CAST(? AS TEXT)`,
)
const LINK_LOOK = askedTogether(
  `SELECT r.scanned_epoch AS scannedEpoch, l.target AS target, l.epoch AS linkEpoch, l.condemned_ms AS condemnedMs, b.size AS size
   FROM repository r
   LEFT JOIN link l ON l.repository_id = r.id AND l.digest = CAST(? AS TEXT)
   LEFT JOIN blob b ON b.digest = l.target
   WHERE r.name = CAST(? AS TEXT)`,
)

interface Parts {
  readonly withBytes: boolean
}

/** What a tag names; with the bytes of the manifest where they are asked for and kept here. */
export async function lookUpTag(
  query: Query,
  repository: RepositoryName,
  tag: Tag,
  { withBytes }: Parts,
): Promise<ManifestLookup | undefined> {
  return await query.get<ManifestLookup>(TAG_LOOK, withBytes ? 'bytes' : '', tag, repository)
}

export async function lookUpManifest(
  query: Query,
  repository: RepositoryName,
  digest: Digest,
  { withBytes }: Parts,
): Promise<ManifestLookup | undefined> {
  return await query.get<ManifestLookup>(MANIFEST_LOOK, withBytes ? 'bytes' : '', digest, repository)
}

export async function lookUpLink(query: Query, repository: RepositoryName, digest: Digest): Promise<LinkLookup | undefined> {
  return await query.get<LinkLookup>(LINK_LOOK, digest, repository)
}

/** The same for many, by digest; none where there is no such repository. */
export async function lookUpLinks(
  query: Query,
  repository: RepositoryName,
  digests: readonly Digest[],
): Promise<ReadonlyMap<Digest, LinkLookup>> {
  if (digests.length === 0) return new Map()
  const rows = await query.all<LinkLookup & { digest: Digest }>(
    `SELECT value AS digest, r.scanned_epoch AS scannedEpoch, l.target AS target, l.epoch AS linkEpoch, l.condemned_ms AS condemnedMs, b.size AS size
     FROM json_each(?) JOIN repository r ON r.name = CAST(? AS TEXT)
     LEFT JOIN link l ON l.repository_id = r.id AND l.digest = value
     LEFT JOIN blob b ON b.digest = l.target`,
    JSON.stringify(digests),
    repository,
  )
  return new Map(rows.map((row) => [row.digest, row]))
}

/** A manifest as what names it needs it: null where it has no row in the repository. */
export interface NamedManifestLookup {
  readonly scannedEpoch: number
  readonly held: 0 | 1 | null
  readonly epoch: number | null
  readonly condemnedMs: number | null
  readonly released: 0 | 1 | null
}

/** Many of them, as `lookUpLinks` does it. */
export async function lookUpNamedManifests(
  query: Query,
  repository: RepositoryName,
  digests: readonly Digest[],
): Promise<ReadonlyMap<Digest, NamedManifestLookup>> {
  if (digests.length === 0) return new Map()
  const rows = await query.all<NamedManifestLookup & { digest: Digest }>(
    `SELECT value AS digest, r.scanned_epoch AS scannedEpoch, m.held AS held, m.epoch AS epoch, m.condemned_ms AS condemnedMs, m.released AS released
     FROM json_each(?) JOIN repository r ON r.name = CAST(? AS TEXT)
     LEFT JOIN manifest m ON m.repository_id = r.id AND m.digest = value`,
    JSON.stringify(digests),
    repository,
  )
  return new Map(rows.map((row) => [row.digest, row]))
}

/** Some repositories that have linked a blob: where an anonymous mount may find it. */
export async function listRepositoriesLinking(query: Query, digest: Digest, limit: number): Promise<RepositoryName[]> {
  const rows = await query.all<{ name: RepositoryName }>(
    'SELECT r.name AS name FROM link l JOIN repository r ON r.id = l.repository_id WHERE l.target = CAST(? AS TEXT) LIMIT ?',
    digest,
    limit,
  )
  return rows.map((row) => row.name)
}

/** Content that manifests of one repository may name. */
export interface NamedInRepository {
  readonly repository: RepositoryName
  readonly repositoryId: number
  readonly digest: Digest
  /** What is asked for: as a manifest it is named by image indexes alone. */
  readonly kind: 'manifest' | 'blob'
}

/** Some manifests that the repository holds and that name it. */
export async function listNamingManifests(
  query: Query,
  { repositoryId, digest, kind }: NamedInRepository,
  limit: number,
): Promise<Digest[]> {
  const rows = await query.all<{ manifest: Digest }>(
    `SELECT DISTINCT f.manifest AS manifest FROM reference f
     JOIN manifest m ON m.repository_id = f.repository_id AND m.digest = f.manifest AND m.held = 1
     WHERE f.target = CAST(? AS TEXT) AND f.repository_id = CAST(? AS INTEGER) AND (f.role = 'child' OR ? = 'blob') LIMIT ?`,
    digest,
    repositoryId,
    kind,
    limit,
  )
  return rows.map(({ manifest }) => manifest)
}

/** An operation with a claim on a manifest that names it: its references are planned, and the manifest may not be held yet. */
export async function findNamingClaim(
  query: Query,
  { repository, repositoryId, digest, kind }: NamedInRepository,
): Promise<ClaimOwner | undefined> {
  return await query.get<ClaimOwner>(
    `SELECT c.operation AS operation, c.process AS process FROM claim c
     JOIN reference f ON f.repository_id = CAST(? AS INTEGER) AND f.manifest = c.name AND f.target = CAST(? AS TEXT)
     WHERE c.kind = 'manifest' AND c.repository = CAST(? AS TEXT) AND (f.role = 'child' OR ? = 'blob') LIMIT 1`,
    repositoryId,
    digest,
    repository,
    kind,
  )
}

export async function listTagsOf(query: Query, repositoryId: number, digest: Digest): Promise<Tag[]> {
  const rows = await query.all<{ name: Tag }>('SELECT name FROM tag WHERE repository_id = ? AND digest = ?', repositoryId, digest)
  return rows.map((row) => row.name)
}
