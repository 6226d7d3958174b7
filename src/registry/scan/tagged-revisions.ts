import { findRepository } from '../../metadata/content.ts'
import { listTaggedWithoutRevision } from '../../metadata/listing.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Reconcile } from '../heal/reconcile.ts'

/**
 * Looks, when the tags of a repository are known, at what they name without a revision: a power cut may have taken the revision's link, and
 * the bytes tell what the collector must leave.
 */
export async function healTagged(
  { metadata, reconcile }: { readonly metadata: Metadata; readonly reconcile: Reconcile },
  repository: RepositoryName,
  signal: AbortSignal | undefined,
): Promise<void> {
  const row = await findRepository(metadata.read, repository)
  if (row === undefined) return
  const digests = await listTaggedWithoutRevision(metadata.read, row.id)
  await reconcile.healAll(
    digests.map((digest) => ({ kind: 'manifest', repository, digest }) as const),
    signal,
  )
}
