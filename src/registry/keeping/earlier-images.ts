import { listMovesIn } from '../../metadata/history/moves.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Log } from '../../observe/log.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Tag } from '../../oci/reference.ts'
import { type MovesSince, movesSince } from '../../retention/images-of-tag.ts'
import type { StorageDriver } from '../../storage/driver.ts'
import { findMove, lineOf, type RecordedMove } from '../records/recorded-move.ts'
import type { TagHistory } from '../records/tag-history.ts'
import { Rest } from '../rest.ts'
import { IndexTimes } from './index-times.ts'

export interface MovedRepository {
  readonly id: number
  readonly name: RepositoryName
  /** The tags that are asked about, each with what it leads to. */
  readonly tags: ReadonlyMap<Tag, Digest>
  /** The manifests that are there: others are not counted. */
  readonly there: ReadonlySet<Digest>
}

/** Of each tag; one that is missing moved nobody knows from where. */
export type TagMoves = ReadonlyMap<Tag, MovesSince>

export interface EarlierImagesOptions {
  readonly storage: Pick<StorageDriver, 'capabilities' | 'list' | 'listFiles' | 'stat'>
  readonly metadata: Metadata
  readonly history: Pick<TagHistory, 'each'>
  readonly log: Log
}

/**
 * What tags led to before: by the records of moves, by the moves that wait for them, and by the index that registry:2 keeps with each tag. What none
 * of them tells is not known, and is never taken for 'no other image'.
 */
export class EarlierImages {
  readonly #options: EarlierImagesOptions
  readonly #times: IndexTimes

  constructor(options: EarlierImagesOptions) {
    this.#options = options
    this.#times = new IndexTimes(options.storage)
  }

  /** Reads the records once, however many repositories there are. Throws the reason of the signal, and what the storage says. */
  async of(repositories: readonly MovedRepository[], signal: AbortSignal): Promise<ReadonlyMap<RepositoryName, TagMoves>> {
    const found = new Map<RepositoryName, TagMoves>()
    if (repositories.length === 0) return found
    const recorded = await this.#recorded(repositories, signal)
    const rest = new Rest()
    for (const repository of repositories) {
      const remembered = await this.#times.of(repository, signal)
      const moves = new Map<Tag, MovesSince>()
      for (const [tag, present] of repository.tags) {
        const times = { recorded: recorded.of(repository.name, tag), remembered: remembered.get(tag) ?? new Map() }
        const since = movesSince({ present, ...times })
        if (since !== undefined) moves.set(tag, since)
        await rest.after(0)
      }
      found.set(repository.name, moves)
    }
    return found
  }

  /** Those that wait are read first: meanwhile they may come to the storage. */
  async #recorded(repositories: readonly MovedRepository[], signal: AbortSignal): Promise<RecordedTimes> {
    const { metadata, history, log } = this.#options
    const ids = repositories.map(({ id }) => id)
    const times = new RecordedTimes(repositories)
    for (const waiting of await listMovesIn(metadata.read, ids)) times.take(findMove(lineOf(waiting)))
    const unreadable = new Set<string>()
    const onUnreadable = (path: string) => unreadable.add(path)
    await history.each(new Set(repositories.map(({ name }) => name)), (move) => times.take(move), { onUnreadable, signal })
    if (unreadable.size > 0)
      log.warn('files of the tag history have lines that are no moves: what tags led to is told by their indexes', {
        ...{ files: unreadable.size, first: [...unreadable].slice(0, 5) },
      })
    return times
  }
}

/** When tags last moved to each of the images that are there. */
class RecordedTimes {
  readonly #repositories: ReadonlyMap<RepositoryName, MovedRepository>
  readonly #times = new Map<RepositoryName, Map<Tag, Map<Digest, number>>>()

  constructor(repositories: readonly MovedRepository[]) {
    this.#repositories = new Map(repositories.map((repository) => [repository.name, repository]))
  }

  take(move: RecordedMove | undefined): void {
    if (move?.digest === undefined) return
    const { repository: name, tag, digest, atMs } = move
    const repository = this.#repositories.get(name)
    if (repository?.tags.has(tag) !== true || !repository.there.has(digest)) return
    const ofRepository = this.#times.getOrInsertComputed(name, () => new Map())
    const ofTag = ofRepository.getOrInsertComputed(tag, () => new Map<Digest, number>())
    ofTag.set(digest, Math.max(atMs, ofTag.get(digest) ?? atMs))
  }

  of(repository: RepositoryName, tag: Tag): ReadonlyMap<Digest, number> {
    return this.#times.get(repository)?.get(tag) ?? new Map()
  }
}
