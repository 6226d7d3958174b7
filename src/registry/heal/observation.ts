import {
  deleteBlobs,
  ensureRepository,
  putNames,
  putReferences,
  releaseReferences,
  setBlobLive,
  setLink,
  setLinkFound,
  setManifestFound,
  setManifestGone,
  setManifestLeft,
  setManifestUnserved,
} from '../../metadata/changes.ts'
import { findDoubt } from '../../metadata/claims.ts'
import { endLeaving } from '../../metadata/collecting/repositories.ts'
import { BEING_REMOVED, findBlob, findLink, findManifest, findRepository, findTag } from '../../metadata/content.ts'
import { type MovedBy, moveTag } from '../../metadata/history/tag-changes.ts'
import { putManifestContent } from '../../metadata/manifest-content.ts'
import type { Query, Stamp } from '../../metadata/query.ts'
import { findSaid } from '../../metadata/repeats/changed-twice.ts'
import { noteBytesRemoved } from '../../metadata/repeats/removed-bytes.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type {
  BlobObservation,
  LinkObservation,
  ManifestObservation,
  Observation,
  TagObservation,
  UnservedManifest,
} from './storage-view.ts'

/** When the storage was looked at, and by whom. */
export interface ScanContext {
  /** Rows with a larger number were changed after the scan began. */
  readonly number: number
  readonly stamp: Stamp
  /** The operation whose own claims do not stand in the way: the one that is being settled. */
  readonly operation: string
  /** What moved the tags of that operation; undefined where nothing tells. */
  readonly movedBy?: MovedBy | undefined
  /** How much longer than what was pushed here that is left alone which had no row, in milliseconds. */
  readonly unknownForMs: number
}

/** What became of the row of an observation. */
export type Applied = 'applied' | 'claimed' | 'changed twice' | 'newer'

/**
 * Brings one row in line with what the storage said. It leaves the row alone in three cases (docs/orders-of-writing.md, Scan). 'claimed': an operation is
 * changing the name, and sets the row right. 'newer': an operation has changed the row since the scan began. 'changed twice': a repeated request may have
 * changed the storage, which `RepeatedRequests` brings in line with the row.
 */
export async function applyObservation(query: Query, observation: Observation, context: ScanContext): Promise<Applied> {
  const doubt = await findDoubt(query, observation.name, context.operation)
  if (doubt === 'claimed') return 'claimed'
  if (doubt === 'changed twice' && (await contradicts(query, observation, context.stamp.epoch))) {
    await endRemoval(query, observation, context.stamp)
    return 'changed twice'
  }
  switch (observation.kind) {
    case 'tag':
      return await applyTag(query, observation, context)
    case 'manifest':
      return await applyManifest(query, observation, context)
    case 'link':
      return await applyLink(query, observation, context)
    case 'blob':
      return await applyBlob(query, observation, context)
    case 'repository':
      await endLeaving(query, [observation.name.repository])
      return 'applied'
  }
}

/** Whether a row of this epoch says otherwise of what the link holds. In a new one another registry may have written that. */
async function contradicts(query: Query, observation: Observation, epoch: number): Promise<boolean> {
  if (observation.kind === 'repository' || observation.kind === 'blob') return false
  const said = await findSaid(query, observation.name)
  return said.epoch === epoch && said.digest !== (linkedBy(observation) ?? null)
}

function linkedBy(observation: TagObservation | ManifestObservation | LinkObservation): Digest | undefined {
  switch (observation.kind) {
    case 'tag':
      return observation.digest
    case 'link':
      return observation.found?.target
    case 'manifest':
      return observation.found === undefined && observation.unserved === undefined ? undefined : observation.name.digest
  }
}

/** The row stays; a removal that did not come to its end is under way no more. */
async function endRemoval(query: Query, { kind, name }: Observation, stamp: Stamp): Promise<void> {
  if (kind !== 'link' && kind !== 'manifest') return
  const repositoryId = (await findRepository(query, name.repository))?.id
  if (repositoryId === undefined) return
  const link = kind === 'link' ? await findLink(query, repositoryId, name.digest) : undefined
  if (link?.condemnedMs === BEING_REMOVED) await setLink(query, repositoryId, name.digest, link.target, stamp)
  const manifest = kind === 'manifest' ? await findManifest(query, repositoryId, name.digest) : undefined
  if (manifest?.condemnedMs === BEING_REMOVED) await setManifestLeft(query, repositoryId, name.digest, manifest.subject, stamp)
}

async function applyTag(query: Query, { name, digest }: TagObservation, { number, stamp, movedBy }: ScanContext) {
  const repositoryId = await repositoryFor(query, name.repository, digest !== undefined, stamp)
  if (repositoryId === undefined) return 'applied'
  const row = await findTag(query, repositoryId, name.tag)
  if (row !== undefined && row.number > number) return 'newer'
  const differs = (row?.digest ?? undefined) !== digest
  if (differs || (row !== undefined && row.epoch !== stamp.epoch)) {
    await moveTag(query, { repositoryId, tag: name.tag, digest: digest ?? null }, movedBy, stamp)
  }
  return 'applied'
}

async function applyManifest(query: Query, { name, found, unserved }: ManifestObservation, context: ScanContext) {
  const { number, stamp, unknownForMs } = context
  const isPresent = found !== undefined || unserved !== undefined
  const repositoryId = await repositoryFor(query, name.repository, isPresent, stamp)
  if (repositoryId === undefined) return 'applied'
  const row = await findManifest(query, repositoryId, name.digest)
  if (row !== undefined && row.number > number) return 'newer'
  if (found === undefined) {
    if (unserved !== undefined) await applyUnserved(query, repositoryId, name.digest, unserved, context)
    else if (row !== undefined) await setManifestGone(query, repositoryId, name.digest, stamp)
    else await releaseReferences(query, repositoryId, name.digest)
    return 'applied'
  }
  const { content, size } = found
  if (content !== undefined) {
    await putManifestContent(query, content)
    await putReferences(query, repositoryId, name.digest, content.manifest.references)
  }
  const subject = content === undefined ? (row?.subject ?? null) : (content.manifest.subject?.digest ?? null)
  if (row?.condemnedMs === BEING_REMOVED) await setManifestLeft(query, repositoryId, name.digest, subject, stamp)
  else if (content !== undefined || (row !== undefined && row.epoch !== stamp.epoch))
    await setManifestFound(query, repositoryId, name.digest, subject, stamp, unknownForMs)
  await ensureBlobRow(query, name.digest, size, context)
  return 'applied'
}

/** What it named before stays named: a part of its bytes may be lost. */
async function applyUnserved(
  query: Query,
  repositoryId: number,
  digest: Digest,
  { names }: UnservedManifest,
  { stamp, unknownForMs }: ScanContext,
) {
  await setManifestUnserved(query, repositoryId, digest, { isOpaque: names === undefined, unknownForMs }, stamp)
  if (names !== undefined) await putNames(query, repositoryId, digest, names)
}

async function applyLink(query: Query, { name, found }: LinkObservation, context: ScanContext) {
  const { number, stamp, unknownForMs } = context
  const repositoryId = await repositoryFor(query, name.repository, found !== undefined, stamp)
  if (repositoryId === undefined) return 'applied'
  const row = await findLink(query, repositoryId, name.digest)
  if (row !== undefined && row.number > number) return 'newer'
  const differs = (row?.target ?? undefined) !== found?.target
  // A removal that did not come to its end: the link has its full grace.
  const isLeft = row?.condemnedMs === BEING_REMOVED
  if (found === undefined) {
    if (differs || isLeft || (row !== undefined && row.epoch !== stamp.epoch))
      await setLink(query, repositoryId, name.digest, null, stamp)
    return 'applied'
  }
  if (isLeft) await setLink(query, repositoryId, name.digest, found.target, stamp)
  else if (differs || row?.epoch !== stamp.epoch)
    await setLinkFound(query, repositoryId, name.digest, found.target, stamp, unknownForMs)
  await ensureBlobRow(query, found.target, found.size, context)
  return 'applied'
}

async function applyBlob(query: Query, { name, size }: BlobObservation, context: ScanContext) {
  const { number, stamp } = context
  const row = await findBlob(query, name.digest)
  if (row !== undefined && row.number > number) return 'newer'
  // A removal that was not confirmed has come so far: its request may come again.
  if (size === undefined && row?.state === 'deleting') await noteBytesRemoved(query, [name.digest], stamp.number)
  if (size === undefined) await deleteBlobs(query, [name.digest])
  else await ensureBlobRow(query, name.digest, size, context)
  return 'applied'
}

/**
 * Bytes without a row, and those whose removal did not come to its end, are live, with their full grace. A size that is known stays: a file
 * of another size is damaged, and only a push, which has hashed its bytes, knows better.
 */
async function ensureBlobRow(query: Query, digest: Digest, size: number, { stamp, unknownForMs }: ScanContext): Promise<void> {
  const row = await findBlob(query, digest)
  if (row === undefined || row.size === null || row.state === 'deleting')
    await setBlobLive(query, digest, row?.size ?? size, stamp, row === undefined ? unknownForMs : 0)
}

/** What is absent needs no repository row. */
async function repositoryFor(query: Query, name: RepositoryName, isPresent: boolean, stamp: Stamp): Promise<number | undefined> {
  if (isPresent) return await ensureRepository(query, name, stamp.epoch)
  return (await findRepository(query, name))?.id
}
