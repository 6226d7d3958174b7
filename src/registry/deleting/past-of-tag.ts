import { findManifest, findRepository, findTag } from '../../metadata/content.ts'
import { listMovesOf } from '../../metadata/history/moves.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Tag } from '../../oci/reference.ts'
import { CLOCK_SLACK_MS } from '../../retention/images-of-tag.ts'
import type { StoragePath } from '../../storage/driver.ts'
import type { DeletedRecord } from '../records/deleted-record.ts'
import type { DeletedRecords } from '../records/deleted-records.ts'
import { findMove, lineOf, type RecordedMove } from '../records/recorded-move.ts'
import type { RecordedMoves, TagHistory } from '../records/tag-history.ts'

/** A move of a tag, and what became of where it led. */
export interface PastMove extends RecordedMove {
  readonly state: MoveState
}

/** 'there': it can be pulled. A time: deleted, and until then it can be brought back. */
export type MoveState = 'there' | 'gone' | { readonly untilMs: number }

export interface PastOfTagOptions {
  readonly metadata: Metadata
  readonly deleted: Pick<DeletedRecords, 'newestFirst'>
  readonly history: Pick<TagHistory, 'of' | 'remembered'>
  readonly signal: AbortSignal
  readonly onUnreadable: (path: StoragePath) => void
  /** Left out, everything is read, however much it is. */
  readonly bounds?: PastBounds | undefined
}

export interface PastBounds {
  /** No further day of the records of moves is read after so many bytes. */
  readonly historyBytes: number
  /** So many moves are put in order, the newest ones. */
  readonly moves: number
  /** A tag that has come to more digests than these is asked about the present one alone. */
  readonly remembered: number
  /** So many records of deletions are read, the newest first. */
  readonly deletions: number
}

export interface Past {
  /** The newest first. */
  readonly moves: readonly PastMove[]
  /** False: it goes further back than this. */
  readonly isWhole: boolean
}

/**
 * How a tag came to be what it is: from the records, from the moves that wait for them, and, for what those lack, from what the tag itself remembers in the
 * storage and from the record of its deletion.
 */
export class PastOfTag {
  readonly #options: PastOfTagOptions

  constructor(options: PastOfTagOptions) {
    this.#options = options
  }

  /** At most so many moves. Everything in the repository has been seen in this epoch. */
  async of(repository: RepositoryName, tag: Tag, most = Number.POSITIVE_INFINITY): Promise<Past> {
    const { row, moves: found, deletions, isWhole } = await this.#found(repository, tag)
    const moves: PastMove[] = []
    for (const move of found.slice(0, most)) moves.push({ ...move, state: await this.#stateOf(row?.id, move.digest, deletions) })
    return { moves, isWhole: isWhole && moves.length === found.length }
  }

  /** The digest to which the tag pointed so many moves ago, counted from where it points now; undefined where that is not known. */
  async back(repository: RepositoryName, tag: Tag, moves: number): Promise<Digest | undefined> {
    const { moves: found, present } = await this.#found(repository, tag)
    const digests = found.flatMap(({ digest }) => digest ?? [])
    const turns = digests.filter((digest, place) => digest !== digests[place - 1])
    return turns[turns[0] === present ? moves : moves - 1]
  }

  /** The newest first. */
  async #found(repository: RepositoryName, tag: Tag) {
    const { metadata, history } = this.#options
    const row = await findRepository(metadata.read, repository)
    const present = row && (await findTag(metadata.read, row.id, tag))?.digest
    const recorded = await this.#recorded(repository, tag, row?.id)
    const most = this.#options.bounds?.remembered ?? Number.POSITIVE_INFINITY
    const remembered = await history.remembered(repository, tag, { most, present })
    const isWhole = recorded.isWhole && remembered.isWhole
    const moves = withRemembered(recorded.moves, remembered.moves, present)
    const deletions = await this.#deletionsIn(repository)
    if (!present) moves.push(...unrecordedDeletion(moves, deletions, tag))
    // Those of one millisecond stay in the order of their records.
    return { row, present, moves: moves.reverse(), deletions, isWhole }
  }

  /** The oldest first. A move that waits may be in the storage already. */
  async #recorded(repository: RepositoryName, tag: Tag, repositoryId: number | undefined): Promise<RecordedMoves> {
    const { metadata, history, signal, onUnreadable, bounds } = this.#options
    const waiting = repositoryId === undefined ? [] : await listMovesOf(metadata.read, repositoryId, tag)
    const recorded = await history.of(repository, tag, { onUnreadable, signal, mostBytes: bounds?.historyBytes })
    const moves = new Map(recorded.moves.map((move) => [JSON.stringify(move), move]))
    for (const move of waiting.map((each) => findMove(lineOf(each))))
      if (move !== undefined) moves.set(JSON.stringify(move), move)
    const sorted = [...moves.values()].sort((one, other) => one.atMs - other.atMs)
    const newest = bounds === undefined ? sorted : sorted.slice(-bounds.moves)
    return { moves: newest, isWhole: recorded.isWhole && newest.length === sorted.length }
  }

  /** The newest first. */
  async #deletionsIn(repository: RepositoryName): Promise<readonly DeletedRecord[]> {
    const { deleted, signal, onUnreadable, bounds } = this.#options
    const found: DeletedRecord[] = []
    let left = bounds?.deletions ?? Number.POSITIVE_INFINITY
    for await (const record of deleted.newestFirst(signal, onUnreadable)) {
      if (record.repository === repository) found.push(record)
      left -= 1
      if (left <= 0) break
    }
    return found
  }

  async #stateOf(
    repositoryId: number | undefined,
    digest: Digest | undefined,
    deletions: readonly DeletedRecord[],
  ): Promise<MoveState> {
    if (digest === undefined) return 'gone'
    const row = repositoryId === undefined ? undefined : await findManifest(this.#options.metadata.read, repositoryId, digest)
    if (row?.held === 1) return 'there'
    const untilMs = deletions.find((record) => record.digest === digest)?.untilMs ?? 0
    return untilMs > Date.now() ? { untilMs } : 'gone'
  }
}

/**
 * With the moves that the records lack: what another registry did, and what was lost with the database. The tag remembers only when it last came to each
 * digest, also when it pointed there already.
 */
function withRemembered(
  recorded: readonly RecordedMove[],
  remembered: readonly RecordedMove[],
  present: Digest | null | undefined,
): RecordedMove[] {
  // It came there after all that is recorded, whatever the clocks say.
  const arrival = recorded.at(-1)?.digest === present ? undefined : remembered.find(({ digest }) => digest === present)
  const moves = [...recorded]
  for (const entry of remembered.filter((each) => each !== arrival)) {
    const { digest, atMs } = entry
    const isKnown = moves.some((move) => move.digest === digest && move.atMs >= atMs - CLOCK_SLACK_MS)
    const before = moves.findLast((move) => move.atMs <= atMs)
    if (!isKnown && before?.digest !== digest) moves.push(entry)
    moves.sort((one, other) => one.atMs - other.atMs)
  }
  return arrival === undefined ? moves : [...moves, arrival]
}

/** A tag that is not there was deleted after its last move: the record of that deletion tells when. */
function unrecordedDeletion(
  moves: readonly RecordedMove[],
  deletions: readonly DeletedRecord[],
  tag: Tag,
): readonly RecordedMove[] {
  const last = moves.at(-1)
  const record = deletions.find(({ tags }) => tags.includes(tag))
  if (record === undefined || (last !== undefined && (last.digest === undefined || last.atMs > record.atMs))) return []
  const { atMs, actor, repository, digest, how } = record
  return [{ atMs, by: actor.name, repository, tag, digest: undefined, before: digest, how }]
}
