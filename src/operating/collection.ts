import type { Config } from '../config/config.ts'
import type { Log } from '../observe/log.ts'
import { confirm } from '../registry/collect/brake.ts'
import { SENTENCES } from '../registry/collect/collector-duty.ts'
import { type CollectorNote, readCollectorNote } from '../registry/collect/collector-note.ts'
import { aloneSince, type CommandOptions, type CommandResult } from '../registry/collect/command/collection.ts'
import type { CommandPlan, CommandTold } from '../registry/collect/command/plan.ts'
import { type CollectorPolicy, DEFAULT_POLICY } from '../registry/collect/policy.ts'
import type { Registry } from '../registry/registry.ts'
import { openRegistry, withDatabase } from './command-registry.ts'

const HOUR_MS = 60 * 60 * 1000

export type GarbagePlan = CommandPlan
export type GarbageTold = CommandTold

export interface GarbageOptions extends Pick<CommandOptions, 'removesUntagged' | 'dryRun' | 'told' | 'onPlan' | 'signal'> {
  /** Without the grace, also beside a server. */
  readonly now: boolean
}

export interface GarbageResult extends CommandResult {
  /** No server runs on the storage. */
  readonly isAlone: boolean
  /** Why nothing, or no bytes, may go, as a sentence that begins in the middle. */
  readonly because: string | undefined
  readonly graceMs: number
  readonly windowMs: number
}

/** Collects once, beside a server or while none runs. Throws StartError when it cannot begin. */
export async function collectGarbage(config: Config, log: Log, { now, ...options }: GarbageOptions): Promise<GarbageResult> {
  return await withDatabase(config, log, async ({ opened, database, closers }) => {
    const isAlone = database.beganEpoch
    const policy = policyFor({ ...DEFAULT_POLICY, ...config.storage.collector }, { isAlone, now })
    const requireAllowed = isAlone ? await aloneSince(database.metadata) : undefined
    const replaced = new AbortController()
    const onReplaced = (error: Error) => replaced.abort(error)
    const registry = await openRegistry({ config, opened, database, log, closers, policy, requireAllowed, onReplaced })
    const signal = AbortSignal.any([options.signal, replaced.signal])
    if (isAlone) await lookAtAll(registry, signal)
    const { graceMs, windowMs } = policy
    const result = await registry.commandCollection.run({ ...options, signal, graceMs, windowMs })
    const because = result.waits && SENTENCES[result.waits]
    return { ...result, because, isAlone, graceMs, windowMs }
  })
}

export interface CollectorState {
  readonly note: CollectorNote
  readonly because: string | undefined
}

/** What the collector of a server wrote down last; undefined before its first pass. */
export async function readCollectorState(config: Config, log: Log): Promise<CollectorState | undefined> {
  return await withDatabase(config, log, async ({ database }) => {
    const note = await readCollectorNote(database.metadata.read)
    return note && { note, because: note.waits && SENTENCES[note.waits] }
  })
}

/** The operator says yes to the set that the brake held back; `token` stands in the log. */
export async function confirmCollection(config: Config, log: Log, token: string): Promise<void> {
  await withDatabase(config, log, async ({ database }) => await confirm(database.metadata, token))
}

/** Without a server no client has been promised anything in this epoch: there is no window, and no hurry to spare readers. */
function policyFor(
  policy: CollectorPolicy,
  { isAlone, now }: { readonly isAlone: boolean; readonly now: boolean },
): CollectorPolicy {
  const asked = { ...policy, isReadOnly: false, graceMs: now ? 0 : policy.graceMs }
  if (!isAlone) return asked
  const graceMs = Math.min(asked.graceMs, HOUR_MS)
  return { ...asked, graceMs, windowMs: 0, rate: 0, tickMs: 0 }
}

/** What the last server left is settled, and everything is read. */
async function lookAtAll(registry: Registry, signal: AbortSignal): Promise<void> {
  await registry.operations.sweep()
  await registry.backgroundScan.run(signal)
  signal.throwIfAborted()
}
