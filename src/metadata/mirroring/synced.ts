import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Query } from '../query.ts'

/** What a rule of a mirror has brought and names: it stays here whatever limits the mirror has. */
export interface SyncedManifest {
  /** The prefix of the mirror. */
  readonly mirror: string
  readonly repository: RepositoryName
  readonly digest: Digest
}

export async function putSynced(query: Query, { mirror, repository, digest }: SyncedManifest, run: number): Promise<void> {
  await query.run(
    `INSERT INTO synced (mirror, repository, digest, run) VALUES (?, ?, ?, ?)
     ON CONFLICT (mirror, repository, digest) DO UPDATE SET run = excluded.run`,
    ...[mirror, repository, digest, run],
  )
}

/** All that was named of a repository counts as named by this run. */
export async function keepSynced(
  query: Query,
  { mirror, repository }: Pick<SyncedManifest, 'mirror' | 'repository'>,
  run: number,
): Promise<void> {
  await query.run('UPDATE synced SET run = ? WHERE mirror = ? AND repository = ?', run, mirror, repository)
}

/** Forgets what a run has named no more. */
export async function deleteSyncedBefore(query: Query, mirror: string, run: number): Promise<void> {
  await query.run('DELETE FROM synced WHERE mirror = ? AND run < ?', mirror, run)
}

/** Which manifests of a repository are named, of those between two digests. */
export async function listSynced(
  query: Query,
  { mirror, repository }: Pick<SyncedManifest, 'mirror' | 'repository'>,
  { first, last }: { readonly first: Digest; readonly last: Digest },
): Promise<Digest[]> {
  const rows = await query.all<{ digest: Digest }>(
    'SELECT digest FROM synced WHERE mirror = ? AND repository = ? AND digest >= ? AND digest <= ?',
    ...[mirror, repository, first, last],
  )
  return rows.map(({ digest }) => digest)
}
