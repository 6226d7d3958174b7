import { ensureRepository } from '../../metadata/changes.ts'
import { findRepository } from '../../metadata/content.ts'
import { holdsSeenManifest } from '../../metadata/listing.ts'
import type { LinkName, ManifestName, TagName } from '../../metadata/names.ts'
import type { Metadata } from '../../metadata/query.ts'
import {
  listKnownLinks,
  listKnownManifests,
  listKnownTags,
  markRepositoryScanned,
  readProperty,
  writeProperty,
} from '../../metadata/scans.ts'
import { DIGEST_ALGORITHMS, type Digest, findDigest } from '../../oci/digest.ts'
import { unavailable } from '../../oci/errors.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { findTag } from '../../oci/reference.ts'
import { within } from '../../runtime/deadline.ts'
import { type StorageDriver, type StoragePath, storagePath } from '../../storage/driver.ts'
import { layout } from '../../storage/layout.ts'
import { listDigests, type OnUnreadable, walkRepositories } from '../../storage/layout-walk.ts'
import { StorageFault } from '../../storage/storage-errors.ts'
import type { Reconcile } from '../heal/reconcile.ts'
import type { ListedScan } from './listed-scan.ts'
import type { Obstacles } from './obstacles.ts'
import { healTagged } from './tagged-revisions.ts'
import type { UnreadableNames } from './unreadable-names.ts'

/** How long a list waits for the scan that it needs (docs/orders-of-writing.md, Start). */
const SCAN_PATIENCE_MS = 5_000

export interface RepositoryScanOptions {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly reconcile: Reconcile
  readonly listed: ListedScan
  readonly unreadable: UnreadableNames
  readonly obstacles: Obstacles
}

/** Compares whole repositories, and the list of their names, with the storage: once in each epoch. */
export class RepositoryScan {
  readonly #storage: StorageDriver
  readonly #metadata: Metadata
  readonly #reconcile: Reconcile
  readonly #listed: ListedScan
  readonly #unreadable: UnreadableNames
  readonly #obstacles: Obstacles
  readonly #running = new Map<string, Promise<void>>()

  constructor(options: RepositoryScanOptions) {
    this.#storage = options.storage
    this.#metadata = options.metadata
    this.#reconcile = options.reconcile
    this.#listed = options.listed
    this.#unreadable = options.unreadable
    this.#obstacles = options.obstacles
  }

  /** The row id of a repository whose every row is right now; undefined when there is none. Throws UNAVAILABLE after 5 s. */
  async ensureScanned(name: RepositoryName): Promise<number | undefined> {
    const row = await findRepository(this.#metadata.read, name)
    if (row?.scannedEpoch === this.#reconcile.epoch) return row.id
    if (await this.#reconcile.isKnownAbsent(name)) return undefined
    await this.#withPatience(`repository ${name}`, () => this.scan(name))
    return (await findRepository(this.#metadata.read, name))?.id
  }

  /** As `ensureScanned`, for a command that has the time to wait for the end of a scan. Throws the reason of the signal. */
  async scanIfNeeded(name: RepositoryName, signal: AbortSignal): Promise<number | undefined> {
    const row = await findRepository(this.#metadata.read, name)
    if (row?.scannedEpoch === this.#reconcile.epoch) return row.id
    if (await this.#reconcile.isKnownAbsent(name)) return undefined
    await this.#shared(`repository ${name}`, () => this.scan(name, signal))
    return (await findRepository(this.#metadata.read, name))?.id
  }

  /** Resolves when every repository in the storage is known by name. Throws UNAVAILABLE after 5 s. */
  async ensureNames(): Promise<void> {
    if (await this.areNamesKnown()) return
    await this.#withPatience('all names', () => this.#scanNames())
  }

  async areNamesKnown(): Promise<boolean> {
    return Number(await readProperty(this.#metadata.read, 'names-epoch')) === this.#reconcile.epoch
  }

  /** Finds every repository, and of each that has manifests one that is whole: such a repository exists for the catalog. */
  async scanNames(): Promise<void> {
    await this.#shared('all names', () => this.#scanNames())
  }

  async #scanNames(): Promise<void> {
    if (this.#storage.capabilities.listsWhole) await this.#listed.names()
    else await this.#meetAll((name, fault) => this.#unreadable.passOver(name, fault))
    await this.#metadata.write((query) => writeProperty(query, 'names-epoch', String(this.#reconcile.epoch)))
  }

  /** Throws the reason when the signal aborts while another writer is waited for. */
  async scan(name: RepositoryName, signal?: AbortSignal): Promise<void> {
    if (this.#storage.capabilities.listsWhole) return await this.#listed.repository(name, signal)
    const names = [...(await this.#manifests(name)), ...(await this.#tags(name)), ...(await this.#links(name))]
    await this.#reconcile.healAll(names, signal)
    await healTagged({ metadata: this.#metadata, reconcile: this.#reconcile }, name, signal)
    await this.#metadata.write(async (query) => {
      const row = await findRepository(query, name)
      if (row !== undefined) await markRepositoryScanned(query, row.id, this.#reconcile.epoch)
    })
  }

  /**
   * Looks again at what was passed over because it could not be read. What still cannot be is left for the next look; the names below a
   * directory that can be read now are met, and scanned with the others.
   */
  async lookAgain(signal: AbortSignal): Promise<void> {
    for (const name of await this.#unreadable.list()) {
      signal.throwIfAborted()
      try {
        if (!this.#storage.capabilities.listsWhole) await this.#meetAll(rethrow, name)
        if ((await findRepository(this.#metadata.read, name)) !== undefined) await this.scan(name, signal)
        await this.#unreadable.forget(name)
      } catch (error) {
        if (!(error instanceof StorageFault)) throw error
      }
    }
  }

  async #meetAll(onUnreadable: OnUnreadable, from?: RepositoryName): Promise<void> {
    const onListed = (directory: StoragePath, names: readonly string[]) => this.#obstacles.meetIn(directory, names)
    const walk = walkRepositories(this.#storage, { onUnreadable, onListed, ...(from === undefined ? {} : { from }) })
    for await (const name of walk) {
      try {
        await this.#meet(name)
      } catch (error) {
        if (!(error instanceof StorageFault)) throw error
        await onUnreadable(name, error)
      }
    }
  }

  async #meet(name: RepositoryName): Promise<void> {
    const id = await this.#metadata.write((query) => ensureRepository(query, name, this.#reconcile.epoch))
    if (!(await holdsSeenManifest(this.#metadata.read, id, this.#reconcile.epoch))) await this.#findOneManifest(name)
  }

  async #tags(repository: RepositoryName): Promise<TagName[]> {
    const listed = await this.#list(layout.tags(repository))
    const known = await this.#known(repository, listKnownTags)
    const tags = new Set([...listed.flatMap((name) => findTag(name) ?? []), ...known])
    return [...tags].map((tag) => ({ kind: 'tag', repository, tag }))
  }

  async #manifests(repository: RepositoryName): Promise<ManifestName[]> {
    await this.#list(layout.manifests(repository))
    const listed = await this.#listDigests(layout.revisions(repository))
    const known = await this.#known(repository, listKnownManifests)
    return [...new Set([...listed, ...known])].map((digest) => ({ kind: 'manifest', repository, digest }))
  }

  async #links(repository: RepositoryName): Promise<LinkName[]> {
    const listed = await this.#listDigests(layout.layers(repository))
    const known = await this.#known(repository, listKnownLinks)
    return [...new Set([...listed, ...known])].map((digest) => ({ kind: 'link', repository, digest }))
  }

  async #listDigests(path: StoragePath): Promise<Digest[]> {
    const digests: Digest[] = []
    for (const algorithm of await this.#list(path)) {
      if (!DIGEST_ALGORITHMS.some((known) => known === algorithm)) continue
      const names = await this.#list(storagePath(path, algorithm))
      digests.push(...names.flatMap((hex) => findDigest(`${algorithm}:${hex}`) ?? []))
    }
    return digests
  }

  async #list(path: StoragePath): Promise<readonly string[]> {
    const names = await this.#storage.list(path)
    await this.#obstacles.meetIn(path, names)
    return names
  }

  async #known<Entry>(
    repository: RepositoryName,
    list: (query: Metadata['read'], repositoryId: number) => Promise<Entry[]>,
  ): Promise<Entry[]> {
    const row = await findRepository(this.#metadata.read, repository)
    return row === undefined ? [] : await list(this.#metadata.read, row.id)
  }

  async #findOneManifest(repository: RepositoryName): Promise<void> {
    for (const algorithm of DIGEST_ALGORITHMS) {
      for (const digest of await listDigests(this.#storage, layout.revisions(repository), [algorithm])) {
        const [observed] = await this.#reconcile.look([{ kind: 'manifest', repository, digest } as const])
        if (observed?.found !== undefined) return
      }
    }
  }

  /** One scan for all requests that need it at this moment. */
  #shared(key: string, scan: () => Promise<void>): Promise<void> {
    const running = this.#running.get(key) ?? scan().finally(() => this.#running.delete(key))
    this.#running.set(key, running)
    running.catch(() => undefined)
    return running
  }

  /** Requests that need the same scan share it; it goes on when they have stopped waiting. */
  async #withPatience(key: string, scan: () => Promise<void>): Promise<void> {
    const running = this.#shared(key, scan)
    if ((await within(running, SCAN_PATIENCE_MS, 'late')) !== 'late') return
    throw unavailable('The storage is still being read after a start; try again in a moment.', { retryAfterSeconds: 5 })
  }
}

async function rethrow(_: RepositoryName, fault: StorageFault): Promise<never> {
  throw fault
}
