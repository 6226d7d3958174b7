import {
  countBytesOfSets,
  type Following,
  type GoingPart,
  listFollowing,
  listManifestsOwn,
  listNamedLinks,
  listNamersAfter,
  listOwnLinks,
  type ManifestBytes,
  type NamedDigest,
  type NamedLink,
} from '../../metadata/keeping/bytes.ts'
import type { Query } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import { Portion } from '../portion.ts'
import type { Questions } from './questions.ts'

/** An answer takes so much of the processor's time: then other requests have their turn. */
const ANSWER_MS = 4
const MOST_AT_ONCE = 500
/** With fewer, most of the time goes into the questions themselves. */
const LEAST_AT_ONCE = 10
const FIRST_AT_ONCE = 50
/** Nearly always one of the first few decides. */
const NAMERS_AT_ONCE = 50

/** Manifests of one repository that go. What follows them is added to them where it is asked for. */
export interface GoingSet {
  readonly repositoryId: number
  readonly going: Set<Digest>
}

interface PartOf extends GoingPart {
  readonly of: GoingSet
}

/** How many bytes manifests hold and nothing else, each once: theirs and those of what they name. An estimate: what is pushed until they go may need them. */
export class OnlyHeld {
  readonly #questions: Questions
  readonly #following = portionOfManifests()
  readonly #counted = portionOfManifests()

  constructor(questions: Questions) {
    this.#questions = questions
  }

  /** The same with the children and the referrers to which nothing else leads. */
  async bytesWithFollowing(sets: readonly GoingSet[]): Promise<number> {
    await this.#follow(sets)
    return await this.bytesOf(sets)
  }

  /** All sets together; each is counted as if the others stayed. Throws the reason of the signal of the questions. */
  async bytesOf(sets: readonly GoingSet[]): Promise<number> {
    let [bytes, small, count]: [number, GoingSet[], number] = [0, [], 0]
    for (const set of sets) {
      if (set.going.size > this.#counted.size) {
        bytes += await this.#bytesOfLarge(set)
        continue
      }
      small.push(set)
      count += set.going.size
      if (count < this.#counted.size) continue
      bytes += await this.#bytesOfSmall(small)
      ;[small, count] = [[], 0]
    }
    return bytes + (await this.#bytesOfSmall(small))
  }

  /** In one question. */
  async #bytesOfSmall(sets: readonly GoingSet[]): Promise<number> {
    if (sets.length === 0) return 0
    const whole = sets.map(({ repositoryId, going }) => ({ repositoryId, digests: [...going] }))
    return await this.#questions.ask((query) => this.#counted.timed(() => countBytesOfSets(query, whole)))
  }

  /** Through all that is in the repository, in order: to find each name by itself takes several times as long. */
  async #bytesOfLarge(set: GoingSet): Promise<number> {
    const { repositoryId, going } = set
    let bytes = 0
    const links = (query: Query, after: string) => listNamedLinks(query, repositoryId, after)
    for await (const slice of this.#questions.slices(links, '', ({ digest }: NamedLink) => digest)) {
      const named = slice.flatMap(({ digest, namer }) => (namer !== null && going.has(namer) ? [digest] : []))
      if (named.length === 0) continue
      for (const { digest, size, hasMore } of await this.#questions.ask((query) => listOwnLinks(query, repositoryId, named)))
        if (hasMore === 0 || (await this.#allGo(set, digest, { onlyThere: false }))) bytes += size
    }
    const manifests = (query: Query, after: string) => listManifestsOwn(query, repositoryId, after)
    for await (const slice of this.#questions.slices(manifests, '', ({ digest }: ManifestBytes) => digest))
      for (const { digest, size } of slice) if (going.has(digest)) bytes += size
    return bytes
  }

  /** Adds to each set what only it leads to. What is named beside it may follow when that has followed. */
  async #follow(sets: readonly GoingSet[]): Promise<void> {
    const pending = new Map<GoingSet, Set<Digest>>()
    for (let leading: (set: GoingSet) => Iterable<Digest> = ({ going }) => going; ; ) {
      const found = new Map<GoingSet, Set<Digest>>()
      for (const parts of partsOf(sets, leading, this.#following)) {
        for (const { part: place, digest, isNamedBeside } of await this.#ask(parts)) {
          const { of } = parts[place] as PartOf
          if (!of.going.has(digest)) digestsIn(isNamedBeside === 1 ? pending : found, of).add(digest)
        }
      }
      for (const [{ going }, digests] of found) for (const digest of digests) going.add(digest)
      for (const [set, digests] of pending) {
        for (const digest of digests) {
          if (!(await this.#allGo(set, digest, { onlyThere: true }))) continue
          digests.delete(digest)
          if (!set.going.has(digest)) digestsIn(found, set).add(digest)
        }
      }
      for (const [{ going }, digests] of found) for (const digest of digests) going.add(digest)
      if (found.size === 0) return
      leading = (set) => found.get(set) ?? []
    }
  }

  async #ask(parts: readonly PartOf[]): Promise<readonly Following[]> {
    return await this.#questions.ask((query) => this.#following.timed(() => listFollowing(query, parts)))
  }

  /** Whether all go that name it. */
  async #allGo(
    { repositoryId, going }: GoingSet,
    digest: Digest,
    { onlyThere }: Pick<NamedDigest, 'onlyThere'>,
  ): Promise<boolean> {
    for (let after = ''; ; ) {
      const [named, place] = [{ repositoryId, digest, onlyThere }, after]
      const namers = await this.#questions.ask((query) => listNamersAfter(query, named, place, NAMERS_AT_ONCE))
      if (!namers.every((namer) => going.has(namer))) return false
      if (namers.length < NAMERS_AT_ONCE) return true
      after = namers.at(-1) ?? ''
    }
  }
}

/** How many manifests a question is about, by the time of the processor: whatever else the machine does. */
function portionOfManifests(): Portion {
  return new Portion({ first: FIRST_AT_ONCE, least: LEAST_AT_ONCE, most: MOST_AT_ONCE, longMs: ANSWER_MS, nowMs: processorMs })
}

function processorMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** So many manifests at a time, of one set or of several. */
function* partsOf(
  sets: readonly GoingSet[],
  digestsOf: (set: GoingSet) => Iterable<Digest>,
  portion: Portion,
): Generator<readonly PartOf[]> {
  let [parts, count]: [PartOf[], number] = [[], 0]
  for (const of of sets) {
    let digests: Digest[] = []
    for (const digest of digestsOf(of)) {
      digests.push(digest)
      count += 1
      if (count < portion.size) continue
      yield [...parts, { of, repositoryId: of.repositoryId, digests }]
      ;[parts, count, digests] = [[], 0, []]
    }
    if (digests.length > 0) parts.push({ of, repositoryId: of.repositoryId, digests })
  }
  if (parts.length > 0) yield parts
}

function digestsIn(ofSets: Map<GoingSet, Set<Digest>>, set: GoingSet): Set<Digest> {
  const digests = ofSets.get(set) ?? new Set<Digest>()
  ofSets.set(set, digests)
  return digests
}
