import type { Metadata } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Tag } from '../../oci/reference.ts'
import type { Decided } from '../../retention/decision.ts'
import type { ManifestFacts, RepositoryFacts, TagFacts } from '../../retention/facts.ts'
import { belongingOf, decideUntagged, isMovesTag, movesRuleFor } from '../../retention/manifest-decisions.ts'
import { type RetentionRules, ruleFor } from '../../retention/rules.ts'
import { decideTags } from '../../retention/tag-decisions.ts'
import { slicesOf } from '../../retention/turns.ts'
import { ahead } from '../../runtime/ahead.ts'
import { Questions } from '../deleting/questions.ts'
import { type FoundRepository, type Seen, SelectedRepositories } from '../deleting/selected-repositories.ts'
import type { EarlierImages, MovedRepository } from '../keeping/earlier-images.ts'
import type { Holds } from '../keeping/holds.ts'
import type { PushedTimes } from '../keeping/pushed-times.ts'
import type { Running } from '../keeping/running.ts'
import { Rest } from '../rest.ts'
import { type HeldRepository, type KnownRepository, RepositoryFactsReader } from './repository-facts.ts'

export interface RetentionLookOptions {
  readonly metadata: Metadata
  readonly seen: Seen
  readonly holds: Holds
  readonly images: Pick<EarlierImages, 'of'>
  readonly times: PushedTimes
  readonly running: Running
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
    const { metadata, seen, rules, holds, times, running } = this.#options
    const questions = new Questions(metadata.read, { signal })
    const facts = new RepositoryFactsReader({ questions, times, running, rules, signal })
    let [gathered, count]: [Looked[], number] = [[], 0]
    const isMeant = ({ name }: FoundRepository) =>
      !onlyRuled || rules.untaggedMs !== undefined || ruleFor(rules, name) !== undefined
    const meant = only(new SelectedRepositories(questions, seen).of(EVERY), isMeant)
    for await (const known of facts.each(withHolds(meant, holds))) {
      const looked = { ...known, moved: await movedIn(rules, known) }
      gathered.push(looked)
      count += looked.moved === undefined && count === 0 ? 0 : 1 + known.facts.tags.length + known.facts.untagged.length
      if (count > 0 && count < GATHERED_AT_MOST) continue
      yield* this.#decided(gathered, signal)
      ;[gathered, count] = [[], 0]
    }
    yield* this.#decided(gathered, signal)
  }

  /** What is in one repository; undefined where there is none of this name. */
  async of(name: RepositoryName, signal: AbortSignal): Promise<RepositoryDecisions | undefined> {
    const { metadata, seen, rules, holds, times, running } = this.#options
    const id = await seen.repository(name)
    if (id === undefined) return undefined
    const questions = new Questions(metadata.read, { signal })
    const facts = new RepositoryFactsReader({ questions, times, running, rules, signal })
    const known = await facts.of({ id, name, held: await holds.of(name) })
    const looked = { ...known, moved: await movedIn(rules, known) }
    for await (const decisions of this.#decided([looked], signal)) return decisions
    return undefined
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
}

/** A hold that comes meanwhile is seen by the delete. */
async function* withHolds(repositories: AsyncIterable<FoundRepository>, holds: Holds): AsyncGenerator<HeldRepository> {
  for await (const [repository, held] of ahead(repositories, HOLDS_AT_ONCE, ({ name }) => holds.of(name)))
    yield { ...repository, held }
}

async function* only<Value>(values: AsyncIterable<Value>, fits: (value: Value) => boolean): AsyncGenerator<Value> {
  for await (const value of values) if (fits(value)) yield value
}

interface Looked extends KnownRepository {
  /** Undefined: nothing there depends on what tags led to. */
  readonly moved: MovedRepository | undefined
}

async function movedIn(rules: RetentionRules, { id, facts }: KnownRepository): Promise<MovedRepository | undefined> {
  const { name, tags, untagged } = facts
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
