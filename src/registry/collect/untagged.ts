import { listHeldBytes, listKeptBy, listNaming, listTagTargets } from '../../metadata/collecting/survey.ts'
import type { Query } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { KeptBeside, KeptManifests, KeptUntagged } from '../keeping/kept-untagged.ts'
import { Candidates } from './candidates.ts'

const TAGS_AT_ONCE = 200

type UntaggedCandidates = Pick<Candidates, 'manifests' | 'turn'>

/** Manifests to which no tag leads, and what only they hold. */
export interface Untagged {
  readonly manifests: number
  /** An estimate: content that another repository links as well is left out. */
  readonly bytes: number
}

/** Counts over all repositories what `garbage-collect --delete-untagged` would free. */
export async function surveyUntagged(read: Query, kept: KeptUntagged, signal: AbortSignal): Promise<Untagged> {
  let manifests = 0
  let bytes = 0
  const candidates = new Candidates(read, signal)
  for await (const page of candidates.pages()) {
    const keptHere = kept.among(page, signal)
    for (const each of page) {
      await candidates.turn()
      const repository = new UntaggedIn(read, each, candidates)
      const untagged = await repository.find(keptHere)
      manifests += untagged.length
      bytes += await repository.bytesOf(untagged)
    }
  }
  return { manifests, bytes }
}

/** The manifests of one repository to which no tag leads, and which nothing else keeps: not over an image index either, nor over the subject of a referrer. */
export class UntaggedIn {
  readonly #read: Query
  readonly #name: RepositoryName
  readonly #repositoryId: number
  readonly #candidates: UntaggedCandidates
  readonly #kept = new Set<Digest>()

  /** `candidates`: those of its caller, which looks into many small repositories one after another. */
  constructor(read: Query, { id, name }: { readonly id: number; readonly name: RepositoryName }, candidates: UntaggedCandidates) {
    this.#read = read
    this.#name = name
    this.#repositoryId = id
    this.#candidates = candidates
  }

  async find(kept: KeptBeside): Promise<readonly Digest[]> {
    if (!(await this.#hasAny())) return []
    const held = await kept.of({ id: this.#repositoryId, name: this.#name })
    if (held === 'all') return []
    if (!held.isEmpty) await this.#keepHeld(held)
    await this.#keepTagged()
    const untagged: Digest[] = []
    for await (const slice of this.#candidates.manifests(this.#repositoryId))
      untagged.push(...slice.flatMap(({ digest, isHeld }) => (isHeld === 1 && !this.#kept.has(digest) ? [digest] : [])))
    return untagged
  }

  /** What goes with the manifests that `find` gave, and is named by no other of this repository and linked by none of the others. */
  async bytesOf(untagged: readonly Digest[]): Promise<number> {
    const counted = new Set<Digest>()
    let bytes = 0
    for (const manifest of untagged) {
      for (const { digest, size, links } of await listHeldBytes(this.#read, this.#repositoryId, manifest)) {
        if (counted.has(digest) || links > 1) continue
        const naming = await listNaming(this.#read, this.#repositoryId, digest)
        if (naming.some((other) => this.#kept.has(other))) continue
        counted.add(digest)
        bytes += size
      }
      await this.#candidates.turn()
    }
    return bytes
  }

  async #hasAny(): Promise<boolean> {
    for await (const slice of this.#candidates.manifests(this.#repositoryId))
      if (slice.some(({ isUntagged }) => isUntagged === 1)) return true
    return false
  }

  async #keepTagged(): Promise<void> {
    for (let last = ''; ; ) {
      const tags = await listTagTargets(this.#read, this.#repositoryId, last, TAGS_AT_ONCE)
      for (const { digest } of tags) await this.#keep(digest)
      last = tags.at(-1)?.name ?? last
      if (tags.length < TAGS_AT_ONCE) return
    }
  }

  async #keepHeld(held: KeptManifests): Promise<void> {
    for await (const slice of this.#candidates.manifests(this.#repositoryId))
      for (const { digest } of slice) if (held.has(digest)) await this.#keep(digest)
  }

  async #keep(digest: Digest): Promise<void> {
    const waiting = [digest]
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (this.#kept.has(next)) continue
      this.#kept.add(next)
      waiting.push(...(await listKeptBy(this.#read, this.#repositoryId, next)))
      await this.#candidates.turn()
    }
  }
}
