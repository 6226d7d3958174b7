import { mirrorSourcesOf } from '../composition/mirror-source.ts'
import { StartError } from '../composition/start-error.ts'
import type { Config } from '../config/config.ts'
import type { Query } from '../metadata/query.ts'
import type { Log } from '../observe/log.ts'
import type { MirrorUse } from '../observe/metrics/mirror-metrics.ts'
import { RegistryError } from '../oci/errors.ts'
import { mirrorUses } from '../registry/mirror/space/counted-mirrors.ts'
import { type MirrorSyncs, SyncUnderWay } from '../registry/mirror/sync/mirror-syncs.ts'
import { readSyncNote, type SyncNote } from '../registry/mirror/sync/sync-note.ts'
import { type PreviewedTag, previewSync } from '../registry/mirror/sync/sync-preview.ts'
import type { SyncedMirror } from '../registry/mirror/sync/sync-run.ts'
import { withDatabase } from './command-registry.ts'
import { type ContentRegistry, withContent } from './content-registry.ts'

/** A registry whose content is pulled through this one. */
export interface MirrorStatus {
  /** The prefix that it is below, or `proxy`. */
  readonly mirror: string
  readonly urls: readonly string[]
  readonly isOffline: boolean
  /** Undefined where it has no size. */
  readonly use: MirrorUse | undefined
  /** Undefined where nothing is brought unasked. */
  readonly sync: SyncStatus | undefined
}

export interface SyncStatus {
  readonly everyMs: number
  /** Undefined before the first run. */
  readonly note: SyncNote | undefined
}

/** How the mirrors of a configuration are, as the database tells. */
export async function listMirrors(
  { proxy, mirrors }: Pick<Config, 'proxy' | 'mirrors'>,
  read: Query,
): Promise<readonly MirrorStatus[]> {
  const listed: MirrorStatus[] = []
  if (proxy !== undefined) {
    const [use] = await mirrorUses(read, [{ prefix: '', limits: proxy.limits }])
    listed.push({ mirror: 'proxy', urls: [proxy.url], isOffline: false, use, sync: undefined })
  }
  for (const { prefix, urls, isOffline, limits, sync } of mirrors) {
    const [use] = await mirrorUses(read, [{ prefix, limits }])
    const state = sync && { everyMs: sync.everyMs, note: await readSyncNote(read, prefix) }
    listed.push({ mirror: prefix, urls, isOffline, use, sync: state })
  }
  return listed
}

/** The same beside a server or while none runs. Throws StartError. */
export async function readMirrors(config: Config, log: Log): Promise<readonly MirrorStatus[]> {
  return await withDatabase(config, log, async ({ database }) => await listMirrors(config, database.metadata.read))
}

export interface SyncRequest {
  /** The prefix of a mirror; undefined: all that have a rule. */
  readonly mirror: string | undefined
  readonly onNote: (mirror: string, note: SyncNote) => void
  readonly signal: AbortSignal
}

export interface SyncResult {
  readonly mirror: string
  readonly note: SyncNote
}

/** Brings what rules name, beside a server or while none runs. Throws StartError where it cannot begin. */
export async function syncMirrors(
  config: Config,
  log: Log,
  { mirror, onNote, signal }: SyncRequest,
): Promise<readonly SyncResult[]> {
  return await withSyncs(config, log, { mirror, signal }, async ({ syncs, mirrors, signal: ending }) => {
    const results: SyncResult[] = []
    for (const each of mirrors) {
      const { prefix } = each
      const note = await inWords(() => syncs.run(each, ending, (news) => onNote(prefix, news)))
      results.push({ mirror: prefix, note })
    }
    return results
  })
}

export interface SyncPreviewRequest extends Pick<SyncRequest, 'mirror' | 'signal'> {
  readonly told: (tag: PreviewedTag) => void
}

/** What a run would look at. Throws StartError, also where the other registry does not answer. */
export async function previewMirrors(config: Config, log: Log, { mirror, told, signal }: SyncPreviewRequest): Promise<void> {
  await withSyncs(config, log, { mirror, signal }, async ({ mirrors, manifests, signal: ending }) => {
    await inWords(async () => {
      for (const each of mirrors) for await (const tag of previewSync(each, { manifests, signal: ending })) told(tag)
    })
  })
}

interface Syncing {
  readonly syncs: MirrorSyncs
  readonly mirrors: readonly SyncedMirror[]
  readonly manifests: Parameters<typeof previewSync>[1]['manifests']
  readonly signal: AbortSignal
}

async function withSyncs<Result>(
  config: Config,
  log: Log,
  { mirror, signal: ending }: Pick<SyncRequest, 'mirror' | 'signal'>,
  work: (syncing: Syncing) => Promise<Result>,
): Promise<Result> {
  requireRule(config, mirror)
  const sources = await mirrorSourcesOf(config, { metrics: undefined, log })
  const syncing = async ({ registry, signal }: ContentRegistry) => {
    const { mirrors, manifests } = registry
    if (mirrors?.syncs === undefined) throw new Error('a mirror with a rule brings something')
    const { syncs } = mirrors
    const meant = mirrors.synced.filter(({ prefix }) => mirror === undefined || prefix === mirror)
    return await work({ syncs, mirrors: meant, manifests, signal })
  }
  return await withContent(config, log, ending, syncing, sources)
}

function requireRule({ mirrors }: Config, mirror: string | undefined): void {
  const named = mirrors.filter(({ prefix }) => mirror === undefined || prefix === mirror)
  if (mirror !== undefined && named.length === 0)
    throw new StartError(`there is no mirror ${mirror}; there is ${mirrors.map(({ prefix }) => prefix).join(', ') || 'none'}`)
  if (named.every(({ sync }) => sync === undefined))
    throw new StartError(
      `${mirror === undefined ? 'no mirror has' : `${mirror} has no`} section sync, which says what is brought`,
    )
}

async function inWords<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof RegistryError || error instanceof SyncUnderWay) throw new StartError(error.message, { cause: error })
    throw error
  }
}
