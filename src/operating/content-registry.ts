import type { Config } from '../config/config.ts'
import type { Metadata } from '../metadata/query.ts'
import type { Log } from '../observe/log.ts'
import { type CollectorPolicy, DEFAULT_POLICY } from '../registry/collect/policy.ts'
import type { MirrorSources } from '../registry/mirror/mirrors.ts'
import type { Registry } from '../registry/registry.ts'
import { openRegistry, withDatabase } from './command-registry.ts'

/** What a command has that changes content as requests do. */
export interface ContentRegistry {
  readonly registry: Registry
  readonly metadata: Metadata
  readonly policy: CollectorPolicy
  /** No server runs on the storage. */
  readonly isAlone: boolean
  /** Aborts with the signal of the caller, and when another database has taken the place of this one. */
  readonly signal: AbortSignal
}

/** Runs the work of a command beside a server or while none runs. Throws StartError where there is nothing to open. */
export async function withContent<Result>(
  config: Config,
  log: Log,
  ending: AbortSignal,
  work: (opened: ContentRegistry) => Promise<Result>,
  mirrors?: MirrorSources,
): Promise<Result> {
  return await withDatabase(config, log, async ({ opened, database, closers }) => {
    const policy: CollectorPolicy = { ...DEFAULT_POLICY, ...config.storage.collector }
    const replaced = new AbortController()
    const onReplaced = (error: Error) => replaced.abort(error)
    const parts = { config, mirrors, opened, database, log, closers, policy, requireAllowed: undefined, onReplaced }
    const registry = await openRegistry(parts)
    const { metadata, beganEpoch: isAlone } = database
    // What a process has left that died is settled by a living one; here there may be none.
    if (isAlone) await registry.operations.sweep()
    return await work({ registry, metadata, policy, isAlone, signal: AbortSignal.any([ending, replaced.signal]) })
  })
}
