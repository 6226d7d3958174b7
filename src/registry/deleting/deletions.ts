import { listManifestsInSet, listTagSlice, type ManifestInSet, type TagSeen } from '../../metadata/deleting/sets.ts'
import type { Metadata, Query } from '../../metadata/query.ts'
import type { Actor } from '../../observe/actor.ts'
import { RegistryError } from '../../oci/errors.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Reference, Tag } from '../../oci/reference.ts'
import { allEnded } from '../../storage/all-ended.ts'
import { ChangedMeanwhile } from '../content/manifest-removal.ts'
import type { ManifestStore } from '../content/manifest-store.ts'
import { StillNamed } from '../content/still-named.ts'
import type { FreedWhen } from './freed-when.ts'
import { type Preview, Previewer } from './preview.ts'
import { Questions } from './questions.ts'
import { type FoundRepository, type Seen, SelectedRepositories } from './selected-repositories.ts'
import type { Going, Names, Selection } from './selection.ts'

/** So many are removed at the same time. */
const REMOVED_AT_ONCE = 8

export interface DeletionsOptions {
  readonly metadata: Metadata
  readonly manifests: Pick<ManifestStore, 'delete'>
  readonly seen: Seen
  readonly freed: FreedWhen
}

export interface Deletion {
  readonly actor: Actor
  /** Also a child of an image index that stays. */
  readonly isForced: boolean
  /** Of the preview that was shown: what has changed since then stays. */
  readonly asOf: number
  readonly signal: AbortSignal
  readonly told: (repository: RepositoryName, reference: Reference) => void
}

export interface Deleted {
  readonly tags: number
  readonly manifests: number
  /** What has been pushed, moved or named by an image index since the preview, and stays. */
  readonly changed: number
}

/** Deletes what an operator has chosen, one manifest or tag after another, each as a client's DELETE does. */
export class Deletions {
  readonly #options: DeletionsOptions

  constructor(options: DeletionsOptions) {
    this.#options = options
  }

  /** What `delete` would take. Throws NAME_UNKNOWN, MANIFEST_UNKNOWN. */
  async preview(selection: Selection, told: (going: Going) => void, signal: AbortSignal): Promise<Preview> {
    const { questions, repositories } = this.#look(signal)
    return await new Previewer({ questions, repositories, freed: this.#options.freed, told }).preview(selection)
  }

  /**
   * Removes it, as far as it has not changed since the preview. Ends between two removals when the signal aborts; what has gone by then is gone, and
   * the same deletion goes on with the rest. Throws as `preview`, and StillNamed for a child of an image index.
   */
  async delete(selection: Selection, deletion: Deletion): Promise<Deleted> {
    const removing = new Removing(this.#options.manifests, deletion)
    const { questions, repositories } = this.#look(deletion.signal)
    for await (const repository of repositories.of(selection)) {
      switch (selection.kind) {
        case 'tag':
          await removing.one(repository.name, selection.tag)
          break
        case 'manifest':
          await removing.one(repository.name, selection.digest)
          break
        case 'tags':
          await removeTags(questions, repository, selection.tags, removing)
          break
        case 'repository':
        case 'repositories':
          await removeAll(questions, repository, removing)
      }
    }
    return removing.deleted
  }

  #look(signal: AbortSignal) {
    const questions = new Questions(this.#options.metadata.read, { signal })
    return { questions, repositories: new SelectedRepositories(questions, this.#options.seen) }
  }
}

async function removeTags(questions: Questions, { id, name }: FoundRepository, tags: Names, removing: Removing): Promise<void> {
  const list = (query: Query, after: string) => listTagSlice(query, id, after)
  for await (const slice of questions.slices(list, '', (tag: TagSeen) => tag.name))
    await removing.each(
      name,
      slice.map((tag) => tag.name).filter((tag) => tags.fits(tag)),
    )
}

/** Image indexes go before their children, so that each is removed as a client may remove it, and none is forced. */
async function removeAll(questions: Questions, { id, name }: FoundRepository, removing: Removing): Promise<void> {
  const list = (query: Query, after: string) => listManifestsInSet(query, id, after)
  for (;;) {
    const before = removing.deleted.manifests
    for await (const slice of questions.slices(list, '', ({ digest }: ManifestInSet) => digest)) {
      const ready = slice.filter(({ isHeld, isChild }) => isHeld === 1 && isChild === 0)
      await removing.each(
        name,
        ready.map(({ digest }) => digest),
      )
    }
    if (removing.deleted.manifests === before) return
  }
}

/** Removals one after another, or a few at a time, and how many there were. */
class Removing {
  readonly #manifests: Pick<ManifestStore, 'delete'>
  readonly #deletion: Deletion
  readonly #changed = new Set<string>()
  #tags = 0
  #removedManifests = 0

  constructor(manifests: Pick<ManifestStore, 'delete'>, deletion: Deletion) {
    this.#manifests = manifests
    this.#deletion = deletion
  }

  get deleted(): Deleted {
    return { tags: this.#tags, manifests: this.#removedManifests, changed: this.#changed.size }
  }

  async each(repository: RepositoryName, references: readonly Reference[]): Promise<void> {
    for (let start = 0; start < references.length; start += REMOVED_AT_ONCE) {
      this.#deletion.signal.throwIfAborted()
      const batch = references.slice(start, start + REMOVED_AT_ONCE)
      await allEnded(batch.map((reference) => this.#oneOfMany(repository, reference)))
    }
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
      if (!(error instanceof ChangedMeanwhile || error instanceof StillNamed)) throw error
      this.#changed.add(`${repository} ${reference}`)
    }
  }
}

function isTagOf(tags: readonly Tag[], reference: Reference): boolean {
  return tags.some((tag) => tag === reference)
}
