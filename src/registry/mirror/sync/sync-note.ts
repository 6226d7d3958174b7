import type { Query } from '../../../metadata/query.ts'
import { readProperty, writeProperty } from '../../../metadata/scans.ts'
import type { MirrorSyncState } from '../../../observe/metrics/mirror-metrics.ts'

/** How a scheduled mirror is: written down, so that every process can tell, and another one goes on. Times are of the wall clock. */
export interface SyncNote {
  /** What it was to bring. */
  readonly rule: string
  /** Counts the runs of a mirror. */
  readonly run: number
  /** Which process is at it, or was last. */
  readonly process: string
  readonly beganAtMs: number
  /** Undefined: it is under way, or its process has died. */
  readonly endedAtMs: number | undefined
  /** When the last run ended that brought all that the rule names. */
  readonly wholeAtMs: number | undefined
  /** When the last run ended that has looked at all that the rule names. */
  readonly listedAtMs: number | undefined
  /** Of this run. */
  readonly repositories: number
  readonly tags: number
  readonly blobs: number
  readonly bytes: number
  /** How many tags and repositories failed, and the first of them with the reason. */
  readonly failed: number
  readonly failures: readonly SyncFailure[]
  /** Why the run ended early. */
  readonly endedEarly: string | undefined
  /** Its process was asked to stop: another one goes on at once. */
  readonly isCut: boolean
}

export interface SyncFailure {
  readonly name: string
  readonly reason: string
}

/** Undefined before the first run. */
export async function readSyncNote(query: Query, mirror: string): Promise<SyncNote | undefined> {
  const text = await readProperty(query, `mirror-sync:${mirror}`)
  return text === undefined ? undefined : (JSON.parse(text) as SyncNote)
}

export async function putSyncNote(query: Query, mirror: string, note: SyncNote): Promise<void> {
  await writeProperty(query, `mirror-sync:${mirror}`, JSON.stringify(note))
}

/** A run that begins. */
export function newRun(last: SyncNote | undefined, process: string, rule: string, nowMs: number): SyncNote {
  const none = { repositories: 0, tags: 0, blobs: 0, bytes: 0, failed: 0, failures: [], endedEarly: undefined, isCut: false }
  const before = { wholeAtMs: last?.wholeAtMs, listedAtMs: last?.listedAtMs }
  return { rule, run: (last?.run ?? 0) + 1, process, beganAtMs: nowMs, endedAtMs: undefined, ...before, ...none }
}

/** How these mirrors are, by their prefixes; one that has not begun is left out. */
export async function syncStates(query: Query, mirrors: readonly string[]): Promise<readonly MirrorSyncState[]> {
  const states: MirrorSyncState[] = []
  for (const mirror of mirrors) {
    const note = await readSyncNote(query, mirror)
    if (note === undefined) continue
    const { endedAtMs, wholeAtMs, failed, bytes, endedEarly } = note
    const isRunning = endedAtMs === undefined
    states.push({ mirror, isRunning, wholeAtMs, failed, bytes, endedEarly: endedEarly !== undefined })
  }
  return states
}
