import { deleteMoves, listMoves } from '../../metadata/history/moves.ts'
import type { Metadata } from '../../metadata/query.ts'
import { readProperty, writeProperty } from '../../metadata/scans.ts'
import { addActivity, clearActivity, MOST_ACTIVITY, trimActivity } from '../../metadata/shown/activity.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Tag } from '../../oci/reference.ts'
import { Highest } from '../../retention/highest.ts'
import { type StorageDriver, type StoragePath, storagePath } from '../../storage/driver.ts'
import { indexLinkFile, layout } from '../../storage/layout.ts'
import { StorageFullError } from '../../storage/storage-errors.ts'
import { Rest } from '../rest.ts'
import { dayOf } from './days.ts'
import { HistoryFiles, type WantedLines } from './history-files.ts'
import { findMove, findRepositoryIn, lineOf, type RecordedMove } from './recorded-move.ts'
import { listTagIndex } from './tag-index.ts'

/** So many moves go into one file. */
const MOVES_AT_ONCE = 2_000
const DAY_MS = 24 * 60 * 60 * 1000
const KEPT_MS = 400 * DAY_MS
/** So many days are read side by side. */
const READ_AT_ONCE = 4
/** Of a database that was lost the newest moves are read in so much of the records. */
const ACTIVITY_BYTES = 8 * 1024 * 1024
const ACTIVITY_AT_ONCE = 500

export interface TagHistoryOptions {
  readonly storage: StorageDriver
  readonly metadata: Metadata
}

/**
 * How tags moved, in files of the storage: `history/<yyyymmdd>/<id>`, a move a line. The confirmation of an operation notes a move in the metadata; from
 * there one process takes them to the storage every few seconds, so that a push writes no file for it.
 */
export class TagHistory {
  readonly #options: TagHistoryOptions
  readonly #files: HistoryFiles
  /** Days before this one have been put together by this process: each look at them would be a request to an object store. */
  #isTidyBefore = ''

  constructor(options: TagHistoryOptions) {
    this.#options = options
    this.#files = new HistoryFiles(options.storage)
  }

  /** Takes the moves that wait to the storage. A move may come there twice, as the same line, when the process dies. On a full disk they wait on. */
  async flush(signal: AbortSignal): Promise<void> {
    const { metadata } = this.#options
    while (!signal.aborted) {
      const moves = await listMoves(metadata.read, MOVES_AT_ONCE)
      if (moves.length === 0) return
      try {
        for (const [day, those] of Map.groupBy(moves, ({ atMs }) => dayOf(atMs))) await this.#files.place(day, those.map(lineOf))
      } catch (error) {
        if (error instanceof StorageFullError) return
        throw error
      }
      await metadata.write(async (query) => {
        await deleteMoves(query, moves)
        await trimActivity(query)
      })
    }
  }

  /** The newest moves, where the database has none: it is new. Called before the first flush. */
  async restoreActivity(signal: AbortSignal): Promise<void> {
    const { metadata } = this.#options
    if ((await readProperty(metadata.read, 'activity-restored')) !== undefined) return
    const newest = new Highest<RecordedLine>(MOST_ACTIVITY, (one, other) => one.move.atMs - other.move.atMs)
    const told = (move: RecordedMove, line: string) => newest.add({ move, line })
    await this.#read({ fits: () => true, told, onUnreadable: () => undefined, signal, mostBytes: ACTIVITY_BYTES })
    // Some are told twice.
    const moves = [...new Map(newest.values().map(({ move, line }) => [line, move])).values()]
    moves.sort((one, other) => one.atMs - other.atMs)
    await metadata.write((query) => clearActivity(query))
    for (let start = 0; start < moves.length; start += ACTIVITY_AT_ONCE) {
      const some = moves.slice(start, start + ACTIVITY_AT_ONCE)
      await metadata.write((query) => addActivity(query, some))
    }
    await metadata.write((query) => writeProperty(query, 'activity-restored', String(Date.now())))
  }

  /** Puts the files of each day together, and removes the days that are over by each of these clocks. */
  async tidy(clocksMs: readonly number[], signal: AbortSignal): Promise<void> {
    const nowMs = Math.min(...clocksMs)
    for (const day of await this.#files.days()) {
      signal.throwIfAborted()
      if (day < dayOf(nowMs - KEPT_MS)) await this.#files.remove(day)
      else if (day >= this.#isTidyBefore) await this.#files.merge(day, signal)
    }
    this.#isTidyBefore = dayOf(nowMs - DAY_MS)
  }

  /** What is recorded of a tag, the oldest first. */
  async of(repository: RepositoryName, tag: Tag, { mostBytes, ...told }: ReadingOfTag): Promise<RecordedMoves> {
    const found = new Map<string, RecordedMove>()
    const [name, holding] = [JSON.stringify(repository), JSON.stringify(tag)]
    const isWhole = await this.#read({
      ...told,
      ...{ mostBytes, holding, fits: (line) => line.includes(name) },
      told: (move, line) => {
        if (move.repository === repository && move.tag === tag) found.set(line, move)
      },
    })
    return { moves: [...found.values()].sort((one, other) => one.atMs - other.atMs), isWhole }
  }

  /** Tells each recorded move of the tags of some repositories, in no order, and some of them twice: all files are read once for all of these. */
  async each(
    repositories: ReadonlySet<RepositoryName>,
    told: (move: RecordedMove) => void,
    { onUnreadable, signal }: { readonly onUnreadable: (path: StoragePath) => void; readonly signal: AbortSignal },
  ): Promise<void> {
    const fits = (line: string) => {
      const name = findRepositoryIn(line)
      return name === undefined || repositories.has(name)
    }
    await this.#read({ fits, told: (move) => repositories.has(move.repository) && told(move), onUnreadable, signal })
  }

  /** What registry:2 keeps for a tag that is there: the digests that it pointed to, and when it last came to each. */
  async remembered(repository: RepositoryName, tag: Tag, { most, present }: Remembering): Promise<RecordedMoves> {
    const { storage } = this.#options
    const moves: RecordedMove[] = []
    const index = await listTagIndex(storage, repository, tag)
    const isWhole = index.length <= most
    for (const digest of isWhole ? index : index.filter((each) => each === present)) {
      const entry = await storage.stat(storagePath(layout.tag(repository, tag), indexLinkFile(digest)))
      if (entry === undefined) continue
      moves.push({ atMs: entry.changedAtMs, by: undefined, repository, tag, digest, before: undefined, how: undefined })
    }
    return { moves: moves.sort((one, other) => one.atMs - other.atMs), isWhole }
  }

  /** The newest days first; false when it ended before the last of them. */
  async #read({ told, onUnreadable, signal, mostBytes = Number.POSITIVE_INFINITY, ...wanted }: Reading): Promise<boolean> {
    const days = (await this.#files.days()).reverse()
    const rest = new Rest()
    let readBytes = 0
    for (let start = 0; start < days.length; start += READ_AT_ONCE) {
      signal?.throwIfAborted()
      if (readBytes >= mostBytes) return false
      const reads = days.slice(start, start + READ_AT_ONCE).map((day) => this.#files.lines(day, wanted, onUnreadable))
      for (const read of await Promise.all(reads)) {
        readBytes += read.readBytes
        for (const { line, path } of read.lines) {
          const move = findMove(line)
          if (move === undefined) onUnreadable(path)
          else told(move, line)
          await rest.after(line.length)
        }
      }
    }
    return true
  }
}

interface RecordedLine {
  readonly move: RecordedMove
  readonly line: string
}

export interface RecordedMoves {
  readonly moves: readonly RecordedMove[]
  /** False: there may be older ones, which were not read. */
  readonly isWhole: boolean
}

export interface Remembering {
  /** Each digest costs a question to the storage: of more than so many, the present one alone is asked about. */
  readonly most: number
  readonly present: Digest | null | undefined
}

export interface ReadingOfTag {
  /** Is told the paths of files with lines that are no moves. */
  readonly onUnreadable: (path: StoragePath) => void
  /** No further day is read after so many bytes; left out, all are. */
  readonly mostBytes?: number | undefined
  readonly signal?: AbortSignal
}

interface Reading extends ReadingOfTag, WantedLines {
  readonly told: (move: RecordedMove, line: string) => void
}
