import { ensureRepository } from '../../metadata/changes.ts'
import { findBlob, findRepository } from '../../metadata/content.ts'
import { holdsSeenManifest } from '../../metadata/listing.ts'
import type { ContentName } from '../../metadata/names.ts'
import type { Metadata } from '../../metadata/query.ts'
import { listKnownBlobsBetween, markRepositoryScanned, readProperty, writeProperty } from '../../metadata/scans.ts'
import { type Digest, isDigestOfNothing } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { FilePage, ListedFile, StorageDriver, StoragePath } from '../../storage/driver.ts'
import { layout } from '../../storage/layout.ts'
import { entryAt, repositoryAt } from '../../storage/layout-entry.ts'
import type { Observe, Reconcile } from '../heal/reconcile.ts'
import type { Observation, StorageView } from '../heal/storage-view.ts'
import { type ListedLink, ListedRepository } from './listed-repository.ts'
import type { Obstacles } from './obstacles.ts'
import { healTagged } from './tagged-revisions.ts'
import type { UnreadableNames } from './unreadable-names.ts'

/** Names that are looked at side by side and written in one transaction. Requests of clients need their turn as well. */
const AT_ONCE = 32
/** Comes after every digest. */
const LAST = '~'

export interface ListedScanOptions {
  readonly storage: Pick<StorageDriver, 'listFiles'>
  readonly metadata: Metadata
  readonly view: StorageView
  readonly reconcile: Reconcile
  readonly unreadable: Pick<UnreadableNames, 'passOver'>
  readonly obstacles: Pick<Obstacles, 'meetOnWay'>
}

/**
 * Compares the metadata with an object store by lists of keys, of which a page costs no more than a look at one of them. A list may
 * confirm a row, or fill a gap: what it shows otherwise than a row has it is read, and what it lacks is asked for by name
 * (docs/orders-of-writing.md, On an object store).
 */
export class ListedScan {
  readonly #options: ListedScanOptions

  constructor(options: ListedScanOptions) {
    this.#options = options
  }

  /** Finds every repository, and of each that has manifests one that is whole. */
  async names(): Promise<void> {
    await this.#healPages(layout.repositories, { find: ({ files }) => this.#meet(files), leave: async () => undefined })
  }

  /** Looks at all blobs. From then on their rows say which sizes they have. */
  async blobs(signal: AbortSignal): Promise<void> {
    const { metadata, view, reconcile } = this.#options
    let last = ''
    await this.#healPages(layout.blobs, {
      find: async ({ files, next }) => {
        const sizes = blobSizes(files)
        const end = next === undefined ? LAST : ([...sizes.keys()].at(-1) ?? last)
        const known = await listKnownBlobsBetween(metadata.read, last, end)
        last = end
        const digests = [...new Set([...sizes.keys(), ...known])]
        return digests.map((digest) => () => view.observe({ kind: 'blob', digest }, { size: sizes.get(digest) }))
      },
      leave: (names) => reconcile.healAll(names, signal),
      signal,
    })
    await metadata.write((query) => writeProperty(query, 'blobs-epoch', String(reconcile.epoch)))
  }

  /** Compares every repository that this epoch has not compared yet, and passes over those that cannot be read. */
  async repositories(signal: AbortSignal): Promise<void> {
    let unfinished: ListedRepository[] = []
    const passedOver = new Set<RepositoryName>()
    const unlessUnreadable = async <Result>({ name }: ListedRepository, work: () => Promise<Result>) => {
      if (passedOver.has(name)) return undefined
      try {
        return await work()
      } catch (error) {
        await this.#options.unreadable.passOver(name, error)
        passedOver.add(name)
        return undefined
      }
    }
    const finish = async (repositories: readonly ListedRepository[]) => {
      for (const repository of repositories) {
        if (!repository.isScanned) await unlessUnreadable(repository, () => this.#finish(repository, signal))
      }
    }
    await this.#healPages(layout.repositories, {
      find: async ({ files }) => {
        const links: ListedLink[] = []
        for (const file of files) {
          const name = repositoryAt(file.path)
          if (name === undefined) continue
          const current = unfinished.at(-1)
          const repository = current?.name === name ? current : await this.#open(name)
          if (repository !== current) unfinished.push(repository)
          if (!repository.isScanned) links.push(...repository.take(file))
        }
        return links.map((link) => async () => await unlessUnreadable(link.repository, () => this.#observeLink(link)))
      },
      leave: async (names) => {
        for (const repository of unfinished) repository.leave(names)
        await finish(unfinished.slice(0, -1))
        unfinished = unfinished.slice(-1)
      },
      signal,
    })
    await finish(unfinished)
  }

  /** Compares one repository. */
  async repository(name: RepositoryName, signal?: AbortSignal): Promise<void> {
    const repository = await this.#open(name)
    for (const directory of [layout.layers(name), layout.revisions(name), layout.tags(name)]) {
      await this.#healPages(directory, {
        find: async ({ files }) => files.flatMap((file) => repository.take(file)).map((link) => () => this.#observeLink(link)),
        leave: async (names) => repository.leave(names),
        signal,
      })
    }
    await this.#finish(repository, signal)
  }

  /** What a page shows is believed, so it is asked for when the scan that believes it is open, and not before. */
  async #healPages(path: StoragePath, { find, leave, signal }: PageWork): Promise<void> {
    const { storage, reconcile, obstacles } = this.#options
    let next: string | undefined
    do {
      signal?.throwIfAborted()
      const findInPage = async () => {
        const page = await storage.listFiles(path, next)
        next = page.next
        await obstacles.meetOnWay([...page.files.map((file) => file.path), ...page.unnamed])
        return await find(page)
      }
      const left = await reconcile.healBy(findInPage, { atOnce: AT_ONCE })
      await leave(left.map(({ name }) => name))
    } while (next !== undefined)
  }

  async #open(name: RepositoryName): Promise<ListedRepository> {
    const { metadata, reconcile } = this.#options
    const row = await findRepository(metadata.read, name)
    return new ListedRepository(name, metadata.read, { id: row?.id, isScanned: row?.scannedEpoch === reconcile.epoch })
  }

  async #observeLink({ repository, entry, says }: ListedLink): Promise<Observation> {
    const { view } = this.#options
    if (says === undefined || !(await repository.mayBelieve(entry, says))) return await view.observe(entry)
    return await view.observe(entry, { link: says, size: await this.#knownBlobSize(says) })
  }

  /** What the list lacks and the metadata has may be there all the same. */
  async #finish(repository: ListedRepository, signal: AbortSignal | undefined): Promise<void> {
    const { metadata, reconcile } = this.#options
    await reconcile.healAll(await repository.namesToAskFor(), signal)
    await healTagged({ metadata, reconcile }, repository.name, signal)
    await metadata.write(async (query) => {
      const row = await findRepository(query, repository.name)
      if (row !== undefined) await markRepositoryScanned(query, row.id, reconcile.epoch)
    })
  }

  /** Of a blob that this epoch has looked at; undefined: not known. */
  async #knownBlobSize(digest: Digest): Promise<number | undefined> {
    const { metadata, reconcile } = this.#options
    if (Number(await readProperty(metadata.read, 'blobs-epoch')) !== reconcile.epoch) return undefined
    return (await findBlob(metadata.read, digest))?.size ?? undefined
  }

  async #meet(files: readonly ListedFile[]): Promise<readonly Observe<Observation>[]> {
    const { metadata, reconcile } = this.#options
    const revisions = revisionsByRepository(files)
    await metadata.write(async (query) => {
      for (const name of revisions.keys()) await ensureRepository(query, name, reconcile.epoch)
    })
    return [...revisions].map(
      ([name, listed]) =>
        () =>
          this.#findOneManifest(name, listed),
    )
  }

  async #findOneManifest(name: RepositoryName, revisions: readonly ListedFile[]): Promise<Observation | undefined> {
    const { metadata, reconcile } = this.#options
    const row = await findRepository(metadata.read, name)
    if (row === undefined || (await holdsSeenManifest(metadata.read, row.id, reconcile.epoch))) return undefined
    const repository = await this.#open(name)
    try {
      for (const link of revisions.flatMap((file) => repository.take(file))) {
        const observed = await this.#observeLink(link)
        if (observed.kind === 'manifest' && observed.found !== undefined) return observed
      }
    } catch (error) {
      await this.#options.unreadable.passOver(name, error)
    }
    return undefined
  }
}

interface PageWork {
  /** Finds in a page what is to be looked at. */
  readonly find: (page: FilePage) => Promise<readonly Observe<Observation>[]>
  /** Is told the names whose rows were left to a writer. */
  readonly leave: (names: readonly ContentName[]) => Promise<void>
  readonly signal?: AbortSignal | undefined
}

/** Every repository that has a file, with the links of its revisions. */
function revisionsByRepository(files: readonly ListedFile[]): ReadonlyMap<RepositoryName, readonly ListedFile[]> {
  const revisions = new Map<RepositoryName, ListedFile[]>()
  for (const file of files) {
    const repository = repositoryAt(file.path)
    if (repository === undefined) continue
    const listed = revisions.get(repository) ?? []
    revisions.set(repository, listed)
    if (entryAt(file.path)?.kind === 'manifest') listed.push(file)
  }
  return revisions
}

/** An empty file under another digest than that of nothing is a reason to look again. */
function blobSizes(files: readonly ListedFile[]): ReadonlyMap<Digest, number> {
  const sizes = new Map<Digest, number>()
  for (const { path, size } of files) {
    const entry = entryAt(path)
    if (entry?.kind === 'blob' && (size > 0 || isDigestOfNothing(entry.digest))) sizes.set(entry.digest, size)
  }
  return sizes
}
