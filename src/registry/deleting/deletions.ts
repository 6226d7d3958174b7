import { listManifestsInSet, listTagSlice, type ManifestInSet, type TagSeen } from '../../metadata/deleting/sets.ts'
import type { Metadata, Query } from '../../metadata/query.ts'
import type { ManifestStore } from '../content/manifest-store.ts'
import type { PushedTimes } from '../keeping/pushed-times.ts'
import type { FreedWhen } from './freed-when.ts'
import { KeptImages } from './kept-images.ts'
import { type Preview, Previewer } from './preview.ts'
import { Questions } from './questions.ts'
import { type Deleted, type Deletion, Removing } from './removing.ts'
import { type FoundRepository, type Seen, SelectedRepositories } from './selected-repositories.ts'
import { type Going, MeantTags, type Selection, type Staying, type TagSelection } from './selection.ts'

export interface DeletionsOptions {
  readonly metadata: Metadata
  readonly manifests: Pick<ManifestStore, 'delete' | 'keptIn'>
  readonly seen: Seen
  readonly freed: FreedWhen
  readonly times: Pick<PushedTimes, 'ofTags'>
}

/** Deletes what an operator has chosen, one manifest or tag after another, each as a client's DELETE does. */
export class Deletions {
  readonly #options: DeletionsOptions

  constructor(options: DeletionsOptions) {
    this.#options = options
  }

  /** What `delete` would take. Throws NAME_UNKNOWN, MANIFEST_UNKNOWN. */
  async preview(selection: Selection, told: (found: Going | Staying) => void, signal: AbortSignal): Promise<Preview> {
    const { questions, repositories } = this.#look(signal)
    const { freed, manifests, times } = this.#options
    return await new Previewer({ questions, repositories, freed, manifests, times, told, signal }).preview(selection)
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
          await removeTags(questions, repository, meantBy(selection, deletion), removing)
          break
        case 'repository':
        case 'repositories':
          await removeAll({ questions, repository, kept: await this.#kept(questions, repository), removing })
      }
    }
    return removing.deleted
  }

  async #kept(questions: Questions, repository: FoundRepository): Promise<KeptImages> {
    return await KeptImages.of(questions, repository, await this.#options.manifests.keptIn(repository.name))
  }

  #look(signal: AbortSignal) {
    const questions = new Questions(this.#options.metadata.read, { signal })
    return { questions, repositories: new SelectedRepositories(questions, this.#options.seen) }
  }
}

function meantBy({ tags }: TagSelection, { pushedBeforeMs }: Deletion): MeantTags {
  return new MeantTags((tag) => tags.fits(tag), pushedBeforeMs)
}

async function removeTags(
  questions: Questions,
  { id, name }: FoundRepository,
  tags: MeantTags,
  removing: Removing,
): Promise<void> {
  const list = (query: Query, after: string) => listTagSlice(query, id, after)
  for await (const slice of questions.slices(list, '', (tag: TagSeen) => tag.name))
    await removing.each(
      name,
      slice.filter((tag) => tags.has(tag)).map(({ name }) => name),
    )
}

interface RemovalOfAll {
  readonly questions: Questions
  readonly repository: FoundRepository
  readonly kept: KeptImages
  readonly removing: Removing
}

/**
 * Image indexes go before their children, so that each is removed as a client may remove it, and none is forced. What belongs to an image that
 * is kept stays with it.
 */
async function removeAll({ questions, repository: { id, name }, kept, removing }: RemovalOfAll): Promise<void> {
  const list = (query: Query, after: string) => listManifestsInSet(query, id, after)
  for (;;) {
    const before = removing.deleted.manifests
    for await (const slice of questions.slices(list, '', ({ digest }: ManifestInSet) => digest)) {
      for (const { digest } of slice) if (kept.has(digest)) removing.leave(name, digest)
      const ready = slice.filter(({ digest, isHeld, isChild }) => isHeld === 1 && isChild === 0 && !kept.has(digest))
      await removing.each(
        name,
        ready.map(({ digest }) => digest),
      )
    }
    if (removing.deleted.manifests === before) return
  }
}
