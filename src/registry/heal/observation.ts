import {
  deleteBlob,
  ensureRepository,
  putReferences,
  releaseReferences,
  setBlobLive,
  setLink,
  setManifestGone,
  setManifestHeld,
  setTag,
} from '../../metadata/changes.ts'
import { isClaimed } from '../../metadata/claims.ts'
import { findBlob, findLink, findManifest, findRepository, findTag } from '../../metadata/content.ts'
import { putManifestContent } from '../../metadata/manifest-content.ts'
import type { Query, Stamp } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { BlobObservation, LinkObservation, ManifestObservation, Observation, TagObservation } from './storage-view.ts'

/** When the storage was looked at, and by whom. */
export interface ScanContext {
  /** Rows with a larger number were changed after the scan began. */
  readonly number: number
  readonly stamp: Stamp
  /** The operation whose own claims do not stand in the way: the one that is being settled. */
  readonly operation: string
}

/**
 * Brings one row in line with what the storage said. 'claimed' and 'newer' leave the row alone: the writer behind the claim, or the
 * one who stamped the row after the scan began, sets it right (docs/orders-of-writing.md, Scan).
 */
export async function applyObservation(
  query: Query,
  observation: Observation,
  context: ScanContext,
): Promise<'applied' | 'claimed' | 'newer'> {
  if (await isClaimed(query, observation.name, context.operation)) return 'claimed'
  switch (observation.kind) {
    case 'tag':
      return await applyTag(query, observation, context)
    case 'manifest':
      return await applyManifest(query, observation, context)
    case 'link':
      return await applyLink(query, observation, context)
    case 'blob':
      return await applyBlob(query, observation, context)
  }
}

async function applyTag(query: Query, { name, digest }: TagObservation, { number, stamp }: ScanContext) {
  const repositoryId = await repositoryFor(query, name.repository, digest !== undefined, stamp)
  if (repositoryId === undefined) return 'applied'
  const row = await findTag(query, repositoryId, name.tag)
  if (row !== undefined && row.number > number) return 'newer'
  const differs = (row?.digest ?? undefined) !== digest
  if (differs || (row !== undefined && row.epoch !== stamp.epoch)) {
    await setTag(query, repositoryId, name.tag, digest ?? null, stamp)
  }
  return 'applied'
}

async function applyManifest(query: Query, { name, found }: ManifestObservation, { number, stamp }: ScanContext) {
  const repositoryId = await repositoryFor(query, name.repository, found !== undefined, stamp)
  if (repositoryId === undefined) return 'applied'
  const row = await findManifest(query, repositoryId, name.digest)
  if (row !== undefined && row.number > number) return 'newer'
  if (found === undefined) {
    if (row !== undefined) await setManifestGone(query, repositoryId, name.digest, stamp)
    else await releaseReferences(query, repositoryId, name.digest)
    return 'applied'
  }
  if (found.content !== undefined) {
    await putManifestContent(query, found.content)
    await putReferences(query, repositoryId, name.digest, found.content.manifest.references)
    await setManifestHeld(query, repositoryId, name.digest, found.content.manifest.subject?.digest ?? null, stamp)
  } else if (row !== undefined && row.epoch !== stamp.epoch) {
    await setManifestHeld(query, repositoryId, name.digest, row.subject, stamp)
  }
  await ensureBlobRow(query, name.digest, found.size, stamp)
  return 'applied'
}

async function applyLink(query: Query, { name, found }: LinkObservation, { number, stamp }: ScanContext) {
  const repositoryId = await repositoryFor(query, name.repository, found !== undefined, stamp)
  if (repositoryId === undefined) return 'applied'
  const row = await findLink(query, repositoryId, name.digest)
  if (row !== undefined && row.number > number) return 'newer'
  const differs = (row?.target ?? undefined) !== found?.target
  if (differs || (row !== undefined && row.epoch !== stamp.epoch)) {
    await setLink(query, repositoryId, name.digest, found?.target ?? null, stamp)
  }
  if (found !== undefined) await ensureBlobRow(query, found.target, found.size, stamp)
  return 'applied'
}

async function applyBlob(query: Query, { name, size }: BlobObservation, { number, stamp }: ScanContext) {
  const row = await findBlob(query, name.digest)
  if (row !== undefined && row.number > number) return 'newer'
  if (size === undefined) await deleteBlob(query, name.digest)
  else await ensureBlobRow(query, name.digest, size, stamp)
  return 'applied'
}

/**
 * Bytes without a row, and those whose removal did not come to its end, are live, with their full grace. A size that is known stays: a file
 * of another size is damaged, and only a push, which has hashed its bytes, knows better.
 */
async function ensureBlobRow(query: Query, digest: Digest, size: number, stamp: Stamp): Promise<void> {
  const row = await findBlob(query, digest)
  if (row === undefined || row.size === null || row.state === 'deleting')
    await setBlobLive(query, digest, row?.size ?? size, stamp)
}

/** What is absent needs no repository row. */
async function repositoryFor(query: Query, name: RepositoryName, isPresent: boolean, stamp: Stamp): Promise<number | undefined> {
  if (isPresent) return await ensureRepository(query, name, stamp.epoch)
  return (await findRepository(query, name))?.id
}
