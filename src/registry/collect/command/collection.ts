import { condemnLinks } from '../../../metadata/collecting/links.ts'
import { condemnManifests } from '../../../metadata/collecting/manifests.ts'
import { countJoined } from '../../../metadata/collecting/needers.ts'
import { listObstacles } from '../../../metadata/collecting/obstacles.ts'
import { currentNumber, type Metadata, type Query } from '../../../metadata/query.ts'
import { purgeTombstones } from '../../../metadata/scans.ts'
import type { Digest } from '../../../oci/digest.ts'
import type { RepositoryName } from '../../../oci/name.ts'
import type { StorageDriver } from '../../../storage/driver.ts'
import { layout } from '../../../storage/layout.ts'
import type { KeptUntagged } from '../../keeping/kept-untagged.ts'
import { type Collected, type Collector, NOTHING, sumOf } from '../collector.ts'
import type { CollectorClock } from '../collector-clock.ts'
import { MOST_AT_ONCE } from '../pace.ts'
import type { Removal } from '../removal.ts'
import type { Waits, Whether } from '../whether.ts'
import { type CommandPlan, CommandPlanner, type CommandTold, type Named } from './plan.ts'

export interface CommandCollectionParts {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly collector: Collector
  readonly removal: Removal
  readonly kept: KeptUntagged
  readonly whether: Whether
  readonly clock: CollectorClock
  readonly epoch: number
}

export interface CommandOptions {
  readonly removesUntagged: boolean
  readonly dryRun: boolean
  /** Since so long nothing must have needed it. */
  readonly graceMs: number
  /** 0: no server runs, and what is found goes at once. */
  readonly windowMs: number
  readonly told: CommandTold
  readonly signal: AbortSignal
  /** Called when it is known what goes, before anything does. */
  readonly onPlan: (plan: CommandPlan) => void
}

export interface CommandResult {
  /** Why nothing, or no bytes, may go. */
  readonly waits: Waits | undefined
  readonly plan: CommandPlan | undefined
  /** What went at once. */
  readonly collected: Collected
}

/**
 * registry:2's `garbage-collect`, once through everything. While no server runs, no client of this epoch has been promised anything: there is no
 * window then. Beside a server it condemns, as the server's own collector does, and the server removes when the window has passed.
 */
export class CommandCollection {
  readonly #parts: CommandCollectionParts

  constructor(parts: CommandCollectionParts) {
    this.#parts = parts
  }

  async run(options: CommandOptions): Promise<CommandResult> {
    const { metadata, whether, kept, epoch } = this.#parts
    const isAlone = options.windowMs === 0
    const waits = await whether.waits(isAlone ? 0 : options.graceMs)
    if (waits !== undefined && waits !== 'epoch') return { waits, plan: undefined, collected: NOTHING }
    const obstacles = await listObstacles(metadata.read, epoch)
    const opaque = new Set(obstacles.flatMap(({ repository }) => repository ?? []))
    const { removesUntagged, told, signal } = options
    const isOld = isAlone ? await this.#oldByFile(options.graceMs) : await this.#oldByRow(options.graceMs)
    const keepsBytes = obstacles.length > 0
    const planner = new CommandPlanner({ read: metadata.read, removesUntagged, kept, isOld, opaque, keepsBytes, told, signal })
    const plan = await planner.plan()
    options.onPlan(plan)
    const collected = options.dryRun || waits !== undefined ? NOTHING : await this.#take(plan, options)
    return { waits: waits ?? (keepsBytes ? 'obstacle' : undefined), plan, collected }
  }

  async #take(plan: CommandPlan, { windowMs, signal }: CommandOptions): Promise<Collected> {
    const { collector, removal } = this.#parts
    const parts: Collected[] = []
    const removeCondemned = async () => {
      const removed = await collector.removeCondemned(windowMs, signal)
      parts.push(removed)
      return removed.manifests
    }
    // What only an untagged manifest leads to is needed until that one has gone.
    do await this.#condemn(plan.manifests, (query, id, digests) => condemnManifests(query, id, digests, NEVER))
    while ((await removeCondemned()) > 0)
    await this.#condemn(plan.links, (query, id, digests) => condemnLinks(query, id, digests, NEVER))
    await removeCondemned()
    if (windowMs > 0) return sumOf(...parts, await collector.removeEmptyRepositories(signal))
    for (const digests of batches(plan.blobs)) {
      signal.throwIfAborted()
      const freed = await removal.bytes(digests, NEVER)
      parts.push({ ...NOTHING, blobs: freed.length, bytes: freed.reduce((sum, { size }) => sum + size, 0) })
    }
    await this.#purgeTombstones()
    return sumOf(...parts, await collector.removeEmptyRepositories(signal))
  }

  /** No request has looked at what they are of: while they are there, their repositories count as no empty ones. */
  async #purgeTombstones(): Promise<void> {
    const { metadata, epoch } = this.#parts
    const upTo = await currentNumber(metadata.read)
    for (let isMore = true; isMore; ) isMore = await metadata.write((query) => purgeTombstones(query, epoch, upTo))
  }

  async #condemn(
    names: Iterable<Named>,
    condemn: (query: Query, repositoryId: number, digests: readonly Digest[]) => Promise<number>,
  ): Promise<void> {
    for (const [first, ...others] of batches(names, ({ repositoryId }) => repositoryId)) {
      if (first === undefined) continue
      const digests = [first, ...others].map(({ digest }) => digest)
      await this.#parts.metadata.write((query) => condemn(query, first.repositoryId, digests))
    }
  }

  async #oldByRow(graceMs: number) {
    const { nowMs } = await this.#parts.clock.read()
    const before = nowMs - graceMs - this.#parts.clock.marginMs
    return async ({ sinceMs }: { readonly sinceMs: number }) => sinceMs <= before
  }

  /** What a scan found has the time until which it is left alone in its row, this epoch's or later: there the time of the file counts. */
  async #oldByFile(graceMs: number) {
    const { nowMs, epochBeganMs } = await this.#parts.clock.read()
    return async ({
      digest,
      sinceMs,
      link,
    }: {
      readonly digest: Digest
      readonly sinceMs: number
      readonly link?: RepositoryName
    }) => {
      if (sinceMs < epochBeganMs && sinceMs > nowMs - graceMs) return false
      const path = link === undefined ? layout.blob(digest) : layout.layerLink(link, digest)
      const entry = await this.#parts.storage.stat(path)
      return entry === undefined || entry.changedAtMs <= Date.now() - graceMs
    }
  }
}

/** Whatever its time is: it was asked before. */
const NEVER = Number.MAX_SAFE_INTEGER

/** Throws, in the transaction that it is asked in, when a process has joined since. */
export async function aloneSince(metadata: Metadata): Promise<(query: Query) => Promise<void>> {
  const before = await countJoined(metadata.read)
  return async (query) => {
    if ((await countJoined(query)) !== before) throw new ServerStartedError()
  }
}

/** A server has started beside a collection that began alone: what is left waits for its window. */
export class ServerStartedError extends Error {
  override readonly name = 'ServerStartedError'

  constructor() {
    super('a server has started meanwhile; run the command again beside it')
  }
}

/** Batches of neighbours that are alike. */
function* batches<Value>(
  values: Iterable<Value>,
  likeness: (value: Value) => unknown = () => undefined,
): Generator<readonly Value[]> {
  let batch: Value[] = []
  for (const value of values) {
    const [first] = batch
    if (first !== undefined && (batch.length === MOST_AT_ONCE || likeness(first) !== likeness(value))) {
      yield batch
      batch = []
    }
    batch.push(value)
  }
  if (batch.length > 0) yield batch
}
