import { findSeenSpan, listRunning, type ManifestOf } from '../../metadata/deployments/deployments.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { RunningUnknown } from '../../retention/facts.ts'
import type { Deployments } from '../deployments/deployments.ts'

/** Agents report each few minutes. What a host that is silent for longer runs by now is not known. */
export const STALE_AFTER_MS = 60 * 60 * 1000
/** The clock was set back by so much at least, where a report is of the future. */
const AHEAD_MS = 60_000

export interface RunningOptions {
  readonly metadata: Metadata
  readonly deployments: Pick<Deployments, 'known'>
  /** By the wall clock. */
  readonly now?: () => number
}

/** What runs somewhere, by the reports of agents, for rules with `running`. */
export class Running {
  readonly #metadata: Metadata
  readonly #deployments: Pick<Deployments, 'known'>
  readonly #now: () => number

  constructor({ metadata, deployments, now = Date.now }: RunningOptions) {
    this.#metadata = metadata
    this.#deployments = deployments
    this.#now = now
  }

  /** Undefined: each host has reported lately. Else any image may run, on a host that is silent, or on one that was never heard of. */
  async unknown(): Promise<RunningUnknown | undefined> {
    await this.#deployments.known()
    const span = await findSeenSpan(this.#metadata.read)
    if (span === undefined) return { host: undefined, seenMs: undefined }
    const nowMs = this.#now()
    if (span.firstMs < nowMs - STALE_AFTER_MS) return { host: span.firstHost, seenMs: span.firstMs }
    return span.lastMs > nowMs + AHEAD_MS ? { host: span.lastHost, seenMs: span.lastMs } : undefined
  }

  /** Those of some hundred manifests that run, or of whose images one does, each with a host: by `runningKey`. */
  async among(manifests: readonly ManifestOf[]): Promise<ReadonlyMap<string, string>> {
    if (manifests.length === 0) return new Map()
    const rows = await listRunning(this.#metadata.read, manifests)
    return new Map(rows.map((row) => [runningKey(row), row.host]))
  }
}

export function runningKey({ repositoryId, digest }: ManifestOf): string {
  return `${repositoryId} ${digest}`
}
