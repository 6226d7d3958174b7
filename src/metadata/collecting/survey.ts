import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Tag } from '../../oci/reference.ts'
import type { Query } from '../query.ts'

/** What the collector asks about whole repositories. */

export interface RepositoryToCollect {
  readonly id: number
  readonly name: RepositoryName
}

/** A page of all repositories, by their row. */
export async function listRepositoriesToCollect(query: Query, after: number, limit: number): Promise<RepositoryToCollect[]> {
  return await query.all<RepositoryToCollect>('SELECT id, name FROM repository WHERE id > ? ORDER BY id LIMIT ?', after, limit)
}

/** A page of the tags of a repository, with what they lead to. */
export async function listTagTargets(
  query: Query,
  repositoryId: number,
  after: string,
  limit: number,
): Promise<{ readonly name: Tag; readonly digest: Digest }[]> {
  return await query.all<{ name: Tag; digest: Digest }>(
    'SELECT name, digest FROM tag WHERE repository_id = ? AND name > ? AND digest IS NOT NULL ORDER BY name LIMIT ?',
    repositoryId,
    after,
    limit,
  )
}

/** The manifests of a repository that a manifest keeps: those that it names, and those that refer to it. */
export async function listKeptBy(query: Query, repositoryId: number, manifest: Digest): Promise<Digest[]> {
  const rows = await query.all<{ digest: Digest }>(
    `SELECT m.digest AS digest FROM reference f JOIN manifest m ON m.repository_id = f.repository_id AND m.digest = f.target
     WHERE f.repository_id = ? AND f.manifest = ? AND m.linked = 1
     UNION ALL SELECT digest FROM manifest WHERE repository_id = ? AND subject = ? AND linked = 1`,
    repositoryId,
    manifest,
    repositoryId,
    manifest,
  )
  return rows.map(({ digest }) => digest)
}

/** What a manifest holds in the storage: its own bytes and the content that it names, with the size of each and the number of repositories that link it. */
export async function listHeldBytes(
  query: Query,
  repositoryId: number,
  manifest: Digest,
): Promise<{ readonly digest: Digest; readonly size: number; readonly links: number }[]> {
  return await query.all<{ digest: Digest; size: number; links: number }>(
    `SELECT b.digest AS digest, coalesce(b.size, 0) AS size, (SELECT count(*) FROM link k WHERE k.target = b.digest) AS links
     FROM (SELECT ? AS digest UNION SELECT coalesce(l.target, f.target) FROM reference f
           LEFT JOIN link l ON l.repository_id = f.repository_id AND l.digest = f.target
           WHERE f.repository_id = ? AND f.manifest = ?) h JOIN blob b ON b.digest = h.digest`,
    manifest,
    repositoryId,
    manifest,
  )
}

/** Manifests of the repository that name the digest. */
export async function listNaming(query: Query, repositoryId: number, digest: Digest): Promise<Digest[]> {
  const rows = await query.all<{ manifest: Digest }>(
    'SELECT manifest FROM reference WHERE target = CAST(? AS TEXT) AND repository_id = CAST(? AS INTEGER)',
    digest,
    repositoryId,
  )
  return rows.map(({ manifest }) => manifest)
}

/** What the collector wrote down for every process, as JSON; undefined before the first time. */
export async function readNote(query: Query, name: 'collector-result' | 'collector-confirmed'): Promise<string | undefined> {
  return (await query.get<{ value: string }>('SELECT value FROM property WHERE name = ?', name))?.value
}

export async function writeNote(query: Query, name: 'collector-result' | 'collector-confirmed', value: string): Promise<void> {
  await query.run(
    'INSERT INTO property (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
    name,
    value,
  )
}
