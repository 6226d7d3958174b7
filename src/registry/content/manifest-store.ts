import { setImmediate } from 'node:timers/promises'
import { findManifestBytes, lookUpManifest, lookUpTag } from '../../metadata/content.ts'
import { pushTag } from '../../metadata/history/tag-changes.ts'
import type { ManifestContent } from '../../metadata/manifest-content.ts'
import type { Metadata } from '../../metadata/query.ts'
import { algorithmOf, type Digest, digestOf } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import type { ImageFacts } from '../../oci/image/image-facts.ts'
import { MAX_MANIFEST_BYTES, parseManifest } from '../../oci/manifest.ts'
import { requireArtifactType, requireChildren } from '../../oci/manifest-bounds.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { isDigest, type Reference, type Tag } from '../../oci/reference.ts'
import { manifestUnknown } from '../../oci/unknown.ts'
import type { StorageDriver } from '../../storage/driver.ts'
import { layout } from '../../storage/layout.ts'
import { manifestEvents } from '../events/content-event.ts'
import type { EventLog } from '../events/event-log.ts'
import type { FactsReader } from '../facts/facts-reader.ts'
import type { Look } from '../heal/storage-look.ts'
import type { KeptNames } from '../keeping/kept-names.ts'
import type { TagGuard } from '../keeping/tag-guard.ts'
import type { Quotas } from '../quotas/quotas.ts'
import type { DeletedRecords } from '../records/deleted-records.ts'
import { OneATurn } from '../rest.ts'
import type { Operations } from '../writes/operations.ts'
import { confirmManifest, type ManifestPush, manifestPlacements, type PushedManifest, planManifest } from './manifest-push.ts'
import { type ManifestDelete, ManifestRemoval } from './manifest-removal.ts'
import { applyRules, type ManifestRules } from './manifest-rules.ts'
import type { ReferenceCheck } from './reference-check.ts'
import { type FoundManifest, RememberedManifests, type StoredManifest } from './remembered-manifests.ts'
import { type OnRescued, Rescue } from './rescue.ts'

export interface WholeManifest {
  readonly manifest: StoredManifest
  /** Its exact bytes. A large one is read as its client takes it. */
  readonly content: Uint8Array | Blob | ReadableStream<Uint8Array>
}

export interface DeletedManifest {
  /** The tags that went, alone or with their manifest. */
  readonly tags: readonly Tag[]
}

export interface ManifestStoreOptions {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly reconcile: Look
  readonly operations: Operations
  readonly references: ReferenceCheck
  readonly records: Pick<DeletedRecords, 'write'>
  readonly quotas: Pick<Quotas, 'admit' | 'countNothing'>
  readonly rules: ManifestRules
  /** Resolves when every tag of a repository has been seen in this epoch. */
  readonly scanned: (repository: RepositoryName) => Promise<unknown>
  readonly guard: TagGuard
  readonly onRescued: OnRescued | undefined
  readonly facts: Pick<FactsReader, 'ofPush'>
  /** Undefined: nothing listens to what changes. */
  readonly events: EventLog | undefined
}

/** What of a manifest is asked for. */
interface Parts {
  readonly withBytes: boolean
}

const MANIFEST_PUSH = 'manifest push'

/** Larger ones are sent as blobs are, and parsed one in a turn of the event loop. */
export const LARGE_MANIFEST_BYTES = 256 * 1024

export class ManifestStore {
  readonly #options: ManifestStoreOptions
  readonly #remembered = new RememberedManifests()
  readonly #large = new OneATurn()
  readonly #rescue: Rescue
  readonly #removal: ManifestRemoval

  constructor(options: ManifestStoreOptions) {
    this.#options = options
    this.#rescue = new Rescue(options.metadata, options.onRescued)
    this.#removal = new ManifestRemoval(options)
  }

  /** end-3, HEAD. Throws MANIFEST_UNKNOWN. */
  async get(repository: RepositoryName, reference: Reference): Promise<StoredManifest> {
    return (await this.#find(repository, reference, { withBytes: false })).manifest
  }

  /** end-3, GET: with its exact bytes. Throws MANIFEST_UNKNOWN, also when the storage has lost them. */
  async read(repository: RepositoryName, reference: Reference): Promise<WholeManifest> {
    const { manifest, kept } = await this.#find(repository, reference, { withBytes: true })
    const { digest, size } = manifest
    const content = kept ?? (await this.#contentInStorage(digest, size))
    if (content !== undefined) return { manifest, content }
    throw new RegistryError('MANIFEST_UNKNOWN', {
      message: 'The bytes of the manifest are missing or damaged in the storage; push it again.',
      detail: { digest },
    })
  }

  /** end-7a, end-7b. Throws MANIFEST_INVALID, MANIFEST_BLOB_UNKNOWN, DIGEST_INVALID, DENIED, and QuotaReached. */
  async put(repository: RepositoryName, push: ManifestPush): Promise<PushedManifest> {
    const content = await this.#contentOf(push)
    const tags = [...new Set(isDigest(push.reference) ? push.tags : [push.reference, ...push.tags])]
    const { isMirrored = false } = push
    const fixed = await this.#options.guard.seeImmutable(repository, tags)
    const references = isMirrored ? [] : applyRules(this.#options.rules, content.manifest)
    let warnings: readonly string[] = []
    let facts: ImageFacts | undefined
    await this.#options.references.whileThere(repository, references, async (requireStill) => {
      await this.#options.operations.perform({
        name: MANIFEST_PUSH,
        actor: push.actor,
        within: this.#options.quotas.countNothing ? repository : undefined,
        plan: async (query, stamp) => {
          const known = await requireStill(query, stamp)
          await this.#options.guard.requireUnmoved(query, { repository, tags: fixed, digest: content.digest })
          const planned = await planManifest(query, stamp, { repository, known, content, tags })
          const added = { repository, digest: content.digest, size: content.bytes.length }
          if (!isMirrored) warnings = await this.#options.quotas.admit(query, planned.plan.repositoryId, added)
          return planned
        },
        act: async ({ anew }) => {
          const placed = this.#options.storage.place(manifestPlacements(repository, content, tags), { anew })
          ;[facts] = await Promise.all([this.#options.facts.ofPush(content.manifest), placed])
        },
        confirm: async (query, plan, stamp) => {
          const { repositoryId } = plan
          await confirmManifest(query, { ...plan, content, facts }, stamp)
          const by = { how: MANIFEST_PUSH, actor: push.actor, atMs: Date.now() }
          for (const tag of tags) await pushTag(query, { repositoryId, tag, digest: content.digest }, by, stamp)
          if (isMirrored) return
          const { actor } = push
          await this.#options.events?.record(query, manifestEvents('push', repository, { content, tags }), { actor, stamp })
        },
      })
    })
    return { digest: content.digest, subject: content.manifest.subject?.digest, tags, warnings }
  }

  /**
   * end-9, a tag or a manifest with every tag on it. Throws MANIFEST_UNKNOWN, StillNamed for a child of a held image index unless it is
   * forced, ChangedMeanwhile for one that was not so as its caller looked, and KeptContent.
   */
  async delete(repository: RepositoryName, reference: Reference, options: ManifestDelete): Promise<DeletedManifest> {
    await this.#options.operations.settleIn(repository)
    await this.get(repository, reference)
    if (isDigest(reference)) return { tags: await this.#removal.manifest(repository, reference, options) }
    await this.#removal.tag(repository, reference, options)
    return { tags: [reference] }
  }

  /** What an operator has fixed or holds in a repository, and `delete` refuses. */
  async keptIn(repository: RepositoryName): Promise<KeptNames> {
    return await this.#options.guard.keptIn(repository)
  }

  /** Large ones are parsed and hashed one in a turn of the event loop; what they name is looked at in another one. */
  async #contentOf(push: ManifestPush): Promise<ManifestContent> {
    if (push.bytes.length <= LARGE_MANIFEST_BYTES) return contentOf(push)
    const content = await this.#large.run(async () => contentOf(push))
    await setImmediate()
    return content
  }

  /** Undefined when the storage has not all of it. A large one is sent as a blob is: a hundred, read at once, were 400 MB and 1.6 s. */
  async #contentInStorage(digest: Digest, size: number): Promise<WholeManifest['content'] | undefined> {
    const { storage } = this.#options
    const path = layout.blob(digest)
    if (size > LARGE_MANIFEST_BYTES) return (await storage.stat(path))?.size === size ? await storage.content(path) : undefined
    const bytes = await storage.readSmall(path, MAX_MANIFEST_BYTES)
    return bytes?.length === size ? bytes : undefined
  }

  /** At once where it was found before, and nothing was committed since. */
  #find(repository: RepositoryName, reference: Reference, parts: Parts): FoundManifest | Promise<FoundManifest> {
    const { metadata } = this.#options
    const revision = metadata.isRemote === true ? undefined : metadata.revision()
    if (typeof revision !== 'number') return this.#findAnew(repository, reference, parts)
    const remembered = this.#remembered.find(revision, repository, reference)
    if (remembered !== undefined && (remembered.kept !== undefined || !parts.withBytes)) return remembered
    return this.#findAnew(repository, reference, { ...parts, revision })
  }

  /** `revision`: that of the metadata now; undefined: what is found is not remembered. */
  async #findAnew(
    repository: RepositoryName,
    reference: Reference,
    parts: Parts & { readonly revision?: number },
  ): Promise<FoundManifest> {
    const { found, isSeen } = await this.#lookUp(repository, reference, parts)
    // What was looked at in the storage is looked at again, until its row says that this epoch has seen it.
    if (isSeen && parts.revision !== undefined) this.#remembered.keep(parts.revision, repository, reference, found)
    return found
  }

  async #lookUp(repository: RepositoryName, reference: Reference, parts: Parts) {
    const { metadata, reconcile } = this.#options
    const row = isDigest(reference)
      ? await lookUpManifest(metadata.read, repository, reference, parts)
      : await lookUpTag(metadata.read, repository, reference, parts)
    const tagIsSeen = reconcile.isSeen(row?.tagEpoch, row?.scannedEpoch)
    const manifestIsSeen = reconcile.isSeen(row?.manifestEpoch, row?.scannedEpoch)
    if (!tagIsSeen || (row?.digest && !manifestIsSeen)) {
      const manifest = await this.#getUnseen(repository, reference)
      const kept = parts.withBytes ? await findManifestBytes(metadata.read, manifest.digest) : undefined
      return { found: { manifest, kept }, isSeen: false }
    }
    if (row?.held !== 1 || !row.digest || !row.mediaType || row.size === null) throw manifestUnknown(reference)
    if (!(await this.#rescue.manifest(repository, row.digest, row))) throw manifestUnknown(reference)
    const manifest = { digest: row.digest, mediaType: row.mediaType, size: row.size }
    return { found: { manifest, kept: row.bytes ?? undefined }, isSeen: true }
  }

  async #getUnseen(repository: RepositoryName, reference: Reference): Promise<StoredManifest> {
    const { reconcile, metadata } = this.#options
    if (await reconcile.isKnownAbsent(repository)) throw manifestUnknown(reference)
    const digest = isDigest(reference) ? reference : await this.#lookAtTag(repository, reference)
    if (digest === undefined) throw manifestUnknown(reference)
    const [observed] = await reconcile.look([{ kind: 'manifest', repository, digest } as const])
    if (observed?.found === undefined) throw manifestUnknown(reference)
    const { size, content } = observed.found
    const row = content === undefined ? await lookUpManifest(metadata.read, repository, digest, { withBytes: false }) : undefined
    const mediaType = content?.manifest.mediaType ?? row?.mediaType
    if (!mediaType) throw manifestUnknown(reference)
    return { digest, mediaType, size }
  }

  async #lookAtTag(repository: RepositoryName, tag: Tag): Promise<Digest | undefined> {
    const [observed] = await this.#options.reconcile.look([{ kind: 'tag', repository, tag } as const])
    return observed?.digest
  }
}

function contentOf({ bytes, contentType, reference }: ManifestPush): ManifestContent {
  const manifest = parseManifest(bytes, contentType)
  requireArtifactType(manifest.artifactType)
  requireChildren(manifest.references)
  const digest = digestOf(isDigest(reference) ? algorithmOf(reference) : 'sha256', bytes)
  if (isDigest(reference) && digest !== reference) {
    throw new RegistryError('DIGEST_INVALID', {
      message: 'The digest in the URL is not that of the manifest that was sent; send the exact bytes that were hashed.',
      detail: { expected: reference, actual: digest },
    })
  }
  return { digest, bytes, manifest }
}
