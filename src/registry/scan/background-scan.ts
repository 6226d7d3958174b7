import { listRepositoryNames } from '../../metadata/listing.ts'
import type { BlobName } from '../../metadata/names.ts'
import type { Metadata } from '../../metadata/query.ts'
import { listKnownBlobs, listUnscannedRepositories, readProperty, writeProperty } from '../../metadata/scans.ts'
import { findDigest } from '../../oci/digest.ts'
import type { StorageDriver, StoragePath } from '../../storage/driver.ts'
import { layout } from '../../storage/layout.ts'
import type { Reconcile } from '../heal/reconcile.ts'
import type { DanglingLinks } from './dangling-links.ts'
import type { ListedScan } from './listed-scan.ts'
import type { RepositoryScan } from './repository-scan.ts'

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
   * Does what is left to do; a week after a complete scan all of it again, at a low rate.
   * Stops between repositories when the signal aborts, and does not wait for a writer then: a writer that has died is not settled any more.
   */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#run(signal)
    } catch (error) {
      if (!signal.aborted || error !== signal.reason) throw error
    }
  }

  async #run(signal: AbortSignal): Promise<void> {
    const isRepeat = await this.isComplete()
    if (isRepeat && !(await this.#isRepeatDue())) return
    const { metadata, scan, listed, epoch, storage } = this.#options
    const { listsWhole } = storage.capabilities
    if (isRepeat || !(await scan.areNamesKnown())) await scan.scanNames()
    // Blobs first: their sizes need not be asked for with each link.
    if (listsWhole) await listed.blobs(signal)
    if (listsWhole && !isRepeat) await listed.repositories(signal)
    if (isRepeat) await this.#scanAgain(signal)
    else await this.#scanUnseen(signal)
    for (const shard of listsWhole ? [] : layout.blobShards()) {
      if (signal.aborted) return
      await this.#scanBlobs(shard.path, shard.digestPrefix, signal)
    }
    if (signal.aborted) return
    await metadata.write(async (query) => {
      await writeProperty(query, 'complete-epoch', String(epoch))
      await writeProperty(query, 'complete-at-ms', String(Date.now()))
    })
  }

  async #isRepeatDue(): Promise<boolean> {
    const completeAtMs = Number(await readProperty(this.#options.metadata.read, 'complete-at-ms'))
    return Date.now() - completeAtMs > REPEAT_AFTER_MS
  }

  async #scanUnseen(signal: AbortSignal): Promise<void> {
    const { storage, metadata, scan, epoch } = this.#options
    const atOnce = storage.capabilities.questionsAtOnce
    for (;;) {
      const repositories = await listUnscannedRepositories(metadata.read, epoch, REPOSITORIES_AT_ONCE)
      if (repositories.length === 0) return
      for (let start = 0; start < repositories.length; start += atOnce) {
        if (signal.aborted) return
        await Promise.all(repositories.slice(start, start + atOnce).map(({ name }) => scan.scan(name, signal)))
      }
    }
  }

  async #scanAgain(signal: AbortSignal): Promise<void> {
    const { metadata, scan, danglingLinks } = this.#options
    let last = ''
    for (;;) {
      const names = await listRepositoryNames(metadata.read, last, REPOSITORIES_AT_ONCE)
      for (const name of names) {
        if (signal.aborted) return
        await scan.scan(name, signal)
        await danglingLinks.removeFrom(name)
        await Bun.sleep(REPEAT_PAUSE_MS)
      }
      last = names.at(-1) ?? last
      if (names.length < REPOSITORIES_AT_ONCE) return
    }
  }

  async #scanBlobs(path: StoragePath, digestPrefix: string, signal: AbortSignal): Promise<void> {
    const { storage, metadata, reconcile } = this.#options
    const algorithm = digestPrefix.slice(0, digestPrefix.indexOf(':'))
    const listed = (await storage.list(path)).flatMap((hex) => findDigest(`${algorithm}:${hex}`) ?? [])
    const known = await listKnownBlobs(metadata.read, digestPrefix)
    const names = [...new Set([...listed, ...known])].map((digest): BlobName => ({ kind: 'blob', digest }))
    await reconcile.healAll(names, signal)
  }
}
