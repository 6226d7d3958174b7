import { noteBlobArriving, putReferences, setBlobLive, setManifestHeld, setRepositoryMade } from '../../metadata/changes.ts'
import { type Claim, tagClaims } from '../../metadata/claims.ts'
import type { RepositoryRow } from '../../metadata/content.ts'
import { putFacts } from '../../metadata/facts/image-facts.ts'
import { type ManifestContent, putManifestContent } from '../../metadata/manifest-content.ts'
import type { Query, Stamp } from '../../metadata/query.ts'
import type { Actor } from '../../observe/actor.ts'
import type { Digest } from '../../oci/digest.ts'
import type { ImageFacts } from '../../oci/image/image-facts.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Reference, Tag } from '../../oci/reference.ts'
import type { Placement } from '../../storage/driver.ts'
import { CURRENT_LINK_FILE, indexLinkFile, LINK_FILE, layout } from '../../storage/layout.ts'
import { ensureRepositoryStays, type PlannedRepository } from '../writes/repository-row.ts'
import { repositoryPlacements } from './blob-store.ts'

export interface ManifestPush {
  readonly reference: Reference
  /** Further tags, from `?tag=` (end-7b). */
  readonly tags: readonly Tag[]
  /** The media type of the Content-Type header, without parameters; undefined when there was none. */
  readonly contentType: string | undefined
  /** They hold no more than a manifest may (`ManifestBounds`). */
  readonly bytes: Uint8Array
  /** It comes from another registry, where what it names is: that comes when it is asked for. No rules of this registry apply. */
  readonly isMirrored?: boolean
  readonly actor: Actor
}

export interface PushedManifest {
  readonly digest: Digest
  readonly subject: Digest | undefined
  /** The tags that now point to it. */
  readonly tags: readonly Tag[]
  /** Sentences for the client: quotas that are nearly full. */
  readonly warnings: readonly string[]
}

export interface PlannedManifest {
  readonly repository: RepositoryName
  /** Its row, where this transaction has looked at it. */
  readonly known?: RepositoryRow | undefined
  readonly content: ManifestContent
  readonly tags: readonly Tag[]
}

/** From here on the references keep what the manifest names from being collected. */
export async function planManifest(query: Query, stamp: Stamp, { repository, known, content, tags }: PlannedManifest) {
  const plan = await ensureRepositoryStays(query, repository, stamp.epoch, known)
  await noteBlobArriving(query, content.digest, stamp)
  await putReferences(query, plan.repositoryId, content.digest, content.manifest.references)
  const claims: Claim[] = [
    { name: { kind: 'manifest', repository, digest: content.digest }, alone: false },
    { name: { kind: 'blob', digest: content.digest }, alone: false },
    ...tagClaims(repository, tags),
  ]
  return { plan, claims }
}

export interface PlacedManifest extends PlannedRepository {
  readonly content: ManifestContent
  /** Left out, the background reads them. */
  readonly facts?: ImageFacts | undefined
}

/** Sets all rows of the manifest but those of its tags. */
export async function confirmManifest(
  query: Query,
  { repositoryId, anew, content, facts }: PlacedManifest,
  stamp: Stamp,
): Promise<void> {
  const { digest, bytes, manifest } = content
  if (anew !== undefined) await setRepositoryMade(query, repositoryId)
  await setBlobLive(query, digest, bytes.length, stamp)
  if (facts !== undefined) await putFacts(query, digest, facts)
  await putManifestContent(query, content)
  await putReferences(query, repositoryId, digest, manifest.references)
  await setManifestHeld(query, repositoryId, digest, manifest.subject?.digest ?? null, stamp)
}

/** Bytes, then the revision, then each tag: its history first, `current/link` last (docs/orders-of-writing.md, rule 7). */
export function manifestPlacements(
  repository: RepositoryName,
  content: ManifestContent,
  tags: readonly Tag[],
): readonly Placement[] {
  const { digest, bytes } = content
  const link = new TextEncoder().encode(digest)
  return [
    ...repositoryPlacements(repository),
    { directory: layout.blobDirectory(digest), files: [{ name: 'data', bytes }] },
    { directory: layout.revision(repository, digest), files: [{ name: LINK_FILE, bytes: link }] },
    ...tags.map((tag) => ({
      directory: layout.tag(repository, tag),
      files: [indexLinkFile(digest), CURRENT_LINK_FILE].map((name) => ({ name, bytes: link })),
    })),
  ]
}
