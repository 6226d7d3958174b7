import type { Actor } from '../../observe/actor.ts'
import { RegistryError } from '../../oci/errors.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Reference, Tag } from '../../oci/reference.ts'
import { allEnded } from '../../storage/all-ended.ts'
import { ChangedMeanwhile } from '../content/manifest-removal.ts'
import type { ManifestStore } from '../content/manifest-store.ts'
import { StillNamed } from '../content/still-named.ts'
import { KeptContent } from '../keeping/tag-guard.ts'

/** So many are removed at the same time. */
const REMOVED_AT_ONCE = 8

export interface Deletion {
  readonly actor: Actor
  /** Also a child of an image index that stays. */
  readonly isForced: boolean
  /** Of the preview that was shown: what has changed since then stays. */
  readonly asOf: number
  /** Of that preview: only tags that were pushed until then are meant; undefined: of any age. */
  readonly pushedBeforeMs?: number | undefined
  readonly signal: AbortSignal
  readonly told: (repository: RepositoryName, reference: Reference) => void
}

export interface Deleted {
  readonly tags: number
  readonly manifests: number
  /** What has been pushed, moved or named by an image index since the preview, and stays. */
  readonly changed: number
  /** What the configuration or a hold keeps: it stays. */
  readonly kept: number
}

/** Removals one after another, or a few at a time, and how many there were. */
export class Removing {
  readonly #manifests: Pick<ManifestStore, 'delete'>
  readonly #deletion: Deletion
  readonly #changed = new Set<string>()
  readonly #kept = new Set<string>()
  #tags = 0
  #removedManifests = 0

  constructor(manifests: Pick<ManifestStore, 'delete'>, deletion: Deletion) {
    this.#manifests = manifests
    this.#deletion = deletion
  }

  get deleted(): Deleted {
    return { tags: this.#tags, manifests: this.#removedManifests, changed: this.#changed.size, kept: this.#kept.size }
  }

  async each(repository: RepositoryName, references: readonly Reference[]): Promise<void> {
    for (let start = 0; start < references.length; start += REMOVED_AT_ONCE) {
      this.#deletion.signal.throwIfAborted()
      const batch = references.slice(start, start + REMOVED_AT_ONCE)
      await allEnded(batch.map((reference) => this.#oneOfMany(repository, reference)))
    }
  }

  /** Is told what its caller found to be kept. */
  leave(repository: RepositoryName, reference: Reference): void {
    this.#kept.add(`${repository} ${reference}`)
  }

  async one(repository: RepositoryName, reference: Reference): Promise<void> {
    const { actor, isForced, asOf, told } = this.#deletion
    const { tags } = await this.#manifests.delete(repository, reference, { actor, isForced, asOf })
    this.#tags += tags.length
    if (!isTagOf(tags, reference)) this.#removedManifests += 1
    told(repository, reference)
  }

  /** What has changed or gone meanwhile is no failure of the others. */
  async #oneOfMany(repository: RepositoryName, reference: Reference): Promise<void> {
    try {
      await this.one(repository, reference)
    } catch (error) {
      if (error instanceof RegistryError && error.code === 'MANIFEST_UNKNOWN') return
      if (error instanceof KeptContent) this.#kept.add(`${repository} ${reference}`)
      else if (error instanceof ChangedMeanwhile || error instanceof StillNamed) this.#changed.add(`${repository} ${reference}`)
      else throw error
    }
  }
}

function isTagOf(tags: readonly Tag[], reference: Reference): boolean {
  return tags.some((tag) => tag === reference)
}
