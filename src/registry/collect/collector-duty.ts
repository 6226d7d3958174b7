import { writeNote } from '../../metadata/collecting/survey.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Log } from '../../observe/log.ts'
import { untilAborted } from '../../runtime/until-aborted.ts'
import type { KeptUntagged } from '../keeping/kept-untagged.ts'
import { tokenOf } from './brake.ts'
import { type Collected, type Collector, NOTHING, type PassReport, sumOf } from './collector.ts'
import type { CollectorClock } from './collector-clock.ts'
import type { CollectorNote } from './collector-note.ts'
import type { CollectorPolicy } from './policy.ts'
import type { Survey } from './survey.ts'
import { surveyUntagged, type Untagged } from './untagged.ts'
import type { Waits, Whether } from './whether.ts'

/** A pass reads all rows: it takes at most a twentieth of the time. */
const REST_TO_WORK = 20
const DAY_MS = 24 * 60 * 60 * 1000

export interface CollectorDutyOptions {
  readonly collector: Collector
  readonly whether: Whether
  readonly clock: CollectorClock
  readonly metadata: Metadata
  readonly policy: CollectorPolicy
  readonly kept: KeptUntagged
  readonly log: Log
  readonly onCollected: (collected: Collected) => void
  /** Uploads are refused for want of space. */
  readonly isFull: () => Promise<boolean>
}

/** What the one process that has the duty does at each tick: the clock, what has been condemned for long enough, and from time to time a pass. */
export class CollectorDuty {
  readonly #options: CollectorDutyOptions
  #nextPassAtMs = 0
  /** The same while uploads are refused: what is due goes without waiting for the interval. */
  #nextPassWhenFullAtMs = 0
  #toldAtMs: number | undefined
  #waits: Waits | undefined
  #untagged: Untagged | undefined
  #last: PassReport | undefined
  #tookMs: number | undefined

  constructor(options: CollectorDutyOptions) {
    this.#options = options
  }

  async run(signal: AbortSignal): Promise<void> {
    await untilAborted(signal, () => this.#run(signal))
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, policy, collector, whether } = this.#options
    await clock.tick()
    const { graceMs, windowMs, dryRun, enabled } = policy
    const waits = enabled ? await whether.waits(graceMs) : 'disabled'
    const removed = waits === undefined && !dryRun ? await collector.removeCondemned(windowMs, signal) : NOTHING
    if (waits !== undefined || !(await this.#isPassDue())) return await this.#end(waits ?? this.#waits, removed)
    const beganAtMs = performance.now()
    const report = await collector.pass({ graceMs, windowMs, removesUntagged: false, dryRun }, signal)
    const endedAtMs = performance.now()
    const restMs = policy.intervalMs === 0 ? 0 : REST_TO_WORK * (endedAtMs - beganAtMs)
    this.#nextPassWhenFullAtMs = endedAtMs + restMs
    this.#nextPassAtMs = endedAtMs + Math.max(policy.intervalMs, restMs)
    this.#last = report
    if (report.found !== undefined) this.#tookMs = endedAtMs - beganAtMs
    await this.#tell(report, signal)
    await this.#end(report.waits, sumOf(removed, report.collected))
  }

  async #isPassDue(): Promise<boolean> {
    const now = performance.now()
    if (now >= this.#nextPassAtMs) return true
    return now >= this.#nextPassWhenFullAtMs && (await this.#options.isFull())
  }

  /** Says what was done, and why nothing is where that has changed. */
  async #end(waits: Waits | undefined, collected: Collected): Promise<void> {
    const { log, metadata, onCollected } = this.#options
    const { links, blobs, manifests, repositories } = collected
    if (links + blobs + manifests + repositories > 0) log.info('collected what nothing needs', { ...collected })
    onCollected(collected)
    const isNews = waits !== this.#waits || this.#last !== undefined
    if (waits !== this.#waits) this.#tellWaits(waits)
    this.#waits = waits
    if (!isNews) return
    const { found, condemned = 0 } = this.#last ?? {}
    this.#last = undefined
    const [atMs, tookMs, untagged] = [Date.now(), this.#tookMs, this.#untagged]
    const goneByMs = waits === undefined ? this.#goneByMs(found, atMs) : undefined
    const note: CollectorNote = { atMs, tookMs, waits, found, goneByMs, condemned, untagged }
    await metadata.write((query) => writeNote(query, 'collector-result', JSON.stringify(note)))
  }

  /** What is due goes at the next pass, and after a window in which a request rescues it. */
  #goneByMs(found: Survey | undefined, nowMs: number): number | undefined {
    const { dryRun, intervalMs, windowMs } = this.#options.policy
    if (dryRun || found?.allDueAfterMs === undefined) return undefined
    return nowMs + found.allDueAfterMs + intervalMs + windowMs
  }

  #tellWaits(waits: Waits | undefined): void {
    const { log } = this.#options
    const sentence = waits && SENTENCES[waits]
    if (waits === undefined) log.info('the collector goes on')
    else if (waits === 'scan' || waits === 'epoch') log.info('the collector waits', { reason: waits, because: sentence })
    else if (waits === 'obstacle') log.warn('the collector takes links and no bytes', { reason: waits, because: sentence })
    else log.warn('the collector takes nothing', { reason: waits, because: sentence })
  }

  /** Once a day, and at the first pass after a start: what there is, and which line would change it. */
  async #tell({ found, waits }: PassReport, signal: AbortSignal): Promise<void> {
    const { log, metadata, policy, kept } = this.#options
    if (found === undefined) return
    if (waits === 'brake')
      log.error('so much falls due at once that nothing is collected', {
        links: found.links.due,
        blobs: found.blobs.due,
        bytes: found.links.dueBytes + found.blobs.dueBytes,
        storedBytes: found.storedBytes,
        confirm: `berth gc --confirm ${tokenOf(found)}`,
      })
    const now = performance.now()
    if (this.#toldAtMs !== undefined && now - this.#toldAtMs < DAY_MS) return
    this.#toldAtMs = now
    this.#untagged = await surveyUntagged(metadata.read, kept, signal)
    if (found.links.unneeded + found.blobs.unneeded > 0)
      log.info(policy.dryRun ? 'what nothing needs, and would be collected' : 'what nothing needs, and will be collected', {
        ...{ links: found.links.unneeded, blobs: found.blobs.unneeded, bytes: found.links.bytes + found.blobs.bytes },
        ...{ due: found.links.due + found.blobs.due, ...goneBy(this.#goneByMs(found, Date.now())) },
        stops: 'storage.maintenance.collector.enabled: false',
      })
    if (this.#untagged.manifests > 0)
      log.info('manifests without a tag hold bytes that nothing else needs', {
        ...this.#untagged,
        frees: 'registry garbage-collect --delete-untagged',
      })
  }
}

function goneBy(ms: number | undefined): { readonly goneBy?: string } {
  return ms === undefined ? {} : { goneBy: new Date(ms).toISOString() }
}

/** For log and `berth gc`. */
export const SENTENCES: Readonly<Record<Waits, string>> = {
  disabled: 'storage.maintenance.collector.enabled is false.',
  readonly: 'storage.maintenance.readonly.enabled is true, or the storage cannot be written.',
  scan: 'the storage has not been read to its end since the start.',
  unreadable: 'a repository cannot be read, and what it needs is not known.',
  store: 'the storage is not the one that was there at the start.',
  repositories: 'there are bytes and no repository: the directory of repositories may not be mounted.',
  epoch: 'the registry was started less than an hour ago, and clients may rely on what another one answered.',
  brake: 'more falls due at once than storage.maintenance.collector.brake allows.',
  obstacle: 'the storage holds content that Berth does not understand; the bytes that it may need stay.',
}
