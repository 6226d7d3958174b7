import type { Liveness } from '../../metadata/processes.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Log } from '../../observe/log.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { isDigest, type Reference } from '../../oci/reference.ts'
import type { StorageDriver } from '../../storage/driver.ts'
import type { CollectorClock } from '../collect/collector-clock.ts'
import { type Leaving, Removal } from '../collect/removal.ts'
import type { Whether } from '../collect/whether.ts'
import { BlobPush } from '../content/blob-push.ts'
import type { BlobStore } from '../content/blob-store.ts'
import { type ManifestDelete, ManifestRemoval } from '../content/manifest-removal.ts'
import type { ManifestStore } from '../content/manifest-store.ts'
import type { TagGuard } from '../keeping/tag-guard.ts'
import type { PullNotes } from '../pulls/pull-notes.ts'
import type { Quotas } from '../quotas/quotas.ts'
import type { Operations } from '../writes/operations.ts'
import { DeadFetches } from './fetch-rows.ts'
import { Mirror, type MirrorPlace, type MirrorSource } from './mirror.ts'
import type { HeldTags } from './mirrored-tags.ts'
import { type MirrorSources, Mirrors } from './mirrors.ts'
import { countedName, type LimitedMirror } from './space/counted-mirrors.ts'
import { Eviction } from './space/eviction.ts'
import { LeastUsed } from './space/least-used.ts'
import { MirrorSpace } from './space/mirror-space.ts'
import { OnlyHere } from './space/only-here.ts'
import { Staying } from './space/staying.ts'
import { MirrorSyncs } from './sync/mirror-syncs.ts'
import { SyncPins } from './sync/sync-pins.ts'

export interface MirrorsParts {
  readonly mirrors?: MirrorSources | undefined
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly liveness: Liveness
  readonly processId: string
  readonly epoch: number
  readonly operations: Operations
  readonly quotas: Pick<Quotas, 'count' | 'countNothing'>
  readonly blobs: BlobStore
  readonly manifests: ManifestStore
  readonly catalog: HeldTags
  readonly guard: TagGuard
  readonly scanned: (repository: RepositoryName) => Promise<unknown>
  readonly whether: Whether
  readonly clock: CollectorClock
  readonly pulls: Pick<PullNotes, 'write'>
  readonly leaving: Leaving | undefined
  readonly log: Log
}

/** The mirrors of a registry, put together; undefined where it has none. */
export function createMirrors({ mirrors: sources, ...parts }: MirrorsParts): Mirrors | undefined {
  if (sources === undefined) return undefined
  const { storage, operations, quotas } = parts
  // What is fetched for a pull is counted, never refused, and no push that somebody would hear of.
  const admit = async (...[query, repositoryId]: Parameters<Quotas['admit']>) => await quotas.count(query, repositoryId)
  const pushes = new BlobPush({ storage, operations, quotas: { admit, countNothing: quotas.countNothing }, events: undefined })
  const createSpace = (place: MirrorPlace) => spaceOf(place, parts)
  const create = (source: MirrorSource, prefix: string) => new Mirror({ ...parts, pushes, createSpace, source, prefix })
  return new Mirrors(sources, create, (mirrors) => new MirrorSyncs({ ...parts, mirrors }))
}

/** Those of a registry, with their limits. */
export function limitedMirrors(sources: MirrorSources | undefined): readonly LimitedMirror[] {
  const { whole, prefixes = [] } = sources ?? {}
  const named = prefixes.map(
    ({ prefix, source }): LimitedMirror => ({ prefix, limits: source.limits, hasRule: source.sync !== undefined }),
  )
  return whole === undefined ? named : [{ prefix: '', limits: whole.limits }, ...named]
}

/** What one process does for the mirrors of all; nothing where there are none. */
export function mirrorWork(mirrors: Mirrors | undefined, parts: Pick<MirrorsParts, 'metadata' | 'liveness'>) {
  if (mirrors === undefined) return {}
  const dead = new DeadFetches(parts)
  const tendMirrors = async () => {
    await dead.remove()
    for (const space of mirrors.spaces) await space.tend()
  }
  return { tendMirrors, mirrorSyncs: mirrors.syncs }
}

function spaceOf(place: MirrorPlace, parts: Omit<MirrorsParts, 'mirrors'>): MirrorSpace | undefined {
  const { prefix, limits, sync, upstream, signal } = place
  if (limits.sizeBytes === undefined && limits.unusedMs === undefined) return undefined
  const { metadata } = parts
  const staying = new Staying()
  const onlyHere = new OnlyHere({ upstream, signal, staying })
  const pins = sync && new SyncPins({ metadata, mirror: prefix, rule: sync })
  const leastUsed = new LeastUsed({ metadata, prefix, isKept: limits.isKept, staying, pins })
  const eviction = new Eviction({ ...parts, ...removalsOf(parts), onlyHere, staying, pins })
  return new MirrorSpace({ ...parts, ...place, mirror: prefix, countedAs: countedName(prefix), leastUsed, eviction })
}

/** Nothing is written down of what they remove: an operator has the next pull in place of an undelete. */
function removalsOf({ operations, ...parts }: Omit<MirrorsParts, 'mirrors'>) {
  const records = { write: async () => undefined }
  const removal = new ManifestRemoval({ ...parts, operations, records, events: undefined })
  const remove = async (repository: RepositoryName, reference: Reference, options: ManifestDelete) => {
    await operations.settleIn(repository)
    return { tags: isDigest(reference) ? await removal.manifest(repository, reference, options) : [] }
  }
  return { manifests: { delete: remove }, removal: new Removal({ ...parts, operations, records, events: undefined }) }
}
