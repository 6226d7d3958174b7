import { listManifestsToKeep, listTagsToKeep, type ManifestToKeep, type TagToKeep } from '../../metadata/keeping/facts.ts'
import { readClockMs, readPullsKnownSinceMs } from '../../metadata/keeping/times.ts'
import { currentNumber, type Metadata, type Query } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Tag } from '../../oci/reference.ts'
import type { Decided } from '../../retention/decision.ts'
import type { ManifestFacts, RepositoryFacts, TagFacts } from '../../retention/facts.ts'
import { belongingOf, decideUntagged, isMovesTag, movesRuleFor } from '../../retention/manifest-decisions.ts'
import { fitsAny, type RetentionRules, ruleFor } from '../../retention/rules.ts'
import { decideTags } from '../../retention/tag-decisions.ts'
import { slicesOf } from '../../retention/turns.ts'
import { ahead } from '../../runtime/ahead.ts'
import { Questions } from '../deleting/questions.ts'
import { type FoundRepository, type Seen, SelectedRepositories } from '../deleting/selected-repositories.ts'
import type { EarlierImages, MovedRepository } from '../keeping/earlier-images.ts'
import type { HeldNames, Holds } from '../keeping/holds.ts'
import { Rest } from '../rest.ts'
import type { PushedTimes } from './pushed-times.ts'

export interface RetentionLookOptions {
  readonly metadata: Metadata
  readonly seen: Seen
  readonly holds: Holds
  readonly images: Pick<EarlierImages, 'of'>
  readonly times: PushedTimes
  readonly rules: RetentionRules
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

/** The holds of each repository are a question to the storage. */
const HOLDS_AT_ONCE = 16
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
    const { metadata, seen, rules, holds } = this.#options
    const questions = new Questions(metadata.read, { signal })
    let [gathered, count]: [Looked[], number] = [[], 0]
    const isMeant = ({ name }: FoundRepository) =>
      !onlyRuled || rules.untaggedMs !== undefined || ruleFor(rules, name) !== undefined
    const meant = only(new SelectedRepositories(questions, seen).of(EVERY), isMeant)
    // A hold that comes meanwhile is seen by the delete.
    for await (const [repository, held] of ahead(meant, HOLDS_AT_ONCE, ({ name }) => holds.of(name))) {
      const looked = await this.#lookInto(repository, held, { questions, signal })
      gathered.push(looked)
      count += looked.moved === undefined && count === 0 ? 0 : 1 + looked.facts.tags.length + looked.facts.untagged.length
      if (count > 0 && count < GATHERED_AT_MOST) continue
      yield* this.#decided(gathered, signal)
      ;[gathered, count] = [[], 0]
    }
    yield* this.#decided(gathered, signal)
  }

  /** What is in one repository; undefined where there is none of this name. */
  async of(name: RepositoryName, signal: AbortSignal): Promise<RepositoryDecisions | undefined> {
    const { metadata, seen, holds } = this.#options
    const id = await seen.repository(name)
    if (id === undefined) return undefined
    const questions = new Questions(metadata.read, { signal })
    const looked = await this.#lookInto({ id, name }, await holds.of(name), { questions, signal })
    for await (const decisions of this.#decided([looked], signal)) return decisions
    return undefined
  }

  async #lookInto(repository: FoundRepository, held: HeldNames, { questions, signal }: Omit<LookParts, 'held'>): Promise<Looked> {
    const { rules } = this.#options
    const { id, name } = repository
    const asOf = await questions.ask(currentNumber)
    const tags = await this.#tags(repository, { questions, held, signal })
    const untagged = rules.untaggedMs === undefined ? [] : await this.#untagged(repository, { questions, held, signal })
    const pullsKnownSinceMs = await questions.ask(readPullsKnownSinceMs)
    const nowMs = await questions.ask(readClockMs)
    const facts = { name, tags, untagged, pullsKnownSinceMs }
    return { id, asOf, nowMs, facts, moved: await movedIn(rules, id, facts) }
  }

  /** Each is let go of as it is given. */
  async *#decided(gathered: Looked[], signal: AbortSignal): AsyncGenerator<RepositoryDecisions> {
    const { rules, images } = this.#options
    const moves = await images.of(
      gathered.flatMap(({ moved }) => moved ?? []),
      signal,
    )
    const rest = new Rest()
    for (let next = gathered.shift(); next !== undefined; next = gathered.shift()) {
      const { id, asOf, nowMs } = next
      const facts: RepositoryFacts = { ...next.facts, moves: moves.get(next.facts.name) ?? new Map() }
      const clock = { nowMs, turn: () => rest.after(0) }
      const [tags, untagged] = [await decideTags(rules, facts, clock), await decideUntagged(rules, facts, clock)]
      yield { id, name: facts.name, tags, untagged, asOf }
    }
  }

  async #tags(repository: FoundRepository, { questions, held, signal }: LookParts): Promise<readonly TagFacts[]> {
    const { rules, times } = this.#options
    const rule = ruleFor(rules, repository.name)?.rule
    const needsTime = rule !== undefined && (rule.keep.newest !== undefined || rule.keep.pushedMs !== undefined)
    const list = (query: Query, after: string) => listTagsToKeep(query, repository.id, after)
    const tags: TagFacts[] = []
    for await (const rows of questions.slices(list, '', ({ name }: TagToKeep) => name)) {
      const unknown = needsTime ? rows.filter(({ name, pushedMs }) => pushedMs === null && fitsAny(rule.tags, name)) : []
      const found = await times.ofTags(repository, unknown, signal)
      for (const row of rows) {
        const { name, digest, pushedMs, pulledMs } = row
        const isHeld = held.has(name) || held.has(digest)
        tags.push({
          name,
          digest,
          pushedMs: pushedMs ?? found.get(name),
          pulledMs: pulledMs ?? undefined,
          isHeld,
          ...flagsOf(row),
        })
      }
    }
    return tags
  }

  async #untagged(repository: FoundRepository, { questions, held, signal }: LookParts): Promise<readonly ManifestFacts[]> {
    const list = (query: Query, after: string) => listManifestsToKeep(query, repository.id, after)
    const untagged: ManifestFacts[] = []
    for await (const slice of questions.slices(list, '', ({ digest }: ManifestToKeep) => digest)) {
      const rows = slice.filter(({ isUntagged }) => isUntagged === 1)
      const unknown = rows.flatMap(({ digest, pushedMs }) => (pushedMs === null ? [digest] : []))
      const found = await this.#options.times.ofManifests(repository, unknown, signal)
      for (const row of rows) {
        const { digest, pushedMs, pulledMs, untaggedSinceMs } = row
        untagged.push({
          ...{ digest, pushedMs: pushedMs ?? found.get(digest), pulledMs: pulledMs ?? undefined },
          ...{ untaggedSinceMs: untaggedSinceMs ?? undefined, isHeld: held.has(digest), ...flagsOf(row) },
        })
      }
    }
    return untagged
  }
}

async function* only<Value>(values: AsyncIterable<Value>, fits: (value: Value) => boolean): AsyncGenerator<Value> {
  for await (const value of values) if (fits(value)) yield value
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

async function movedIn(
  rules: RetentionRules,
  id: number,
  { name, tags, untagged }: Looked['facts'],
): Promise<MovedRepository | undefined> {
  const found = movesRuleFor(rules, name)
  if (found === undefined || untagged.every((manifest) => belongingOf(manifest) !== undefined)) return undefined
  const rest = new Rest()
  const named = new Map<Tag, Digest>()
  const there = new Set<Digest>()
  for await (const slice of slicesOf([...tags, ...untagged], () => rest.after(0))) {
    for (const facts of slice) {
      there.add(facts.digest)
      if ('name' in facts && isMovesTag(found.rule, facts.name)) named.set(facts.name, facts.digest)
    }
  }
  return { id, name, tags: named, there }
}

interface LookParts {
  readonly questions: Questions
  readonly held: HeldNames
  readonly signal: AbortSignal
}

function flagsOf({ isChild, isReferrer, isHeld }: Pick<TagToKeep, 'isChild' | 'isReferrer' | 'isHeld'>) {
  return { isChild: isChild === 1, isReferrer: isReferrer === 1, isUnreadable: isHeld === 0 }
}
