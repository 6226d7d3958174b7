import { StartError } from '../composition/start-error.ts'
import type { Config } from '../config/config.ts'
import type { Log } from '../observe/log.ts'
import { RegistryError } from '../oci/errors.ts'
import type { RepositoryName } from '../oci/name.ts'
import type { CheckProgress, CheckResult } from '../registry/check/command/check.ts'
import type { ReportedFinding } from '../registry/check/command/finding.ts'
import { type CollectorPolicy, DEFAULT_POLICY } from '../registry/collect/policy.ts'
import { MirrorNames } from '../registry/mirror/mirror-names.ts'
import { StorageFault } from '../storage/storage-errors.ts'
import { openRegistry, withDatabase } from './command-registry.ts'
import { selectionOf } from './deleting/deletion-words.ts'

export type { CheckProgress, CheckResult, ReportedFinding }

export interface CheckRequest {
  readonly repairs: boolean
  readonly onFinding: (finding: ReportedFinding) => void
  readonly onProgress: (progress: CheckProgress) => void
  readonly signal: AbortSignal
}

/** Checks a whole storage, beside a server or while none runs. Throws StartError when it cannot begin. */
export async function checkContent(config: Config, log: Log, request: CheckRequest): Promise<CheckResult> {
  if (request.repairs) requireWritable(config)
  const names = new MirrorNames(config.mirrors)
  const isMirrored = (repository: RepositoryName) => config.proxy !== undefined || names.ownerOf(repository) !== undefined
  return await withRegistry(config, log, request.signal, async (registry, signal) => {
    return await registry.check.run({ ...request, isMirrored, signal })
  })
}

/** Removes a manifest or a tag that no client can pull. Gives the tags that went. Throws StartError when there is none, or when it can be pulled. */
export async function removeUnservable(config: Config, log: Log, name: string, signal: AbortSignal): Promise<readonly string[]> {
  requireWritable(config)
  const selection = selectionOf({ target: name, repositories: undefined, tags: undefined })
  if (selection.kind !== 'manifest' && selection.kind !== 'tag')
    throw new StartError(`Name one tag or one manifest to remove: <repository>:<tag> or <repository>@<digest>.`)
  const reference = selection.kind === 'tag' ? selection.tag : selection.digest
  return await withRegistry(config, log, signal, async ({ unservable }) => {
    try {
      return await unservable.remove(selection.repository, reference)
    } catch (error) {
      if (!(error instanceof RegistryError) || error instanceof StorageFault) throw error
      const message = error.code === 'MANIFEST_UNKNOWN' ? 'The repository has no such tag or manifest.' : error.message
      throw new StartError(message, { cause: error })
    }
  })
}

type Work<Result> = (registry: Awaited<ReturnType<typeof openRegistry>>, signal: AbortSignal) => Promise<Result>

/** While no server runs, the command first settles what the last server left and reads everything: then the rows are right. */
async function withRegistry<Result>(config: Config, log: Log, ending: AbortSignal, work: Work<Result>): Promise<Result> {
  return await withDatabase(config, log, async ({ opened, database, closers }) => {
    const policy: CollectorPolicy = { ...DEFAULT_POLICY, ...config.storage.collector }
    const replaced = new AbortController()
    const onReplaced = (error: Error) => replaced.abort(error)
    const registry = await openRegistry({ config, opened, database, log, closers, policy, requireAllowed: undefined, onReplaced })
    const signal = AbortSignal.any([ending, replaced.signal])
    if (database.beganEpoch) {
      await registry.operations.sweep()
      await registry.backgroundScan.run(signal)
      signal.throwIfAborted()
    }
    return await work(registry, signal)
  })
}

function requireWritable({ storage }: Config): void {
  if (storage.readOnly)
    throw new StartError('storage.maintenance.readonly.enabled is true: nothing is mended while the storage is to stay as it is.')
}
