import { listRepositoryNames } from '../../metadata/listing.ts'
import type { BlobName } from '../../metadata/names.ts'
import type { Metadata } from '../../metadata/query.ts'
import { listKnownBlobs, listUnscannedRepositories, readProperty, writeProperty } from '../../metadata/scans.ts'
import { DIGEST_ALGORITHMS, findDigest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { untilAborted } from '../../runtime/until-aborted.ts'
import { listedPath, type StorageDriver, type StoragePath, storagePath } from '../../storage/driver.ts'
import { layout } from '../../storage/layout.ts'
import type { Reconcile } from '../heal/reconcile.ts'
import type { DanglingLinks } from './dangling-links.ts'
import type { ListedScan } from './listed-scan.ts'
import type { Obstacles } from './obstacles.ts'
import type { RepositoryScan } from './repository-scan.ts'
import type { TagIndexes } from './tag-indexes.ts'
import type { UnreadableNames } from './unreadable-names.ts'

const REPOSITORIES_AT_ONCE = 100
/** A complete scan is repeated after this long, with a pause after each repository. */
const REPEAT_AFTER_MS = 7 * 24 * 60 * 60 * 1000
const REPEAT_PAUSE_MS = 50

export interface BackgroundScanOptions {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly scan: RepositoryScan
  readonly listed: ListedScan
  readonly reconcile: Reconcile
  readonly danglingLinks: DanglingLinks
  readonly tagIndexes: TagIndexes
  readonly unreadable: UnreadableNames
  readonly obstacles: Obstacles
  readonly epoch: number
}

/** Looks at everything once in an epoch, which is a duty of one process for all: names, repositories, blobs. What a request needs sooner it scans itself. */
export class BackgroundScan {
  readonly #options: BackgroundScanOptions

  constructor(options: BackgroundScanOptions) {
    this.#options = options
  }

  /** True when every row has been compared with the storage in this epoch. */
  async isComplete(): Promise<boolean> {
    return Number(await readProperty(this.#options.metadata.read, 'complete-epoch')) === this.#options.epoch
  }

  /**
   * Does what is left to do, which is all that could not be read before; a week after a complete scan all of it again, at a low rate.
   * Stops between repositories when the signal aborts, and does not wait for a writer then: a writer that has died is not settled any more.
   */
  async run(signal: AbortSignal): Promise<void> {
    await untilAborted(signal, () => this.#run(signal))
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { scan, unreadable, obstacles } = this.#options
    await scan.lookAgain(signal)
    await obstacles.lookAgain(signal)
    const isRepeat = await this.isComplete()
    if (isRepeat && !(await this.#isRepeatDue())) return
    if (isRepeat || !(await this.#isSeen())) await this.#lookAtAll(isRepeat, signal)
    else await this.#scanUnseen(signal)
    if (signal.aborted || (!isRepeat && (await unreadable.list()).length > 0)) return
    await this.#options.metadata.write(async (query) => {
      await writeProperty(query, 'complete-epoch', String(this.#options.epoch))
      await writeProperty(query, 'complete-at-ms', String(Date.now()))
    })
  }

  /** All but what cannot be read. */
  async #lookAtAll(isRepeat: boolean, signal: AbortSignal): Promise<void> {
    const { metadata, scan, listed, epoch, storage } = this.#options
    const { listsWhole } = storage.capabilities
    if (isRepeat || !(await scan.areNamesKnown())) await scan.scanNames()
    // Blobs first: their sizes need not be asked for with each link.
    if (listsWhole) await listed.blobs(signal)
    if (listsWhole && !isRepeat) await listed.repositories(signal)
    if (isRepeat) await this.#scanAgain(signal)
    else await this.#scanUnseen(signal)
    if (!listsWhole) await this.#scanBlobDirectories(signal)
    if (!signal.aborted) await metadata.write((query) => writeProperty(query, 'seen-epoch', String(epoch)))
  }

  async #isSeen(): Promise<boolean> {
    return Number(await readProperty(this.#options.metadata.read, 'seen-epoch')) === this.#options.epoch
  }

  async #isRepeatDue(): Promise<boolean> {
    const completeAtMs = Number(await readProperty(this.#options.metadata.read, 'complete-at-ms'))
    return Date.now() - completeAtMs > REPEAT_AFTER_MS
  }

  /** In rounds: a repository that was met meanwhile may come before the last one. */
  async #scanUnseen(signal: AbortSignal): Promise<void> {
    while (await this.#scanRound(signal)) signal.throwIfAborted()
  }

  /** True when there was something to scan. */
  async #scanRound(signal: AbortSignal): Promise<boolean> {
    const { storage, metadata, scan, epoch, unreadable } = this.#options
    const atOnce = storage.capabilities.questionsAtOnce
    let hasScanned = false
    for (let last = ''; ; ) {
      const repositories = await listUnscannedRepositories(metadata.read, epoch, last, REPOSITORIES_AT_ONCE)
      if (repositories.length === 0) return hasScanned
      last = repositories.at(-1)?.name ?? last
      const passedOver = new Set(await unreadable.list())
      const readable = repositories.filter(({ name }) => !passedOver.has(name))
      for (let start = 0; start < readable.length; start += atOnce) {
        signal.throwIfAborted()
        const batch = readable.slice(start, start + atOnce)
        const scanned = await Promise.all(batch.map(({ name }) => this.#unlessUnreadable(name, () => scan.scan(name, signal))))
        hasScanned ||= scanned.includes(true)
      }
    }
  }

  async #unlessUnreadable(name: RepositoryName, work: () => Promise<void>): Promise<boolean> {
    try {
      await work()
      return true
    } catch (error) {
      await this.#options.unreadable.passOver(name, error)
      return false
    }
  }

  async #scanAgain(signal: AbortSignal): Promise<void> {
    const { metadata, scan, danglingLinks, tagIndexes } = this.#options
    let last = ''
    for (;;) {
      const names = await listRepositoryNames(metadata.read, last, REPOSITORIES_AT_ONCE)
      for (const name of names) {
        if (signal.aborted) return
        await this.#unlessUnreadable(name, async () => {
          await scan.scan(name, signal)
          await danglingLinks.removeFrom(name)
          await tagIndexes.removeFrom(name, signal)
        })
        await Bun.sleep(REPEAT_PAUSE_MS)
      }
      last = names.at(-1) ?? last
      if (names.length < REPOSITORIES_AT_ONCE) return
    }
  }

  async #scanBlobDirectories(signal: AbortSignal): Promise<void> {
    await this.#list(layout.blobs)
    const there = new Set<StoragePath>()
    for (const algorithm of DIGEST_ALGORITHMS) {
      const directory = storagePath(layout.blobs, algorithm)
      for (const name of await this.#list(directory)) there.add(listedPath(directory, name))
    }
    for (const { path, digestPrefix } of layout.blobShards()) {
      if (signal.aborted) return
      // Of 512, a small registry has a few.
      const found = there.has(path) ? await this.#list(path) : []
      await this.#scanBlobs(found, digestPrefix, signal)
    }
  }

  async #scanBlobs(found: readonly string[], digestPrefix: string, signal: AbortSignal): Promise<void> {
    const { metadata, reconcile } = this.#options
    const algorithm = digestPrefix.slice(0, digestPrefix.indexOf(':'))
    const listed = found.flatMap((hex) => findDigest(`${algorithm}:${hex}`) ?? [])
    const known = await listKnownBlobs(metadata.read, digestPrefix)
    if (listed.length + known.length === 0) return
    const names = [...new Set([...listed, ...known])].map((digest): BlobName => ({ kind: 'blob', digest }))
    await reconcile.healAll(names, signal)
  }

  async #list(path: StoragePath): Promise<readonly string[]> {
    const { storage, obstacles } = this.#options
    const names = await storage.list(path)
    await obstacles.meetIn(path, names)
    return names
  }
}
