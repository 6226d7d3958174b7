import { findRepository, listNamingManifests } from '../../../metadata/content.ts'
import { moveTag } from '../../../metadata/history/tag-changes.ts'
import type { ContentName } from '../../../metadata/names.ts'
import { ownWork } from '../../../observe/actor.ts'
import type { Digest } from '../../../oci/digest.ts'
import type { RepositoryName } from '../../../oci/name.ts'
import type { Tag } from '../../../oci/reference.ts'
import { type StorageDriver, storagePath } from '../../../storage/driver.ts'
import { CURRENT_LINK_FILE, LINK_FILE, layout } from '../../../storage/layout.ts'
import { listDigests } from '../../../storage/layout-walk.ts'
import { confirmBlob, linkPlacements, planBlob } from '../../content/blob-store.ts'
import type { Look } from '../../heal/storage-look.ts'
import type { StorageView } from '../../heal/storage-view.ts'
import type { Operations } from '../../writes/operations.ts'
import type { BlobBytes, SeenFile } from '../blob-bytes.ts'
import type { Quarantine } from '../quarantine.ts'
import type { Finding, FindingOutcome } from './finding.ts'
import { readLinkFile } from './repository-links.ts'

const WORK = 'berth check'
const TAG_REPAIR = 'tag repair'

export interface MendingOptions {
  readonly storage: StorageDriver
  readonly view: StorageView
  readonly operations: Operations
  readonly reconcile: Look
  readonly quarantine: Quarantine
  readonly bytes: BlobBytes
  /** Throws when the storage as a whole does not answer. */
  readonly askStorage: () => Promise<unknown>
}

export interface Mended {
  readonly outcome: FindingOutcome
  /** Why it failed. */
  readonly because?: string
}

/**
 * Mends what can be mended without losing anything: a link is written again where its bytes are there and right, a row where the storage
 * says better, the bytes of a manifest where the database has them. Each is an operation with claims, and looks once more when it has them.
 */
export class Mending {
  readonly #options: MendingOptions

  constructor(options: MendingOptions) {
    this.#options = options
  }

  /** `seen`: the file whose bytes are wrong. `bad`: blobs whose bytes must not be linked. Throws what the storage as a whole throws. */
  async mend(finding: Finding, seen: SeenFile | undefined, bad: ReadonlySet<Digest>): Promise<Mended> {
    try {
      return { outcome: await this.#mend(finding, seen, bad) }
    } catch (error) {
      await this.#options.askStorage()
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
      return { outcome: 'not-mended', because: cause instanceof Error ? cause.message : String(cause) }
    }
  }

  async #mend(finding: Finding, seen: SeenFile | undefined, bad: ReadonlySet<Digest>): Promise<FindingOutcome> {
    const { kind, concerns, digest, tag, repositories } = finding
    const [repository] = repositories
    if (kind === 'wrong-bytes' && digest !== undefined && seen !== undefined) return await this.#takeAside(digest, seen)
    if (repository === undefined) return 'not-mended'
    if (concerns === 'tag' && tag !== undefined) return await this.#mendTag(finding, repository, tag)
    if (digest === undefined || bad.has(digest)) return 'not-mended'
    if (kind === 'stale-row') return await this.#look({ kind: concerns === 'layer' ? 'link' : 'manifest', repository, digest })
    if (kind === 'missing-bytes') return await this.#mendMissing(digest)
    if (concerns === 'layer') return await this.#link(repository, digest, kind)
    return kind === 'broken-link' ? await this.#writeRevision(repository, digest) : 'not-mended'
  }

  async #takeAside(digest: Digest, seen: SeenFile): Promise<FindingOutcome> {
    const outcome = await this.#options.quarantine.take(digest, seen, WORK)
    if (outcome === 'restored') return 'mended'
    return outcome === 'quarantined' ? 'quarantined' : 'not-mended'
  }

  /** A directory in the place of the bytes would be in the way of a push. */
  async #mendMissing(digest: Digest): Promise<FindingOutcome> {
    const { storage, quarantine } = this.#options
    const entry = await storage.stat(layout.blob(digest))
    if (entry?.kind === 'directory') return await this.#takeAside(digest, { size: 0, changedAtMs: 0 })
    if (entry !== undefined) return await this.#takeAside(digest, entry)
    return (await quarantine.restore(digest, WORK)) ? 'mended' : 'not-mended'
  }

  async #look(name: ContentName): Promise<FindingOutcome> {
    await this.#options.reconcile.look([name])
    return 'mended'
  }

  /** The link of a layer, or of a config: to bytes that are there, whole, and for a missing link only while a manifest names them. */
  async #link(repository: RepositoryName, digest: Digest, kind: Finding['kind']): Promise<FindingOutcome> {
    const { operations, storage, view, bytes } = this.#options
    const verdict = await bytes.verify(digest, new AbortController().signal)
    if (verdict.kind !== 'whole') return 'not-mended'
    const blob = { digest, target: digest, size: verdict.size }
    let isLinked = false
    await operations.perform({
      name: 'link repair',
      actor: ownWork(WORK),
      plan: async (query, stamp) => {
        const planned = await planBlob(query, stamp, repository, blob)
        const asked = { repository, repositoryId: planned.plan.repositoryId, digest, kind: 'blob' } as const
        const isNamed = kind !== 'missing-link' || (await listNamingManifests(query, asked, 1)).length > 0
        return { ...planned, plan: { ...planned.plan, isNamed } }
      },
      act: async ({ isNamed, anew }) => {
        isLinked = isNamed && (await view.blobSize(digest)) === blob.size
        if (isLinked) await storage.place(linkPlacements(repository, blob), { anew })
      },
      confirm: async (query, plan, stamp) => {
        if (isLinked) await confirmBlob(query, plan, blob, stamp)
      },
    })
    if (!isLinked) await this.#look({ kind: 'blob', digest })
    return isLinked ? 'mended' : 'not-mended'
  }

  async #writeRevision(repository: RepositoryName, digest: Digest): Promise<FindingOutcome> {
    const { operations, storage, view } = this.#options
    const name = { kind: 'manifest', repository, digest } as const
    let isWritten = false
    await operations.perform({
      name: 'revision repair',
      actor: ownWork(WORK),
      plan: async () => ({ plan: undefined, claims: [{ name, alone: true }] }),
      act: async () => {
        const path = layout.revision(repository, digest)
        const found = await readLinkFile(storage, storagePath(path, LINK_FILE))
        isWritten = found !== undefined && (await view.blobSize(digest)) !== undefined
        const file = { name: LINK_FILE, bytes: new TextEncoder().encode(digest) }
        if (isWritten) await storage.place([{ directory: path, files: [file] }])
      },
      confirm: async () => undefined,
    })
    await this.#look(name)
    return isWritten ? 'mended' : 'not-mended'
  }

  /** A tag that says nothing can only mean what it has ever pointed to, where that is a single manifest. */
  async #mendTag({ kind }: Finding, repository: RepositoryName, tag: Tag): Promise<FindingOutcome> {
    const { operations, storage, view } = this.#options
    if (kind === 'stale-row') return await this.#look({ kind: 'tag', repository, tag })
    if (kind !== 'broken-link') return 'not-mended'
    let digest: Digest | undefined
    await operations.perform({
      name: TAG_REPAIR,
      actor: ownWork(WORK),
      plan: async () => ({ plan: undefined, claims: [{ name: { kind: 'tag', repository, tag }, alone: true }] }),
      act: async () => {
        const path = layout.tag(repository, tag)
        const found = await readLinkFile(storage, storagePath(path, CURRENT_LINK_FILE))
        const [only, ...others] = await listDigests(storage, storagePath(path, 'index'))
        const isSure = found !== undefined && found.says === undefined && others.length === 0 && only !== undefined
        digest = isSure && (await view.observeManifest({ kind: 'manifest', repository, digest: only })).found ? only : undefined
        if (digest === undefined) return
        const file = { name: CURRENT_LINK_FILE, bytes: new TextEncoder().encode(digest) }
        await storage.place([{ directory: path, files: [file] }])
      },
      confirm: async (query, _, stamp) => {
        const row = await findRepository(query, repository)
        if (digest === undefined || row === undefined) return
        const by = { how: TAG_REPAIR, actor: ownWork(WORK), atMs: Date.now() }
        await moveTag(query, { repositoryId: row.id, tag, digest }, by, stamp)
      },
    })
    return digest === undefined ? 'not-mended' : 'mended'
  }
}
