import { listKeptBy } from '../../metadata/collecting/survey.ts'
import { listManifestsInSet, listTagSlice, type ManifestInSet, type TagSeen } from '../../metadata/deleting/sets.ts'
import type { Query } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import { attachedName, attachedTo } from '../../oci/tags/attached-tag.ts'
import type { KeptNames } from '../keeping/kept-names.ts'
import type { Questions } from './questions.ts'
import type { FoundRepository } from './selected-repositories.ts'

/**
 * What stays of a repository that is deleted: images that an operator has fixed or holds, by a tag or by their digest, and what belongs to those.
 * Holds in memory what stays, and what is attached by a tag to any image.
 */
export class KeptImages {
  readonly #questions: Questions
  readonly #repository: FoundRepository
  readonly #kept = new Set<Digest>()

  private constructor(questions: Questions, repository: FoundRepository) {
    this.#questions = questions
    this.#repository = repository
  }

  static async of(questions: Questions, repository: FoundRepository, names: KeptNames): Promise<KeptImages> {
    const images = new KeptImages(questions, repository)
    if (!names.isEmpty) await images.#find(names)
    return images
  }

  get isEmpty(): boolean {
    return this.#kept.size === 0
  }

  has(digest: Digest): boolean {
    return this.#kept.has(digest)
  }

  async #find(names: KeptNames): Promise<void> {
    const roots: Digest[] = []
    for await (const { name, digest } of this.#tags()) if (names.by(name) !== undefined) roots.push(digest)
    for await (const { digest } of this.#manifests()) if (names.by(digest) !== undefined) roots.push(digest)
    if (roots.length === 0) return
    const attached = await this.#attached()
    for (let next = roots.pop(); next !== undefined; next = roots.pop()) {
      if (this.#kept.has(next)) continue
      this.#kept.add(next)
      const parent = next
      const belonging = await this.#questions.ask((query) => listKeptBy(query, this.#repository.id, parent))
      roots.push(...belonging, ...(attached.get(attachedName(parent)) ?? []))
    }
  }

  /** By the name to which its tag attaches it. */
  async #attached(): Promise<ReadonlyMap<string, readonly Digest[]>> {
    const attached = new Map<string, Digest[]>()
    for await (const { name, digest } of this.#tags()) {
      const subject = attachedTo(name)
      const those = subject === undefined ? undefined : attached.get(subject)
      if (those !== undefined) those.push(digest)
      else if (subject !== undefined) attached.set(subject, [digest])
    }
    return attached
  }

  async *#tags(): AsyncGenerator<TagSeen> {
    const list = (query: Query, after: string) => listTagSlice(query, this.#repository.id, after)
    for await (const slice of this.#questions.slices(list, '', ({ name }: TagSeen) => name)) yield* slice
  }

  async *#manifests(): AsyncGenerator<ManifestInSet> {
    const list = (query: Query, after: string) => listManifestsInSet(query, this.#repository.id, after)
    for await (const slice of this.#questions.slices(list, '', ({ digest }: ManifestInSet) => digest)) yield* slice
  }
}
