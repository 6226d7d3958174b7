import { renewGrace, setBlobArriving, setBlobLive, setLink, setRepositoryMade } from '../../metadata/changes.ts'
import {
  findBlob,
  findLink,
  findRepository,
  type LinkLookup,
  listRepositoriesLinking,
  lookUpLink,
  lookUpLinks,
} from '../../metadata/content.ts'
import type { Metadata, Query, Stamp } from '../../metadata/query.ts'
import type { Actor } from '../../observe/actor.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { blobUnknown } from '../../oci/unknown.ts'
import type { ByteRange, Placement, StorageDriver } from '../../storage/driver.ts'
import { LINK_FILE, layout } from '../../storage/layout.ts'
import { blobEvent } from '../events/content-event.ts'
import type { EventLog } from '../events/event-log.ts'
import type { Look } from '../heal/storage-look.ts'
import type { StorageView } from '../heal/storage-view.ts'
import type { Quotas } from '../quotas/quotas.ts'
import type { Operations } from '../writes/operations.ts'
import { ensureRepositoryStays, type PlannedRepository } from '../writes/repository-row.ts'
import { findMissing, whileSeen } from './named-content.ts'
import { type OnRescued, Rescue } from './rescue.ts'
import { requireUnnamed } from './still-named.ts'

/** A blob that a repository owns, whole in the storage a moment ago. */
export interface StoredBlob {
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
  /** The digest under which the bytes lie: another one only for registry:2's sha512 aliases. */
  readonly target: Digest
}

/** How many repositories a mount without `from` looks into, and among how many it looks for those that it may read. */
const MOUNT_CANDIDATES = 5
const MOUNT_CANDIDATES_LISTED = 500

/** Where a mount may take a blob from, and on whose behalf. */
export interface Mount {
  /** Undefined: any repository. */
  readonly from: RepositoryName | undefined
  /** Whether the caller may read a repository. */
  readonly isReadable: (repository: RepositoryName) => boolean
  readonly actor: Actor
}

export interface BlobStoreOptions {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly view: StorageView
  readonly reconcile: Look
  readonly operations: Operations
  readonly quotas: Pick<Quotas, 'admit'>
  /** Resolves when every manifest of a repository has been seen in this epoch. */
  readonly scanned: (repository: RepositoryName) => Promise<unknown>
  readonly onRescued: OnRescued | undefined
  /** Undefined: nothing listens to what changes. */
  readonly events: EventLog | undefined
}

export interface DeleteOptions {
  readonly actor: Actor
  /** Also what a held manifest of the repository names. */
  readonly isForced: boolean
}

export class BlobStore {
  readonly #storage: StorageDriver
  readonly #metadata: Metadata
  readonly #view: StorageView
  readonly #reconcile: Look
  readonly #operations: Operations
  readonly #quotas: Pick<Quotas, 'admit'>
  readonly #rescue: Rescue
  readonly #onRescued: OnRescued | undefined
  readonly #scanned: (repository: RepositoryName) => Promise<unknown>
  readonly #events: EventLog | undefined

  constructor(options: BlobStoreOptions) {
    this.#storage = options.storage
    this.#metadata = options.metadata
    this.#view = options.view
    this.#reconcile = options.reconcile
    this.#operations = options.operations
    this.#quotas = options.quotas
    this.#rescue = new Rescue(options.metadata, options.onRescued)
    this.#onRescued = options.onRescued
    this.#scanned = options.scanned
    this.#events = options.events
  }

  /** A blob that the repository owns (distribution-spec end-2). Throws BLOB_UNKNOWN. */
  async get(repository: RepositoryName, digest: Digest): Promise<StoredBlob> {
    const blob = await this.find(repository, digest)
    if (blob === undefined) throw blobUnknown(digest)
    return blob
  }

  /**
   * As `get`, undefined when the repository does not own it. The file is looked at each time: one of another size than the known one
   * is damaged, and counts as absent until a push heals it.
   */
  async find(repository: RepositoryName, digest: Digest): Promise<StoredBlob | undefined> {
    return await this.#findBy(repository, digest, await lookUpLink(this.#metadata.read, repository, digest))
  }

  /** Those that `find` finds: their rows are read together, and their files looked at side by side. */
  async findAll(repository: RepositoryName, digests: readonly Digest[]): Promise<readonly (StoredBlob | undefined)[]> {
    const rows = await lookUpLinks(this.#metadata.read, repository, digests)
    return await Promise.all(digests.map((digest) => this.#findBy(repository, digest, rows.get(digest))))
  }

  async #findBy(repository: RepositoryName, digest: Digest, row: LinkLookup | undefined): Promise<StoredBlob | undefined> {
    if (!this.#reconcile.isSeen(row?.linkEpoch, row?.scannedEpoch)) return await this.#findUnseen(repository, digest)
    const target = row?.target ?? undefined
    if (row === undefined || target === undefined) return undefined
    const found = await this.#whole(digest, target, row.size ?? undefined)
    return found && (await this.#rescue.link(repository, digest, row)) ? found : undefined
  }

  /** The bytes of a blob from `get`, or a part of them; a Blob body is sent with sendfile. Throws BLOB_UNKNOWN when they have gone. */
  async content(blob: StoredBlob, range?: ByteRange): Promise<Blob | ReadableStream<Uint8Array>> {
    const content = await this.#storage.content(layout.blob(blob.target), range)
    if (content === undefined) throw blobUnknown(blob.digest)
    return content
  }

  /** Where a client can get a blob from `get` without us, for a while; undefined where it is to get it here. */
  async redirectUrl(blob: StoredBlob): Promise<string | undefined> {
    return await this.#storage.redirectUrl(layout.blob(blob.target))
  }

  /**
   * Links a blob that another repository owns (end-11). False when that cannot be done: the client then uploads. Throws QuotaReached: so would the upload.
   */
  async mount(repository: RepositoryName, digest: Digest, { from, isReadable, actor }: Mount): Promise<boolean> {
    const sources = from === undefined ? await this.#repositoriesLinking(digest) : [from]
    for (const source of sources.filter(isReadable).slice(0, MOUNT_CANDIDATES)) {
      const isMounted = await this.#mountFrom(source, { repository, digest, actor })
      if (isMounted !== undefined) return isMounted
    }
    return false
  }

  /**
   * Takes a blob from this repository (end-10); its bytes stay until nothing names them. Throws BLOB_UNKNOWN, and StillNamed when a held
   * manifest of the repository names it, unless it is forced.
   */
  async delete(repository: RepositoryName, digest: Digest, { isForced, actor }: DeleteOptions): Promise<void> {
    await this.#operations.settleIn(repository)
    await this.get(repository, digest)
    // Only a manifest that has been seen can hold it.
    if (!isForced) await this.#scanned(repository)
    const name = { kind: 'link', repository, digest } as const
    await this.#operations.perform({
      name: 'blob delete',
      actor,
      plan: async (query, stamp) => {
        const { repositoryId } = await ensureRepositoryStays(query, repository, stamp.epoch)
        const link = await findLink(query, repositoryId, digest)
        if (link !== undefined && link.target === null) throw blobUnknown(digest)
        if (!isForced) await requireUnnamed(query, { repository, repositoryId, digest, kind: 'blob' })
        return { plan: { repositoryId, target: link?.target ?? digest }, claims: [{ name, alone: true }] }
      },
      act: async () => await this.#storage.removeOnlyFiles([layout.layerLink(repository, digest)]),
      confirm: async (query, { repositoryId, target }, stamp) => {
        await setLink(query, repositoryId, digest, null, stamp)
        await renewGrace(query, target, stamp)
        await this.#events?.record(query, [{ action: 'delete', kind: 'blob', repository, digest }], { actor, stamp })
      },
    })
  }

  async #findUnseen(repository: RepositoryName, digest: Digest): Promise<StoredBlob | undefined> {
    if (await this.#reconcile.isKnownAbsent(repository)) return undefined
    const [observed] = await this.#reconcile.look([{ kind: 'link', repository, digest } as const])
    if (observed?.found === undefined) return undefined
    const { target } = observed.found
    return await this.#whole(digest, target, (await findBlob(this.#metadata.read, target))?.size ?? undefined)
  }

  async #whole(digest: Digest, target: Digest, knownSize: number | undefined): Promise<StoredBlob | undefined> {
    const size = await this.#view.blobSize(target)
    if (size === undefined || (knownSize !== undefined && size !== knownSize)) return undefined
    return { digest, size, target }
  }

  async #repositoriesLinking(digest: Digest): Promise<readonly RepositoryName[]> {
    return await listRepositoriesLinking(this.#metadata.read, digest, MOUNT_CANDIDATES_LISTED)
  }

  /** Undefined when the source has no such blob. */
  async #mountFrom(source: RepositoryName, { repository, digest, actor }: Mounted): Promise<boolean | undefined> {
    return await whileSeen(async () => {
      const blob = await this.find(source, digest)
      return blob && (await this.#link(source, { repository, blob, actor }))
    })
  }

  /** False when the source has lost the blob since it was looked at. */
  async #link(source: RepositoryName, { repository, blob, actor }: Linked): Promise<boolean> {
    try {
      await this.#operations.perform({
        name: 'mount',
        actor,
        plan: async (query, stamp) => {
          const named = [{ digest: blob.digest, isChild: false }]
          const asked = { repository: source, epoch: stamp.epoch, named, onRescued: this.#onRescued }
          const { missing } = await findMissing(query, asked)
          if (missing.length > 0) throw new SourceGone()
          const planned = await planBlob(query, stamp, repository, blob)
          const { target: digest, size } = blob
          await this.#quotas.admit(query, planned.plan.repositoryId, { repository, digest, size })
          return planned
        },
        act: async (plan) => {
          if ((await this.#view.blobSize(blob.target)) !== blob.size) throw new SourceGone()
          await this.#storage.place(linkPlacements(repository, blob), plan)
        },
        confirm: async (query, plan, stamp) => {
          await confirmBlob(query, plan, blob, stamp)
          await this.#events?.record(query, [blobEvent('mount', repository, { ...blob, source })], { actor, stamp })
        },
      })
      return true
    } catch (error) {
      if (error instanceof SourceGone) return false
      throw error
    }
  }
}

interface Mounted {
  readonly repository: RepositoryName
  readonly digest: Digest
  readonly actor: Actor
}

interface Linked {
  readonly repository: RepositoryName
  readonly blob: StoredBlob
  readonly actor: Actor
}

class SourceGone extends Error {}

/** The claims of an operation that adds a blob to a repository; several may share them. Its plan: the repository, and what the blob's row said. */
export async function planBlob(query: Query, stamp: Stamp, repository: RepositoryName, { digest, target }: StoredBlob) {
  const [{ isLive }, known] = await Promise.all([setBlobArriving(query, target, stamp), findRepository(query, repository)])
  const claims = [
    { name: { kind: 'blob', digest: target }, alone: false },
    { name: { kind: 'link', repository, digest }, alone: false },
  ] as const
  return { plan: { ...(await ensureRepositoryStays(query, repository, stamp.epoch, known)), isLive }, claims }
}

export async function confirmBlob(
  query: Query,
  { repositoryId, anew }: PlannedRepository,
  blob: StoredBlob,
  stamp: Stamp,
): Promise<void> {
  if (anew !== undefined) await setRepositoryMade(query, repositoryId)
  await setBlobLive(query, blob.target, blob.size, stamp)
  await setLink(query, repositoryId, blob.digest, blob.target, stamp)
}

/** The link, and the directories that registry:2 and its collector expect in every repository. */
export function linkPlacements(repository: RepositoryName, { digest, target }: StoredBlob): readonly Placement[] {
  const link = { name: LINK_FILE, bytes: new TextEncoder().encode(target) }
  return [...repositoryPlacements(repository), { directory: layout.layer(repository, digest), files: [link] }]
}

export function repositoryPlacements(repository: RepositoryName): readonly Placement[] {
  const directories = [layout.layers(repository), layout.revisions(repository), layout.tags(repository)]
  return directories.map((directory) => ({ directory, files: [] }))
}
