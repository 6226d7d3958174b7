import type { ManifestOf } from '../../metadata/deployments/deployments.ts'
import {
  countToKeep,
  listManifestsToKeep,
  listManifestsToKeepIn,
  listTagsToKeep,
  listTagsToKeepIn,
  type ManifestToKeep,
  SLICE,
  type TagToKeep,
} from '../../metadata/keeping/facts.ts'
import { readClockMs, readPullsKnownSinceMs } from '../../metadata/keeping/times.ts'
import { currentNumber, type Query } from '../../metadata/query.ts'
import type { ManifestFacts, RepositoryFacts, TagFacts } from '../../retention/facts.ts'
import { keepsRunning } from '../../retention/manifest-decisions.ts'
import { fitsAny, type RetentionRules, ruleFor } from '../../retention/rules.ts'
import type { Questions } from '../deleting/questions.ts'
import type { FoundRepository } from '../deleting/selected-repositories.ts'
import type { HeldNames } from '../keeping/holds.ts'
import type { PushedTimes } from '../keeping/pushed-times.ts'
import { type Running, runningKey } from '../keeping/running.ts'

/** The sizes of so many repositories are one question. */
const REPOSITORIES_AT_ONCE = 50

export interface HeldRepository extends FoundRepository {
  /** What an operator holds there. */
  readonly held: HeldNames
}

/** All that is known of a repository but what its tags led to. */
export interface KnownRepository {
  readonly id: number
  /** The number after which all of it was read: what has changed since is not meant. */
  readonly asOf: number
  readonly nowMs: number
  readonly facts: Omit<RepositoryFacts, 'moves'>
}

export interface FactsReading {
  readonly questions: Questions
  readonly times: PushedTimes
  readonly running: Running
  readonly rules: RetentionRules
  readonly signal: AbortSignal
}

/** Reads what rules decide by. Small repositories are read together: of ten thousand one at a time, most of the time went into the questions. */
export class RepositoryFactsReader {
  readonly #reading: FactsReading

  constructor(reading: FactsReading) {
    this.#reading = reading
  }

  /** In their order. Holds what is in one repository, or in some that together are no larger than a slice. */
  async *each(repositories: AsyncIterable<HeldRepository>): AsyncGenerator<KnownRepository> {
    let group: HeldRepository[] = []
    for await (const repository of repositories) {
      group.push(repository)
      if (group.length < REPOSITORIES_AT_ONCE) continue
      yield* this.#group(group)
      group = []
    }
    yield* this.#group(group)
  }

  async of(repository: HeldRepository): Promise<KnownRepository> {
    const [known] = await this.#read([repository])
    if (known === undefined) throw new Error('a repository was not read')
    return known
  }

  async *#group(group: readonly HeldRepository[]): AsyncGenerator<KnownRepository> {
    if (group.length === 0) return
    const ids = group.map(({ id }) => id)
    const sizes = await this.#reading.questions.ask((query) => countToKeep(query, ids))
    const sizeOf = new Map(sizes.map((size) => [size.id, size]))
    let [together, tags, manifests]: [HeldRepository[], number, number] = [[], 0, 0]
    for (const repository of group) {
      const size = sizeOf.get(repository.id) ?? { tags: SLICE, manifests: SLICE }
      if (together.length > 0 && (tags + size.tags > SLICE || manifests + size.manifests > SLICE)) {
        yield* await this.#read(together)
        ;[together, tags, manifests] = [[], 0, 0]
      }
      together.push(repository)
      tags += size.tags
      manifests += size.manifests
    }
    yield* await this.#read(together)
  }

  /** One of any size, or some small ones. */
  async #read(repositories: readonly HeldRepository[]): Promise<readonly KnownRepository[]> {
    const { questions, rules, running } = this.#reading
    const asOf = await questions.ask(currentNumber)
    // Before what runs: a report that comes meanwhile makes nothing known that was read before it.
    const asksRunning = repositories.some(({ name }) => keepsRunning(rules, name))
    const runningUnknown = asksRunning ? await questions.ask(() => running.unknown()) : undefined
    const tags = new Map<number, TagFacts[]>()
    for await (const [repository, rows] of this.#rows(repositories, TAGS)) {
      const ofRepository = tags.getOrInsertComputed(repository.id, () => [])
      for (const facts of await this.#tagFacts(repository, rows)) ofRepository.push(facts)
    }
    const untagged = new Map<number, ManifestFacts[]>()
    if (rules.untaggedMs !== undefined) {
      for await (const [repository, rows] of this.#rows(repositories, MANIFESTS)) {
        const ofRepository = untagged.getOrInsertComputed(repository.id, () => [])
        for (const facts of await this.#manifestFacts(repository, rows)) ofRepository.push(facts)
      }
    }
    const pullsKnownSinceMs = await questions.ask(readPullsKnownSinceMs)
    const nowMs = await questions.ask(readClockMs)
    return repositories.map(({ id, name }) => {
      const facts = { name, tags: tags.get(id) ?? [], untagged: untagged.get(id) ?? [], pullsKnownSinceMs, runningUnknown }
      return { id, asOf, nowMs, facts }
    })
  }

  /** Of one repository in slices; of several all at once. */
  async *#rows<Row extends { readonly repositoryId: number }>(
    repositories: readonly HeldRepository[],
    { slice, all, placeOf }: Lists<Row>,
  ): AsyncGenerator<readonly [HeldRepository, readonly Row[]]> {
    const { questions } = this.#reading
    const [first] = repositories
    if (first === undefined) return
    if (repositories.length === 1) {
      const list = (query: Query, after: string) => slice(query, first.id, after)
      for await (const rows of questions.slices(list, '', placeOf)) yield [first, rows]
      return
    }
    const ids = repositories.map(({ id }) => id)
    const byRepository = Map.groupBy(await questions.ask((query) => all(query, ids)), ({ repositoryId }) => repositoryId)
    for (const repository of repositories) yield [repository, byRepository.get(repository.id) ?? []]
  }

  async #tagFacts(repository: HeldRepository, rows: readonly TagToKeep[]): Promise<readonly TagFacts[]> {
    const { rules, times, signal } = this.#reading
    const rule = ruleFor(rules, repository.name)?.rule
    const needsTime = rule !== undefined && (rule.keep.newest !== undefined || rule.keep.pushedMs !== undefined)
    const unknown = needsTime ? rows.filter(({ name, pushedMs }) => pushedMs === null && fitsAny(rule.tags, name)) : []
    const found = unknown.length === 0 ? undefined : await times.ofTags(repository, unknown, signal)
    const runsOn = await this.#running(repository, rows)
    return rows.map((row) => {
      const { name, digest, pushedMs } = row
      const isHeld = repository.held.has(name) || repository.held.has(digest)
      return { name, digest, pushedMs: pushedMs ?? found?.get(name), isHeld, runsOn: runsOn(row), ...contentOf(row) }
    })
  }

  async #manifestFacts(repository: HeldRepository, rows: readonly ManifestToKeep[]): Promise<readonly ManifestFacts[]> {
    const { times, signal } = this.#reading
    const untagged = rows.filter(({ isUntagged }) => isUntagged === 1)
    const unknown = untagged.flatMap(({ digest, pushedMs }) => (pushedMs === null ? [digest] : []))
    const found = unknown.length === 0 ? undefined : await times.ofManifests(repository, unknown, signal)
    const runsOn = await this.#running(repository, untagged)
    return untagged.map((row) => {
      const { digest, pushedMs } = row
      const untaggedSinceMs = row.untaggedSinceMs ?? undefined
      const isHeld = repository.held.has(digest)
      return { digest, pushedMs: pushedMs ?? found?.get(digest), untaggedSinceMs, isHeld, runsOn: runsOn(row), ...contentOf(row) }
    })
  }

  async #running({ name }: HeldRepository, rows: readonly ManifestOf[]): Promise<(manifest: ManifestOf) => string | undefined> {
    const { questions, rules, running } = this.#reading
    if (!keepsRunning(rules, name)) return () => undefined
    const hosts = await questions.ask(() => running.among(rows))
    return (manifest) => hosts.get(runningKey(manifest))
  }
}

interface Lists<Row> {
  readonly slice: (query: Query, repositoryId: number, after: string) => Promise<readonly Row[]>
  readonly all: (query: Query, repositoryIds: readonly number[]) => Promise<readonly Row[]>
  readonly placeOf: (row: Row) => string
}

const TAGS: Lists<TagToKeep> = { slice: listTagsToKeep, all: listTagsToKeepIn, placeOf: ({ name }) => name }
const MANIFESTS: Lists<ManifestToKeep> = {
  ...{ slice: listManifestsToKeep, all: listManifestsToKeepIn, placeOf: ({ digest }) => digest },
}

function contentOf({ pulledMs, isChild, isReferrer, isHeld }: Pick<TagToKeep, 'pulledMs' | 'isChild' | 'isReferrer' | 'isHeld'>) {
  return {
    ...{ pulledMs: pulledMs ?? undefined, isChild: isChild === 1, isReferrer: isReferrer === 1 },
    isUnreadable: isHeld === 0,
  }
}
