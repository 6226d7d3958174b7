import { setTimeout as pause } from 'node:timers/promises'
import { type CondemnedLink, condemnLinks, findCondemnedLinks } from '../../../metadata/collecting/links.ts'
import { condemnManifests, findCondemnedManifests } from '../../../metadata/collecting/manifests.ts'
import { listHeldBytes, listKeptBy } from '../../../metadata/collecting/survey.ts'
import { findImageUse } from '../../../metadata/mirroring/uses.ts'
import { currentNumber, type Metadata } from '../../../metadata/query.ts'
import { ownWork } from '../../../observe/actor.ts'
import type { Digest } from '../../../oci/digest.ts'
import type { RepositoryName } from '../../../oci/name.ts'
import { allEnded } from '../../../storage/all-ended.ts'
import { MOST_AT_ONCE } from '../../collect/pace.ts'
import type { Removal } from '../../collect/removal.ts'
import type { ManifestStore } from '../../content/manifest-store.ts'
import { Removing } from '../../deleting/removing.ts'
import type { SyncPins } from '../sync/sync-pins.ts'
import type { Unused } from './least-used.ts'
import type { OnlyHere } from './only-here.ts'
import type { Staying } from './staying.ts'

/**
 * So long blobs stay, condemned, before they go: a request that looked before has opened its file by then, and one that comes later rescues
 * them. Much shorter than the collector's window: what is missed is fetched again.
 */
const WINDOW_MS = 1_000
/** What an operator keeps is tried again after so long. */
const KEPT_MS = 60_000
/** Each waits for the disk. */
const IMAGES_AT_ONCE = 8
/** In the claiming transaction nothing but need counts: a touch gives no grace to what can be fetched again. */
const WHENEVER_TOUCHED = Number.MAX_SAFE_INTEGER

export interface EvictionOptions {
  readonly metadata: Metadata
  readonly manifests: Pick<ManifestStore, 'delete'>
  readonly removal: Pick<Removal, 'manifests' | 'linksAndBytes' | 'bytes'>
  readonly onlyHere: Pick<OnlyHere, 'mayBe'>
  readonly staying: Pick<Staying, 'add'>
  /** Left out, no rule brings anything. */
  readonly pins?: Pick<SyncPins, 'has'> | undefined
  readonly windowMs?: number
}

export interface Evicted {
  readonly images: number
  /** Of blobs that are in the storage no more. */
  readonly bytes: number
  /** What stayed for the moment alone: it was used or changed since it was found, or a request rescued it. */
  readonly later: number
}

export interface Taking {
  readonly signal: AbortSignal
  readonly onFreed: () => void
}

/** What goes with an image, or goes alone. */
interface Leaving {
  /** The manifest to delete, as it was then; undefined for a blob that none names. */
  readonly root: { readonly digest: Digest; readonly asOf: number } | undefined
  readonly repository: RepositoryName
  readonly repositoryId: number
  /** With their children and referrers: each goes if nothing else leads to it. */
  readonly manifests: readonly Digest[]
  /** What these name: each goes if nothing else names it. */
  readonly blobs: readonly Digest[]
  /** As far as it is known; of what other repositories link as well, a part. */
  readonly bytes: number
}

/** Why something stays: `later`, it is another matter when it is found again. */
type Stays = 'kept' | 'later'

interface Chosen {
  readonly leaving: readonly Leaving[]
  readonly later: number
}

/**
 * Takes images of other registries out of this one, in the collector's order: tags and manifests as a client's DELETE does, then the links that
 * no manifest names any more, each condemned for a moment in which a request rescues it, and last the bytes that nothing needs.
 */
export class Eviction {
  readonly #options: EvictionOptions

  constructor(options: EvictionOptions) {
    this.#options = options
  }

  /**
   * Takes the first of these until they hold so many bytes; those that were used since they were found stay, what an operator holds, and what the
   * other registry does not have. The ones that it did not come to are left in `unused`. `onFreed` is told of bytes as soon as they have gone.
   */
  async take(unused: Unused[], bytes: number, { signal, onFreed }: Taking): Promise<Evicted> {
    const { leaving, later } = await this.#choose(unused, bytes, signal)
    const evicted = { images: 0, bytes: 0, later }
    const condemned: { readonly gone: readonly Leaving[]; readonly untilMs: number }[] = []
    const removeDue = async (isLast: boolean) => {
      for (let next = condemned[0]; next !== undefined; next = condemned[0]) {
        const waitsMs = next.untilMs - performance.now()
        if (waitsMs > 0 && !isLast) return
        if (waitsMs > 0) await pause(waitsMs, undefined, { signal })
        condemned.shift()
        const freed = await this.#removeBlobs(next.gone)
        evicted.bytes += freed
        if (freed > 0) onFreed()
        else evicted.later += next.gone.filter(({ root }) => root === undefined).length
      }
    }
    for (const some of batches(leaving, IMAGES_AT_ONCE)) {
      signal.throwIfAborted()
      const { gone, changed } = await this.#removeImages(some, signal)
      await this.#condemnBlobs(gone)
      evicted.later += changed
      evicted.images += gone.filter(({ root }) => root !== undefined).length
      if (gone.length > 0) condemned.push({ gone, untilMs: performance.now() + (this.#options.windowMs ?? WINDOW_MS) })
      await removeDue(false)
    }
    await removeDue(true)
    return evicted
  }

  async #choose(unused: Unused[], bytes: number, signal: AbortSignal): Promise<Chosen> {
    const leaving: Leaving[] = []
    let later = 0
    for (let chosen = 0; chosen < bytes; ) {
      const next = unused.shift()
      if (next === undefined) break
      signal.throwIfAborted()
      const found = next.kind === 'blob' ? await this.#blob(next) : await this.#image(next)
      if (found === 'later') later += 1
      if (typeof found === 'string') continue
      leaving.push(found)
      chosen += found.bytes
    }
    return { leaving, later }
  }

  async #blob({ repository, repositoryId, digest }: Unused): Promise<Leaving> {
    const { read } = this.#options.metadata
    // No manifest names it: what is listed of it are its own bytes.
    const [own] = await listHeldBytes(read, repositoryId, digest)
    const bytes = own === undefined ? 0 : own.size / Math.max(1, own.links)
    return { root: undefined, repository, repositoryId, manifests: [], blobs: [digest], bytes }
  }

  async #image({ repository, repositoryId, digest, usedMs }: Unused): Promise<Leaving | Stays> {
    const { metadata, onlyHere, pins } = this.#options
    const { read } = metadata
    const asOf = await currentNumber(read)
    const use = await findImageUse(read, repositoryId, digest)
    if (use === undefined || use.isHeld === 0 || use.isPart === 1 || use.usedMs !== usedMs) return 'later'
    if ((await pins?.has(repository, digest)) === true || (await onlyHere.mayBe(repository, digest))) return 'kept'
    return { root: { digest, asOf }, repository, repositoryId, ...(await this.#allOf(repositoryId, digest)) }
  }

  /** All that an image leads to. */
  async #allOf(repositoryId: number, root: Digest): Promise<Pick<Leaving, 'manifests' | 'blobs' | 'bytes'>> {
    const { read } = this.#options.metadata
    const manifests = new Set<Digest>([root])
    const blobs = new Map<Digest, number>()
    // A set gives what is added to it while it is gone through.
    for (const manifest of manifests) {
      for (const { digest, size, links } of await listHeldBytes(read, repositoryId, manifest))
        blobs.set(digest, size / Math.max(1, links))
      for (const part of await listKeptBy(read, repositoryId, manifest)) manifests.add(part)
    }
    const bytes = blobs.values().reduce((sum, size) => sum + size, 0)
    return { manifests: [...manifests], blobs: [...blobs.keys()], bytes }
  }

  /** Gives those that went, and how many did not because they have changed. */
  async #removeImages(leaving: readonly Leaving[], signal: AbortSignal) {
    const results = await allEnded(leaving.map((each) => this.#removeImage(each, signal)))
    return {
      gone: leaving.filter((_, place) => results[place] === 'gone'),
      changed: results.filter((result) => result === 'later').length,
    }
  }

  async #removeImage(leaving: Leaving, signal: AbortSignal): Promise<'gone' | Stays> {
    const { root, repository } = leaving
    if (root === undefined) return 'gone'
    let isGone = false
    const told = () => {
      isGone = true
    }
    const deletion = { actor: ownWork('mirror'), isForced: false, asOf: root.asOf, signal, told }
    const removing = new Removing(this.#options.manifests, deletion)
    await removing.each(repository, [root.digest])
    const isKept = removing.deleted.kept > 0
    if (isKept) this.#options.staying.add(repository, root.digest, KEPT_MS)
    if (!isGone) return isKept ? 'kept' : 'later'
    await this.#removeParts(leaving)
    return 'gone'
  }

  /** Level by level: what a manifest leads to is free when that has gone. */
  async #removeParts({ repositoryId, manifests }: Leaving): Promise<void> {
    const { metadata, removal } = this.#options
    for (;;) {
      await metadata.write((query) => condemnManifests(query, repositoryId, manifests, WHENEVER_TOUCHED))
      const condemned = await findCondemnedManifests(metadata.read, repositoryId, manifests)
      if (condemned.length === 0 || (await removal.manifests(condemned)).length === 0) return
    }
  }

  async #condemnBlobs(leaving: readonly Leaving[]): Promise<void> {
    for (const { repositoryId, blobs } of leaving)
      await this.#options.metadata.write((query) => condemnLinks(query, repositoryId, blobs, WHENEVER_TOUCHED))
  }

  /** Gives the bytes that went. */
  async #removeBlobs(leaving: readonly Leaving[]): Promise<number> {
    const { metadata, removal } = this.#options
    const condemned: CondemnedLink[] = []
    for (const { repositoryId, blobs } of leaving)
      condemned.push(...(await findCondemnedLinks(metadata.read, repositoryId, blobs)))
    let bytes = 0
    for (const candidates of batches(condemned, MOST_AT_ONCE)) {
      const { blobs } = await removal.linksAndBytes(candidates)
      bytes += sumOf(blobs)
    }
    const manifests = [...new Set(leaving.flatMap((each) => each.manifests))]
    for (const digests of batches(manifests, MOST_AT_ONCE)) bytes += sumOf(await removal.bytes(digests, WHENEVER_TOUCHED))
    return bytes
  }
}

function sumOf(blobs: readonly { readonly size: number }[]): number {
  return blobs.reduce((sum, { size }) => sum + size, 0)
}

function* batches<Value>(values: readonly Value[], size: number): Generator<readonly Value[]> {
  for (let start = 0; start < values.length; start += size) yield values.slice(start, start + size)
}
