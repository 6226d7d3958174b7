import { SLICE } from '../../../metadata/collecting/links.ts'
import { listImageUses, listRepositoriesBelow, type RepositoryBelow } from '../../../metadata/mirroring/uses.ts'
import type { Metadata } from '../../../metadata/query.ts'
import type { Digest } from '../../../oci/digest.ts'
import type { RepositoryName } from '../../../oci/name.ts'
import { Candidates } from '../../collect/candidates.ts'
import type { SyncPins } from '../sync/sync-pins.ts'
import type { Staying } from './staying.ts'

/** Something of a mirror that may go: an image with all that only it leads to, or a blob that no manifest here names. */
export interface Unused {
  readonly kind: 'image' | 'blob'
  readonly repository: RepositoryName
  readonly repositoryId: number
  readonly digest: Digest
  /** When it was used last, by the collector's clock. */
  readonly usedMs: number
}

export interface LeastUsedOptions {
  readonly metadata: Metadata
  /** Of the mirror; '' where it is the whole registry. */
  readonly prefix: string
  readonly isKept: (repository: RepositoryName) => boolean
  readonly staying: Pick<Staying, 'has'>
  /** Left out, no rule brings anything. */
  readonly pins?: Pick<SyncPins, 'among'> | undefined
}

/** So many are found by one look at all that a mirror holds: enough for some time. */
export const FOUND_AT_MOST = 1_000
const REPOSITORIES_AT_ONCE = 100

/** Finds what clients of a mirror have not used for the longest time. */
export class LeastUsed {
  readonly #options: LeastUsedOptions

  constructor(options: LeastUsedOptions) {
    this.#options = options
  }

  /** The first ones of all, in their order. `usedBefore`: those alone that were used last before it, by the collector's clock. */
  async find(signal: AbortSignal, usedBefore = Number.POSITIVE_INFINITY): Promise<readonly Unused[]> {
    const { staying, metadata } = this.#options
    const oldest = new Oldest()
    // Of all repositories: each alone may be small.
    const candidates = new Candidates(metadata.read, signal)
    for await (const repository of this.#repositories(signal)) {
      await candidates.turn()
      for await (const unused of this.#in(repository, candidates))
        if (unused.usedMs < usedBefore && !staying.has(unused.repository, unused.digest)) oldest.add(unused)
    }
    return oldest.all()
  }

  async *#repositories(signal: AbortSignal): AsyncGenerator<RepositoryBelow> {
    const { metadata, prefix, isKept } = this.#options
    for (let last = ''; ; ) {
      const page = await listRepositoriesBelow(metadata.read, prefix, last, REPOSITORIES_AT_ONCE)
      signal.throwIfAborted()
      yield* page.filter(({ name }) => !isKept(name))
      last = page.at(-1)?.name ?? last
      if (page.length < REPOSITORIES_AT_ONCE) return
    }
  }

  async *#in({ id, name }: RepositoryBelow, candidates: Candidates): AsyncGenerator<Unused> {
    const { metadata, pins } = this.#options
    const { read } = metadata
    const place = { repository: name, repositoryId: id }
    for (let last = ''; ; ) {
      const slice = await listImageUses(read, id, last)
      const pinned = await pins?.among(
        name,
        slice.map(({ digest }) => digest),
      )
      for (const { digest, usedMs, isPart, isHeld } of slice)
        if (isHeld === 1 && isPart === 0 && pinned?.has(digest) !== true) yield { kind: 'image', ...place, digest, usedMs }
      last = slice.at(-1)?.digest ?? last
      if (slice.length < SLICE) break
      await candidates.turn()
    }
    for await (const slice of candidates.links(id))
      for (const { digest, sinceMs } of slice) yield { kind: 'blob', ...place, digest, usedMs: sinceMs }
  }
}

/** Keeps the oldest of any number. */
class Oldest {
  #found: Unused[] = []

  add(unused: Unused): void {
    this.#found.push(unused)
    if (this.#found.length >= 2 * FOUND_AT_MOST) this.#found = this.all()
  }

  all(): Unused[] {
    return this.#found.toSorted((one, other) => one.usedMs - other.usedMs).slice(0, FOUND_AT_MOST)
  }
}
