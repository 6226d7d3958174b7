import type { Digest } from '../../oci/digest.ts'
import type { Query } from '../query.ts'

/** What keeps the bytes of a blob: links to it, manifests that name it, and manifests that are stored as this blob. */
export interface Needers {
  readonly links: readonly { readonly repositoryId: number; readonly digest: Digest }[]
  readonly manifests: readonly { readonly repositoryId: number; readonly digest: Digest }[]
}

export async function findNeeders(query: Query, target: Digest): Promise<Needers> {
  const links = await query.all<Needers['links'][number]>(
    'SELECT repository_id AS repositoryId, digest FROM link WHERE target = ?',
    target,
  )
  const manifests = await query.all<Needers['manifests'][number]>(
    `SELECT repository_id AS repositoryId, manifest AS digest FROM reference WHERE target = ?
     UNION ALL SELECT repository_id, digest FROM manifest WHERE digest = ? AND linked = 1`,
    target,
    target,
  )
  return { links, manifests }
}

/** The manifests of a repository whose revisions are there, in slices by their digest, with what each names. */
export async function listNamedBy(query: Query, repositoryId: number, manifest: Digest): Promise<readonly Digest[]> {
  const rows = await query.all<{ target: Digest }>(
    'SELECT DISTINCT target FROM reference WHERE repository_id = ? AND manifest = ? ORDER BY target',
    repositoryId,
    manifest,
  )
  return rows.map(({ target }) => target)
}

/** The bytes to which the link of a digest leads in a repository; undefined without a link. */
export async function findLinkTarget(query: Query, repositoryId: number, digest: Digest): Promise<Digest | undefined> {
  const row = await query.get<{ target: Digest | null }>(
    'SELECT target FROM link WHERE repository_id = ? AND digest = ?',
    repositoryId,
    digest,
  )
  return row?.target ?? undefined
}

/** How many processes have joined the epoch. One that removes alone asks for it in each transaction. */
export async function countJoined(query: Query): Promise<number> {
  return (await query.get<{ value: number }>("SELECT value FROM counter WHERE name = 'joined'"))?.value ?? 0
}

/** A process joins the epoch, before it answers anything. */
export async function noteJoined(query: Query): Promise<void> {
  await query.run(
    "INSERT INTO counter (name, value) VALUES ('joined', 1) ON CONFLICT (name) DO UPDATE SET value = counter.value + 1",
  )
}
