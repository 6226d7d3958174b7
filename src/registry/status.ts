import { countCondemnedLinks } from '../metadata/collecting/links.ts'
import { countCondemnedManifests } from '../metadata/collecting/manifests.ts'
import { findBlob } from '../metadata/content.ts'
import { countClaims, countRepositories, countUnscannedRepositories, countUploads } from '../metadata/counts.ts'
import { countUnread } from '../metadata/facts/image-facts.ts'
import type { Metadata } from '../metadata/query.ts'
import type { DutyState } from '../observe/duty-state.ts'
import type { CollectorState } from '../observe/metrics/collector-metrics.ts'
import type { MirrorStates } from '../observe/metrics/mirror-metrics.ts'
import type { EndpointCounts, EndpointState } from '../observe/metrics/notification-metrics.ts'
import type { ScrubState } from '../observe/metrics/scrub-metrics.ts'
import type { ScanState } from '../observe/readiness.ts'
import type { Digest } from '../oci/digest.ts'
import type { RepositoryName } from '../oci/name.ts'
import type { StorageDriver, StorageSpace } from '../storage/driver.ts'
import { readScrubNote } from './check/scrub-note.ts'
import { readCollectorNote } from './collect/collector-note.ts'
import type { Waits } from './collect/whether.ts'
import { findStoreId } from './handover/store-id.ts'
import { type LimitedMirror, mirrorUses } from './mirror/space/counted-mirrors.ts'
import { syncStates } from './mirror/sync/sync-note.ts'
import { endpointStates, type Notifications } from './notifications/notifications.ts'
import type { QuotaState, Quotas } from './quotas/quotas.ts'
import type { BackgroundScan } from './scan/background-scan.ts'
import type { Obstacles } from './scan/obstacles.ts'
import type { RepositoryScan } from './scan/repository-scan.ts'
import type { UnreadableNames } from './scan/unreadable-names.ts'

/** Counting a million repositories blocks the event loop for a few milliseconds: within this time the same numbers are given. */
const COUNTED_FOR_MS = 5_000

/** So many are counted at each question: a fraction of a millisecond. */
const CONDEMNED_FEW = 1_000
/** More are counted as so many: a few milliseconds. */
const CONDEMNED_COUNTED = 100_000

/** Where each name has a quota of its own, there may be very many. */
const QUOTAS_LISTED = 1_000

export interface StatusOptions {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly scan: RepositoryScan
  readonly backgroundScan: BackgroundScan
  readonly unreadable: Pick<UnreadableNames, 'list'>
  readonly obstacles: Pick<Obstacles, 'list'>
  readonly quotas: Pick<Quotas, 'list'>
  readonly mirrors: readonly LimitedMirror[]
  /** Undefined where there are no events. */
  readonly notifications: Pick<Notifications, 'counts'> | undefined
  readonly epoch: number
  readonly dutyStates: () => readonly DutyState[]
  /** Nothing is written here: a storage without an id stays one. */
  readonly onlyReads: boolean
}

/** What an operator's dashboard shows of the whole registry, whichever of its processes is asked. */
export interface StatusCounts {
  readonly openUploads: number
  /** Operations between their claim and their confirmation. */
  readonly openClaims: number
  readonly repositories: number
  readonly scannedRepositories: number
  /** Names that could not be read, of repositories or of directories that may hold some. */
  readonly unreadableRepositories: number
  /** Directories that Berth does not know; the collector takes no bytes while there is one. */
  readonly obstacles: number
}

/** How far what is derived from the storage has come. */
export interface Progress extends ScanState {
  /** Manifests whose facts are to be read. */
  readonly unreadFacts: number
}

/** What the collector found, and why it takes nothing, as its sentences know the reasons. */
export interface CollectorFound extends CollectorState {
  readonly waits?: Waits | undefined
}

/** How the registry is, for its operator. */
export class Status {
  readonly #options: StatusOptions
  #storeId: string | undefined
  #counted: Remembered<RepositoryCounts> | undefined
  #condemned: Remembered<CondemnedCounts> | undefined
  #unread: Remembered<number> | undefined

  constructor(options: StatusOptions) {
    this.#options = options
  }

  /** Throws when the storage does not answer, or is not the one that was there at first: an unmounted volume is an empty directory. */
  async checkStorage(): Promise<void> {
    const { storage, onlyReads } = this.#options
    const found = await findStoreId(storage)
    this.#storeId ??= found
    if (found !== this.#storeId || (found === undefined && !onlyReads))
      throw new Error('the storage is not the one that was served until now')
  }

  /** How far the scan of the epoch is. Throws when the metadata does not answer. */
  async scanState(): Promise<ScanState> {
    const { scan, backgroundScan, epoch } = this.#options
    if (await backgroundScan.isComplete()) return { epoch, complete: true, names: true, scanned: 1 }
    const { repositories, scannedRepositories } = await this.#repositories()
    const scanned = repositories === 0 ? 0 : Math.round((scannedRepositories / repositories) * 1000) / 1000
    return { epoch, complete: false, names: await scan.areNamesKnown(), scanned }
  }

  /** How far a takeover is: the scan, and then the reading of what images say. Throws when the metadata does not answer. */
  async progress(): Promise<Progress> {
    const scan = await this.scanState()
    this.#unread = remembered(this.#unread, () => countUnread(this.#options.metadata.read))
    return { ...scan, unreadFacts: await this.#unread.answer }
  }

  /** Throws when the metadata does not answer. */
  async counts(): Promise<StatusCounts> {
    const { read } = this.#options.metadata
    const counts = [countUploads(read), countClaims(read), this.#repositories()] as const
    const [openUploads, openClaims, repositories] = await Promise.all(counts)
    const { length: unreadableRepositories } = await this.unreadable()
    const { length: obstacles } = await this.obstacles()
    const { repositories: all, scannedRepositories } = repositories
    return { openUploads, openClaims, repositories: all, scannedRepositories, unreadableRepositories, obstacles }
  }

  /** What the scan passed over. Throws when the metadata does not answer. */
  async unreadable(): Promise<readonly RepositoryName[]> {
    return await this.#options.unreadable.list()
  }

  /** What the last pass of the collector found; undefined before the first. Throws when the metadata does not answer. */
  async collector(): Promise<CollectorFound | undefined> {
    const { read } = this.#options.metadata
    const note = await readCollectorNote(read)
    if (note === undefined) return undefined
    const { atMs, tookMs, waits, found, untagged } = note
    const condemned = await this.#countCondemned()
    const due = found && {
      links: found.links.due,
      blobs: found.blobs.due,
      bytes: found.links.dueBytes + found.blobs.dueBytes,
    }
    return { atMs, tookMs, condemned, waits, due, untagged }
  }

  /** How far the reading of all bytes is; undefined before its first pass. Throws when the metadata does not answer. */
  async scrub(): Promise<ScrubState | undefined> {
    const { read } = this.#options.metadata
    const note = await readScrubNote(read)
    if (note === undefined) return undefined
    const missing: Digest[] = []
    for (const { digest } of note.latest) if ((await findBlob(read, digest)) === undefined) missing.push(digest)
    return { endedAtMs: note.endedAtMs, bytes: note.bytes, missing }
  }

  /** Paths of what the scan met that Berth does not know. Throws when the metadata does not answer. */
  async obstacles(): Promise<readonly string[]> {
    return (await this.#options.obstacles.list()).map(({ path }) => path)
  }

  /** The fullest quotas, by bytes. Throws when the metadata does not answer. */
  async quotas(): Promise<readonly QuotaState[]> {
    return await this.#options.quotas.list(QUOTAS_LISTED)
  }

  /** How full mirrors are, and what their rules have brought. Throws when the metadata does not answer. */
  async mirrors(): Promise<MirrorStates> {
    const { metadata, mirrors } = this.#options
    const synced = mirrors.flatMap(({ prefix, hasRule }) => (hasRule === true ? [prefix] : []))
    return { uses: await mirrorUses(metadata.read, mirrors), syncs: await syncStates(metadata.read, synced) }
  }

  /** How far the endpoints of notifications are. Throws when the metadata does not answer. */
  async endpoints(): Promise<readonly EndpointState[]> {
    return this.#options.notifications === undefined ? [] : await endpointStates(this.#options.metadata)
  }

  /** What this process has sent to them. */
  sent(): readonly EndpointCounts[] {
    return this.#options.notifications?.counts() ?? []
  }

  /** The background work that one process does for all. */
  duties(): readonly DutyState[] {
    return this.#options.dutyStates()
  }

  /** Undefined where the storage has no limit. Throws when it does not answer. */
  async space(): Promise<StorageSpace | undefined> {
    return await this.#options.storage.space()
  }

  async #countCondemned(): Promise<CondemnedCounts> {
    const { read } = this.#options.metadata
    const counted = async (atMost: number) => ({
      links: await countCondemnedLinks(read, atMost),
      manifests: await countCondemnedManifests(read, atMost),
    })
    const few = await counted(CONDEMNED_FEW)
    if (few.links < CONDEMNED_FEW && few.manifests < CONDEMNED_FEW) return few
    this.#condemned = remembered(this.#condemned, () => counted(CONDEMNED_COUNTED))
    return await this.#condemned.answer
  }

  async #repositories(): Promise<RepositoryCounts> {
    this.#counted = remembered(this.#counted, () => this.#countRepositories())
    return await this.#counted.answer
  }

  async #countRepositories(): Promise<RepositoryCounts> {
    const { metadata, epoch } = this.#options
    const repositories = await countRepositories(metadata.read)
    const scannedRepositories = repositories - (await countUnscannedRepositories(metadata.read, epoch))
    return { repositories, scannedRepositories }
  }
}

type CondemnedCounts = CollectorState['condemned']

type RepositoryCounts = Pick<StatusCounts, 'repositories' | 'scannedRepositories'>

interface Remembered<Answer> {
  readonly at: number
  readonly answer: Promise<Answer>
}

/** What was asked a moment ago is not asked again. */
function remembered<Answer>(known: Remembered<Answer> | undefined, ask: () => Promise<Answer>): Remembered<Answer> {
  const now = performance.now()
  return known !== undefined && now - known.at <= COUNTED_FOR_MS ? known : { at: now, answer: ask() }
}
