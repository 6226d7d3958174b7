import { DEPENDENTS } from '../../metadata/collecting/release.ts'
import { findManifest } from '../../metadata/content.ts'
import { listNamedContent, listNamers, ownBytesOf } from '../../metadata/deleting/bytes.ts'
import { hasOwnTag, listKeepers, SLICE } from '../../metadata/deleting/sets.ts'
import type { Digest } from '../../oci/digest.ts'
import type { Questions } from './questions.ts'

/** A manifest that is about to be deleted, and what goes with it. */
export class ImageClosure {
  readonly #questions: Questions
  readonly #repositoryId: number
  /** What goes, with the number of steps from the root: those of each step go later than those of the one before. */
  readonly #steps = new Map<Digest, number>()
  #deepest = 0

  private constructor(questions: Questions, repositoryId: number, root: Digest) {
    this.#questions = questions
    this.#repositoryId = repositoryId
    this.#steps.set(root, 0)
  }

  /** Finds what only the root leads to, as `releaseDependents` does, and changes nothing. Holds in memory what goes. */
  static async of(questions: Questions, repositoryId: number, root: Digest): Promise<ImageClosure> {
    const closure = new ImageClosure(questions, repositoryId, root)
    const waiting = [root]
    for (let parent = waiting.pop(); parent !== undefined; parent = waiting.pop())
      waiting.push(...(await closure.#release(parent)))
    return closure
  }

  /** In the order in which they were found, the root not among them. */
  get released(): readonly Digest[] {
    return [...this.#steps.keys()].slice(1)
  }

  /** How far the last ones are from the root; 0 where nothing goes with it. */
  get steps(): number {
    return this.#deepest
  }

  /** Bytes that nothing else needs, each once: of the manifests themselves and of what they name. A child that stays keeps its own. */
  async bytes(): Promise<number> {
    const counted = new Set<Digest>(this.#steps.keys())
    let bytes = 0
    for (const manifest of this.#steps.keys()) {
      bytes += await this.#questions.ask((query) => ownBytesOf(query, this.#repositoryId, manifest))
      const list = (query: Parameters<typeof listNamedContent>[0], after: string) =>
        listNamedContent(query, this.#repositoryId, manifest, after)
      for await (const slice of this.#questions.slices(list, '', ({ name }) => name)) {
        for (const { name, stored, size, isKept } of slice) {
          if (counted.has(stored)) continue
          counted.add(stored)
          if (isKept === 0 && (await this.#allGo(name))) bytes += size
        }
      }
    }
    return bytes
  }

  async #release(parent: Digest): Promise<readonly Digest[]> {
    const found: Digest[] = []
    const step = (this.#steps.get(parent) ?? 0) + 1
    for (const list of DEPENDENTS) {
      for (let after: string | undefined = ''; after !== undefined; ) {
        const place: string = after
        const { digests, next } = await this.#questions.ask((query) =>
          list(query, { repositoryId: this.#repositoryId, digest: parent }, place, SLICE),
        )
        for (const digest of digests) if (!this.#steps.has(digest) && (await this.#goes(digest))) found.push(digest)
        for (const digest of found) if (!this.#steps.has(digest)) this.#steps.set(digest, step)
        after = next
      }
    }
    if (found.length > 0) this.#deepest = Math.max(this.#deepest, step)
    return found
  }

  /** It is there, no tag of its own leads to it, and neither does any manifest that stays. */
  async #goes(digest: Digest): Promise<boolean> {
    const row = await this.#questions.ask((query) => findManifest(query, this.#repositoryId, digest))
    if (row?.held !== 1) return false
    if (await this.#questions.ask((query) => hasOwnTag(query, this.#repositoryId, digest))) return false
    const keepers = await this.#questions.ask((query) => listKeepers(query, this.#repositoryId, digest, this.#steps.size + 1))
    return keepers.every((keeper) => this.#steps.has(keeper))
  }

  /** One more than what goes is enough to find one that stays. */
  async #allGo(name: Digest): Promise<boolean> {
    const namers = await this.#questions.ask((query) => listNamers(query, this.#repositoryId, name, this.#steps.size + 1))
    return namers.every((namer) => this.#steps.has(namer))
  }
}
