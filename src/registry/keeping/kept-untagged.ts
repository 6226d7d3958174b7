import { listTagTargets } from '../../metadata/collecting/survey.ts'
import { listManifestsToKeep, type ManifestToKeep } from '../../metadata/keeping/facts.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Tag } from '../../oci/reference.ts'
import { imagesKeptByMoves, isMovesTag, keepsRunning, movesRuleFor } from '../../retention/manifest-decisions.ts'
import type { RetentionRules } from '../../retention/rules.ts'
import { Rest } from '../rest.ts'
import type { EarlierImages, MovedRepository, TagMoves } from './earlier-images.ts'
import type { HeldNames, Holds } from './holds.ts'
import { type Running, runningKey } from './running.ts'

const TAGS_AT_ONCE = 200

interface Repository {
  readonly id: number
  readonly name: RepositoryName
}

/** Manifests that stay, whether a tag leads to them or not. */
export interface KeptManifests {
  readonly isEmpty: boolean
  has(digest: Digest): boolean
}

/** What an operator keeps beside what tags lead to, in some repositories. */
export interface KeptBeside {
  /** 'all': what a tag led to is not known, so that any manifest may be kept. */
  of(repository: Repository): Promise<'all' | KeptManifests>
}

export interface KeptUntaggedOptions {
  readonly metadata: Metadata
  readonly holds: Pick<Holds, 'of'>
  readonly images: Pick<EarlierImages, 'of'>
  readonly running: Running
  readonly rules: Pick<RetentionRules, 'rules'>
}

/** What an operator keeps beside what tags lead to: by a hold, and by a rule for the images that tags led to or that run, also while rules are only shown. */
export class KeptUntagged {
  readonly #options: KeptUntaggedOptions

  constructor(options: KeptUntaggedOptions) {
    this.#options = options
  }

  /** The caller asks for each of these. What tags led to is looked up for all of them, when it is first asked for one with such a rule. */
  among(repositories: readonly Repository[], signal: AbortSignal): KeptBeside {
    const { holds, rules } = this.#options
    let earlier: Promise<ReadonlyMap<RepositoryName, MovedHere>> | undefined
    // One for all of them: each alone may be small.
    const rest = new Rest()
    return {
      of: async ({ id, name }) => {
        const held = await holds.of(name)
        const running = keepsRunning(rules, name) ? await this.#running({ id, name }, rest, signal) : NONE
        if (running === 'all') return 'all'
        if (movesRuleFor(rules, name) === undefined) return bothOf(held, running)
        earlier ??= this.#moved(repositories, rest, signal)
        const moved = await this.#keptIn((await earlier).get(name), held, rest)
        return moved === 'all' ? 'all' : bothOf(moved, running)
      },
    }
  }

  /** Whether a rule keeps more in a repository than what its tags lead to. */
  keepsMore(repository: RepositoryName): boolean {
    const { rules } = this.#options
    return movesRuleFor(rules, repository) !== undefined || keepsRunning(rules, repository)
  }

  /** 'all': a host is silent. */
  async #running({ id }: Repository, rest: Rest, signal: AbortSignal): Promise<'all' | KeptManifests> {
    const { running, metadata } = this.#options
    if ((await running.unknown()) !== undefined) return 'all'
    const found = new Set<Digest>()
    for await (const rows of slicesOf((after) => listManifestsToKeep(metadata.read, id, after), placeOfManifest)) {
      signal.throwIfAborted()
      const hosts = await running.among(rows)
      for (const row of rows) if (hosts.has(runningKey(row))) found.add(row.digest)
      await rest.after(0)
    }
    return { isEmpty: found.size === 0, has: (digest) => found.has(digest) }
  }

  async #keptIn(moved: MovedHere | undefined, held: HeldNames, rest: Rest): Promise<'all' | KeptManifests> {
    if (moved === undefined) return held
    const { name, tags, moves } = moved
    const named = { name, tags: [...tags.keys()].map((tag) => ({ name: tag })), moves }
    const kept = await imagesKeptByMoves(this.#options.rules, named, () => rest.after(0))
    if (kept?.unknown !== undefined) return 'all'
    const images = kept?.tags ?? new Map()
    return { isEmpty: held.isEmpty && images.size === 0, has: (digest) => images.has(digest) || held.has(digest) }
  }

  /** Of those repositories with such a rule that have a manifest without a tag. */
  async #moved(
    repositories: readonly Repository[],
    rest: Rest,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<RepositoryName, MovedHere>> {
    const asked: MovedRepository[] = []
    for (const repository of repositories) {
      signal.throwIfAborted()
      const moved = await this.#movedIn(repository, rest)
      if (moved !== undefined) asked.push(moved)
    }
    const moves = await this.#options.images.of(asked, signal)
    return new Map(asked.map((moved) => [moved.name, { ...moved, moves: moves.get(moved.name) ?? new Map() }]))
  }

  async #movedIn({ id, name }: Repository, rest: Rest): Promise<MovedRepository | undefined> {
    const found = movesRuleFor(this.#options.rules, name)
    if (found === undefined) return undefined
    const { read } = this.#options.metadata
    const there = new Set<Digest>()
    for await (const rows of slicesOf((after) => listManifestsToKeep(read, id, after), placeOfManifest)) {
      for (const { digest, isUntagged } of rows) if (isUntagged === 1) there.add(digest)
      await rest.after(0)
    }
    if (there.size === 0) return undefined
    const tags = new Map<Tag, Digest>()
    for await (const rows of slicesOf(
      (after) => listTagTargets(read, id, after, TAGS_AT_ONCE),
      ({ name }) => name,
    )) {
      for (const { name: tag, digest } of rows) {
        there.add(digest)
        if (isMovesTag(found.rule, tag)) tags.set(tag, digest)
      }
      await rest.after(0)
    }
    return { id, name, tags, there }
  }
}

interface MovedHere extends MovedRepository {
  readonly moves: TagMoves
}

const NONE: KeptManifests = { isEmpty: true, has: () => false }

function bothOf(one: KeptManifests, other: KeptManifests): KeptManifests {
  if (other.isEmpty) return one
  return { isEmpty: false, has: (digest) => one.has(digest) || other.has(digest) }
}

function placeOfManifest({ digest }: ManifestToKeep): string {
  return digest
}

async function* slicesOf<Row>(
  list: (after: string) => Promise<readonly Row[]>,
  placeOf: (row: Row) => string,
): AsyncGenerator<readonly Row[]> {
  for (let after = ''; ; ) {
    const rows = await list(after)
    const last = rows.at(-1)
    if (last === undefined) return
    yield rows
    after = placeOf(last)
  }
}
