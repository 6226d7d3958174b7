import { isPassedOver, listPassedOver, writePassedOver } from '../../metadata/passed-over.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Log } from '../../observe/log.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { StorageFault } from '../../storage/storage-errors.ts'

/** More than this is no single fault. */
const MOST_NAMES = 1_000

export interface UnreadableNamesOptions {
  /** Throws StorageFault while the storage as a whole does not answer. */
  readonly askStorage: () => Promise<unknown>
  readonly metadata: Metadata
  readonly epoch: number
  readonly log: Log
}

/**
 * The repositories that the scan of this epoch could not read, and the directories below which it could not look for some: it passed over
 * them. What they hold is not known, so that nothing there is absent. In the metadata, because each process answers requests for them.
 */
export class UnreadableNames {
  readonly #options: UnreadableNamesOptions

  constructor(options: UnreadableNamesOptions) {
    this.#options = options
  }

  async list(): Promise<readonly RepositoryName[]> {
    const { metadata, epoch } = this.#options
    return await listPassedOver(metadata.read, epoch)
  }

  /** Passes over a name, which may lie below one that is passed over already; its first fault is logged. Throws the failure where it is not that of one name. */
  async passOver(name: RepositoryName, failure: unknown): Promise<void> {
    const { askStorage, metadata, epoch, log } = this.#options
    if (!(failure instanceof StorageFault)) throw failure
    if (await isPassedOver(metadata.read, epoch, name)) return
    const names = await this.list()
    if (names.length === MOST_NAMES || !(await answers(askStorage))) throw failure
    await this.#change((known) => [...known, name])
    log.error('a repository cannot be read, the others are served', { repository: name, error: failure.cause ?? failure })
  }

  /** What lies at this name has been read. */
  async forget(name: RepositoryName): Promise<void> {
    await this.#change((known) => known.filter((other) => other !== name))
    this.#options.log.info('a repository can be read again', { repository: name })
  }

  async #change(change: (known: readonly RepositoryName[]) => readonly RepositoryName[]): Promise<void> {
    const { metadata, epoch } = this.#options
    await metadata.write(async (query) => await writePassedOver(query, epoch, change(await listPassedOver(query, epoch))))
  }
}

async function answers(askStorage: () => Promise<unknown>): Promise<boolean> {
  try {
    await askStorage()
    return true
  } catch (error) {
    if (error instanceof StorageFault) return false
    throw error
  }
}
