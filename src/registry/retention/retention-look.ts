import { listManifestsToKeep, listTagsToKeep, type ManifestToKeep, type TagToKeep } from '../../metadata/keeping/facts.ts'
import { readClockMs, readPullsKnownSinceMs } from '../../metadata/keeping/times.ts'
import { currentNumber, type Metadata, type Query } from '../../metadata/query.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Decision } from '../../retention/decision.ts'
import type { ManifestFacts, RepositoryFacts, TagFacts } from '../../retention/facts.ts'
import { belongingOf, decideUntagged, isMovesTag, movesRuleFor } from '../../retention/manifest-decisions.ts'
import { fitsAny, type RetentionRules, ruleFor } from '../../retention/rules.ts'
import { decideTags } from '../../retention/tag-decisions.ts'
import { Questions } from '../deleting/questions.ts'
import { type FoundRepository, type Seen, SelectedRepositories } from '../deleting/selected-repositories.ts'
import type { EarlierImages, MovedRepository } from '../keeping/earlier-images.ts'
import type { HeldNames, Holds } from '../keeping/holds.ts'
import type { PushedTimes } from './pushed-times.ts'

export interface RetentionLookOptions {
  readonly metadata: Metadata
  readonly seen: Seen
  readonly holds: Holds
  readonly images: Pick<EarlierImages, 'of'>
  readonly times: PushedTimes
  readonly rules: RetentionRules
}

export interface Decided<Facts> extends Decision {
  readonly about: Facts
}

/** What becomes of everything in one repository. */
export interface RepositoryDecisions {
  readonly id: number
  readonly name: RepositoryName
  readonly tags: readonly Decided<TagFacts>[]
  /** Manifests without a tag. None where the configuration keeps them. */
  readonly untagged: readonly Decided<ManifestFacts>[]
  /** The number after which all of it was read: what has changed since is not meant. */
  readonly asOf: number
}

const EVERY = { kind: 'repositories', repositories: { fits: () => true } } as const

/** Tags and manifests that are held until the records of moves are read once for all of them. */
const GATHERED_AT_MOST = 20_000

/**
 * Looks at every repository, and changes nothing but what is known of times. Holds the tags of one repository at a time, or of some where a rule
 * asks what tags led to.
 */
export class RetentionLook {
  readonly #options: RetentionLookOptions

  constructor(options: RetentionLookOptions) {
    this.#options = options
  }

  /** One after another, by name. `onlyRuled`: those about which the rules say nothing are left out. Throws the reason of the signal. */
  async *repositories(signal: AbortSignal, { onlyRuled = false } = {}): AsyncGenerator<RepositoryDecisions> {
    const { metadata, seen, rules } = this.#options
    const questions = new Questions(metadata.read, { signal })
    let [gathered, count]: [Looked[], number] = [[], 0]
    for await (const repository of new SelectedRepositories(questions, seen).of(EVERY)) {
      if (onlyRuled && rules.untaggedMs === undefined && ruleFor(rules, repository.name) === undefined) continue
      const looked = await this.#lookInto(repository, questions, signal)
      gathered.push(looked)
      count += looked.moved === undefined && count === 0 ? 0 : 1 + looked.facts.tags.length + looked.facts.untagged.length
      if (count > 0 && count < GATHERED_AT_MOST) continue
      yield* this.#decided(gathered, signal)
      ;[gathered, count] = [[], 0]
    }
    yield* this.#decided(gathered, signal)
  }

  async #lookInto(repository: FoundRepository, questions: Questions, signal: AbortSignal): Promise<Looked> {
    const { rules, holds } = this.#options
    const { id, name } = repository
    const asOf = await questions.ask(currentNumber)
    const held = await holds.of(name)
    const tags = await this.#tags(repository, { questions, held, signal })
    const untagged = rules.untaggedMs === undefined ? [] : await this.#untagged(repository, { questions, held, signal })
    const pullsKnownSinceMs = await questions.ask(readPullsKnownSinceMs)
    const nowMs = await questions.ask(readClockMs)
    const facts = { name, tags, untagged, pullsKnownSinceMs }
    return { id, asOf, nowMs, facts, moved: movedIn(rules, id, facts) }
  }

  /** Each is let go of as it is given. */
  async *#decided(gathered: Looked[], signal: AbortSignal): AsyncGenerator<RepositoryDecisions> {
    const { rules, images } = this.#options
    const moves = await images.of(
      gathered.flatMap(({ moved }) => moved ?? []),
      signal,
    )
    for (let next = gathered.shift(); next !== undefined; next = gathered.shift()) {
      const { id, asOf, nowMs } = next
      const facts: RepositoryFacts = { ...next.facts, moves: moves.get(next.facts.name) ?? new Map() }
      const { name, tags, untagged } = facts
      yield {
        ...{ id, name, asOf },
        tags: joined(tags, decideTags(rules, facts, nowMs)),
        untagged: joined(untagged, decideUntagged(rules, facts, nowMs)),
      }
    }
  }

  async #tags(repository: FoundRepository, { questions, held, signal }: LookParts): Promise<readonly TagFacts[]> {
    const { rules, times } = this.#options
    const rows: TagToKeep[] = []
    const list = (query: Query, after: string) => listTagsToKeep(query, repository.id, after)
    for await (const slice of questions.slices(list, '', ({ name }: TagToKeep) => name)) rows.push(...slice)
    const rule = ruleFor(rules, repository.name)?.rule
    const needsTime = rule !== undefined && (rule.keep.newest !== undefined || rule.keep.pushedMs !== undefined)
    const unknown = needsTime ? rows.filter(({ name, pushedMs }) => pushedMs === null && fitsAny(rule.tags, name)) : []
    const found = await times.ofTags(repository, unknown, signal)
    return rows.map((row) => ({
      name: row.name,
      digest: row.digest,
      pushedMs: row.pushedMs ?? found.get(row.name),
      pulledMs: row.pulledMs ?? undefined,
      isHeld: held.has(row.name) || held.has(row.digest),
      ...flagsOf(row),
    }))
  }

  async #untagged(repository: FoundRepository, { questions, held, signal }: LookParts): Promise<readonly ManifestFacts[]> {
    const rows: ManifestToKeep[] = []
    const list = (query: Query, after: string) => listManifestsToKeep(query, repository.id, after)
    for await (const slice of questions.slices(list, '', ({ digest }: ManifestToKeep) => digest))
      rows.push(...slice.filter(({ isUntagged }) => isUntagged === 1))
    const unknown = rows.flatMap(({ digest, pushedMs }) => (pushedMs === null ? [digest] : []))
    const found = await this.#options.times.ofManifests(repository, unknown, signal)
    return rows.map((row) => ({
      digest: row.digest,
      pushedMs: row.pushedMs ?? found.get(row.digest),
      pulledMs: row.pulledMs ?? undefined,
      untaggedSinceMs: row.untaggedSinceMs ?? undefined,
      isHeld: held.has(row.digest),
      ...flagsOf(row),
    }))
  }
}

/** All that is known of a repository but what its tags led to. */
interface Looked {
  readonly id: number
  readonly asOf: number
  readonly nowMs: number
  readonly facts: Omit<RepositoryFacts, 'moves'>
  /** Undefined: nothing there depends on what tags led to. */
  readonly moved: MovedRepository | undefined
}

function movedIn(rules: RetentionRules, id: number, { name, tags, untagged }: Looked['facts']): MovedRepository | undefined {
  const found = movesRuleFor(rules, name)
  if (found === undefined || untagged.every((manifest) => belongingOf(manifest) !== undefined)) return undefined
  const named = tags.filter((tag) => isMovesTag(found.rule, tag.name))
  const there = [...tags, ...untagged].map(({ digest }) => digest)
  return { id, name, tags: new Map(named.map((tag) => [tag.name, tag.digest])), there: new Set(there) }
}

interface LookParts {
  readonly questions: Questions
  readonly held: HeldNames
  readonly signal: AbortSignal
}

function flagsOf({ isChild, isReferrer, isHeld }: Pick<TagToKeep, 'isChild' | 'isReferrer' | 'isHeld'>) {
  return { isChild: isChild === 1, isReferrer: isReferrer === 1, isUnreadable: isHeld === 0 }
}

function joined<Facts>(facts: readonly Facts[], decisions: readonly Decision[]): readonly Decided<Facts>[] {
  return facts.flatMap((about, index) => {
    const decision = decisions[index]
    return decision === undefined ? [] : [{ about, ...decision }]
  })
}
