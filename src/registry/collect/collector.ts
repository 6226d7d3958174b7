import {
  type CondemnedLink,
  condemnLinks,
  listCondemnedLinks,
  listLargestCondemnedLinks,
  rescueLink,
} from '../../metadata/collecting/links.ts'
import {
  condemnManifests,
  listCondemnedManifests,
  listReleasedManifests,
  rescueManifest,
} from '../../metadata/collecting/manifests.ts'
import { listObstacles } from '../../metadata/collecting/obstacles.ts'
import type { RepositoryToCollect } from '../../metadata/collecting/survey.ts'
import type { Metadata, Query } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { KeptUntagged } from '../keeping/kept-untagged.ts'
import { brakes } from './brake.ts'
import { Candidates } from './candidates.ts'
import type { CollectorClock } from './collector-clock.ts'
import type { EmptyRepositories } from './empty-repositories.ts'
import type { Pace } from './pace.ts'
import type { CollectorPolicy } from './policy.ts'
import type { Removal } from './removal.ts'
import { type Survey, survey } from './survey.ts'
import { UntaggedIn } from './untagged.ts'
import type { Waits, Whether } from './whether.ts'

export interface CollectorOptions {
  readonly metadata: Metadata
  readonly removal: Removal
  readonly emptyRepositories: EmptyRepositories
  readonly kept: KeptUntagged
  readonly whether: Whether
  readonly clock: CollectorClock
  readonly policy: CollectorPolicy
  readonly pace: Pace
  /** Uploads are refused for want of space: what frees most goes first. */
  readonly isFull: () => Promise<boolean>
  readonly epoch: number
}

/** How much one pass takes, and when. */
export interface PassOptions {
  readonly graceMs: number
  readonly windowMs: number
  /** Manifests to which no tag leads as well: registry:2's `garbage-collect --delete-untagged`. */
  readonly removesUntagged: boolean
  /** Only counts. */
  readonly dryRun: boolean
}

export interface Collected {
  readonly links: number
  readonly blobs: number
  readonly manifests: number
  /** In which nothing was left. */
  readonly repositories: number
  /** Bytes of blobs that went. */
  readonly bytes: number
}

export interface PassReport {
  /** Why nothing was taken, or no bytes were (`obstacle`); undefined: all that was due. */
  readonly waits: Waits | undefined
  /** What was found; undefined when the pass did not come that far. */
  readonly found: Survey | undefined
  /** Links and manifests that may be removed when the window has passed, unless a client asks for them. */
  readonly condemned: number
  readonly collected: Collected
}

/**
 * Frees what nothing needs, while the registry serves (docs/collector.md): links first, each condemned for a window in which a request rescues
 * it, then the bytes that no link and no manifest needs. Whatever it takes is asked for again in the transaction that claims it.
 */
export class Collector {
  readonly #options: CollectorOptions

  constructor(options: CollectorOptions) {
    this.#options = options
  }

  /** Removes what has been condemned for the window. Ends between two batches when the signal aborts. */
  async removeCondemned(windowMs: number, signal: AbortSignal): Promise<Collected> {
    const manifests = await this.#removeManifests(windowMs, signal)
    const removed = await this.#removeLinks(windowMs, signal)
    return { ...removed, manifests }
  }

  /** One look at everything: condemns what is due, and removes the bytes that are. */
  async pass(options: PassOptions, signal: AbortSignal): Promise<PassReport> {
    const { metadata, whether, clock, policy } = this.#options
    const waits = await whether.waits(options.graceMs)
    if (waits !== undefined) return { waits, found: undefined, condemned: 0, collected: NOTHING }
    await metadata.warm?.(signal)
    const touchedBefore = await this.#touchedBefore(options.graceMs)
    const found = await survey(metadata.read, touchedBefore, signal)
    if (options.dryRun) return { waits: undefined, found, condemned: 0, collected: NOTHING }
    if (await brakes(metadata, found, policy.brake)) return { waits: 'brake', found, condemned: 0, collected: NOTHING }
    const condemned = await this.#condemn(touchedBefore, options, signal)
    await clock.tick()
    if (await whether.hasObstacle())
      return { waits: 'obstacle', found, condemned, collected: await this.removeEmptyRepositories(signal) }
    const collected = await this.#removeBytes(touchedBefore, signal)
    return { waits: undefined, found, condemned, collected: sumOf(collected, await this.removeEmptyRepositories(signal)) }
  }

  /** Repositories in which nothing is left, and of which no scan can bring anything back. */
  async removeEmptyRepositories(signal: AbortSignal): Promise<Collected> {
    const mayGoOn = async (removed: number) => await this.#mayGoOn(removed, signal)
    return { ...NOTHING, repositories: await this.#options.emptyRepositories.remove(mayGoOn, signal) }
  }

  /** By the collector's clock, of which rows may be as old as its margin says. */
  async #touchedBefore(graceMs: number): Promise<number> {
    const { nowMs } = await this.#options.clock.read()
    return nowMs - graceMs - this.#options.clock.marginMs
  }

  async #condemn(touchedBefore: number, options: PassOptions, signal: AbortSignal): Promise<number> {
    const { metadata, kept } = this.#options
    const candidates = new Candidates(metadata.read, signal)
    const opaque = await this.#repositoriesWithObstacle()
    let condemned = 0
    for await (const page of candidates.pages()) {
      const keptHere = kept.among(page, signal)
      for (const { id, name } of page) {
        await candidates.turn()
        if (opaque.has(name)) continue
        condemned += await this.#condemnReleased({ id, name }, touchedBefore, signal)
        if (options.removesUntagged) {
          const untagged = await new UntaggedIn(metadata.read, { id, name }, candidates).find(keptHere)
          condemned += await this.#condemnManifests(id, untagged, Number.MAX_SAFE_INTEGER)
        }
        condemned += await this.#condemnLinks(id, candidates, touchedBefore)
      }
    }
    return condemned
  }

  async #condemnLinks(repositoryId: number, candidates: Candidates, touchedBefore: number): Promise<number> {
    const { metadata, pace, clock } = this.#options
    let condemned = 0
    for await (const slice of candidates.links(repositoryId)) {
      const due = slice.filter(({ sinceMs }) => sinceMs <= touchedBefore).map(({ digest }) => digest)
      for (const digests of batches(due, pace)) {
        const condemn = (query: Query) => condemnLinks(query, repositoryId, digests, touchedBefore)
        condemned += await pace.transactions.write(metadata, condemn, digests.length)
        await clock.tick()
      }
    }
    return condemned
  }

  /** What is condemned is no candidate any more, so that each slice is another one; nor is, for a grace, what an operator keeps. */
  async #condemnReleased(repository: RepositoryToCollect, touchedBefore: number, signal: AbortSignal): Promise<number> {
    const { metadata, pace, kept } = this.#options
    const { id, name } = repository
    const keptHere = kept.keepsMore(name) ? kept.among([repository], signal) : undefined
    for (let condemned = 0; ; ) {
      const released = await listReleasedManifests(metadata.read, id, touchedBefore, pace.atOnce)
      const staying = released.length === 0 ? undefined : await keptHere?.of(repository)
      const [earlier, others] = parted(released, (digest) => staying === 'all' || staying?.has(digest) === true)
      await this.#renew(id, earlier)
      const taken = await this.#condemnManifests(id, others, touchedBefore)
      condemned += taken
      if (taken + earlier.length === 0) return condemned
    }
  }

  async #renew(repositoryId: number, manifests: readonly Digest[]): Promise<void> {
    if (manifests.length === 0) return
    await this.#options.metadata.write(async (query) => {
      for (const digest of manifests) await rescueManifest(query, repositoryId, digest)
    })
  }

  async #condemnManifests(repositoryId: number, digests: readonly Digest[], touchedBefore: number): Promise<number> {
    let condemned = 0
    const { metadata, pace } = this.#options
    for (const batch of batches(digests, pace)) {
      const condemn = (query: Query) => condemnManifests(query, repositoryId, batch, touchedBefore)
      condemned += await pace.transactions.write(metadata, condemn, batch.length)
    }
    return condemned
  }

  /** Nobody knows what that content names there. */
  async #repositoriesWithObstacle(): Promise<ReadonlySet<RepositoryName>> {
    const { metadata, epoch } = this.#options
    const obstacles = await listObstacles(metadata.read, epoch)
    return new Set(obstacles.flatMap(({ repository }) => repository ?? []))
  }

  async #removeManifests(windowMs: number, signal: AbortSignal): Promise<number> {
    const { metadata, removal, pace } = this.#options
    let removed = 0
    for (;;) {
      signal.throwIfAborted()
      const candidates = await listCondemnedManifests(metadata.read, await this.#touchedBefore(windowMs), pace.atOnce)
      const taken = await removal.manifests(candidates)
      removed += taken.length
      if (taken.length === 0 || !(await this.#mayGoOn(taken.length, signal))) return removed
    }
  }

  /** With each link go the bytes of which it was the last one, unless there is an obstacle. */
  async #removeLinks(windowMs: number, signal: AbortSignal): Promise<Collected> {
    const { metadata, removal, whether, isFull, pace } = this.#options
    const opaque = await this.#repositoriesWithObstacle()
    const bytesStay = await whether.hasObstacle()
    let [links, blobs, bytes] = [0, 0, 0]
    for (;;) {
      signal.throwIfAborted()
      const list = (await isFull()) ? listLargestCondemnedLinks : listCondemnedLinks
      const condemned = await list(metadata.read, await this.#touchedBefore(windowMs), pace.atOnce)
      if (condemned.length > 0) await metadata.warm?.(signal)
      const [kept, candidates] = parted(condemned, ({ repository }) => opaque.has(repository))
      await this.#spare(kept)
      const { links: taken, blobs: freed } = await removal.linksAndBytes(candidates, { bytesStay })
      links += taken.length
      if (taken.length === 0) break
      blobs += freed.length
      bytes += sizeOf(freed)
      if (!(await this.#mayGoOn(taken.length + freed.length, signal))) break
    }
    return { ...NOTHING, links, blobs, bytes }
  }

  /** An obstacle was met in their repository since they were condemned. */
  async #spare(links: readonly CondemnedLink[]): Promise<void> {
    if (links.length === 0) return
    await this.#options.metadata.write(async (query) => {
      for (const { repositoryId, digest } of links) await rescueLink(query, repositoryId, digest)
    })
  }

  async #removeBytes(touchedBefore: number, signal: AbortSignal): Promise<Collected> {
    const { metadata, removal, isFull, pace } = this.#options
    let [blobs, bytes] = [0, 0]
    for await (const slice of new Candidates(metadata.read, signal).blobs()) {
      const due = slice.filter(({ sinceMs }) => sinceMs <= touchedBefore)
      if (due.length > 0 && (await isFull())) due.sort((one, other) => other.bytes - one.bytes)
      const digests = due.map(({ digest }) => digest)
      for (const batch of batches(digests, pace)) {
        const freed = await removal.bytes(batch, touchedBefore)
        blobs += freed.length
        bytes += sizeOf(freed)
        if (!(await this.#mayGoOn(freed.length, signal))) return { ...NOTHING, blobs, bytes }
      }
    }
    return { ...NOTHING, blobs, bytes }
  }

  /** After each batch: readers have their turn, and the storage may have gone meanwhile. */
  async #mayGoOn(removed: number, signal: AbortSignal): Promise<boolean> {
    const { metadata, clock, whether, pace } = this.#options
    await clock.tick()
    await pace.after(removed, signal)
    await metadata.warm?.(signal)
    signal.throwIfAborted()
    // How long the epoch has lasted was asked before.
    return (await whether.waits(0)) === undefined
  }
}

export const NOTHING: Collected = { links: 0, blobs: 0, manifests: 0, repositories: 0, bytes: 0 }

export function sumOf(...parts: readonly Collected[]): Collected {
  const sum = (of: (part: Collected) => number) => parts.reduce((total, part) => total + of(part), 0)
  return {
    links: sum(({ links }) => links),
    blobs: sum(({ blobs }) => blobs),
    manifests: sum(({ manifests }) => manifests),
    repositories: sum(({ repositories }) => repositories),
    bytes: sum(({ bytes }) => bytes),
  }
}

function sizeOf(blobs: readonly { readonly size: number }[]): number {
  return blobs.reduce((sum, { size }) => sum + size, 0)
}

function parted<Value>(values: readonly Value[], isFirst: (value: Value) => boolean): [Value[], Value[]] {
  return [values.filter(isFirst), values.filter((value) => !isFirst(value))]
}

function* batches(digests: readonly Digest[], pace: Pace): Generator<readonly Digest[]> {
  for (let start = 0; start < digests.length; ) {
    const batch = digests.slice(start, start + pace.atOnce)
    yield batch
    start += batch.length
  }
}
