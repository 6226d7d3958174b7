import { dayNumberOf } from '../../metadata/pulls/notes.ts'
import {
  type DayPlace,
  deleteSomeDaysOf,
  deleteSomeOldDays,
  forgetGone,
  listChangedShards,
  listPulledRepositories,
  listRecordedDays,
  markRecorded,
  type PullRepositoryRow,
  restorePulls,
} from '../../metadata/pulls/records.ts'
import type { Metadata } from '../../metadata/query.ts'
import { readProperty, writeProperty } from '../../metadata/scans.ts'
import type { Log } from '../../observe/log.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { StorageDriver } from '../../storage/driver.ts'
import { berthLayout } from '../../storage/layout.ts'
import { FileTooLargeError, StorageFullError } from '../../storage/storage-errors.ts'
import { linesIn } from '../records/lines.ts'
import { Rest } from '../rest.ts'
import { findPullLine, linesOfDays, type PullLine, totalLine } from './pull-line.ts'

/** A record has the whole repositories of its shard, and what is in them as far as there is room. */
const MOST_BYTES = 16 * 1024 * 1024
const REPOSITORIES_AT_ONCE = 100
const ROWS_AT_ONCE = 500
/** So long days are kept: of tags and manifests, and of whole repositories. */
export const KEPT_DAYS = { content: 92, repository: 400 }

export interface PullRecordsOptions {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly log: Log
}

/**
 * How often what was pulled, in files of the storage: `pulls/<00 to ff>`, so that a lost database loses no more than an hour of it. Those that have
 * changed are written anew, by one process for all.
 */
export class PullRecords {
  readonly #options: PullRecordsOptions
  #isRestored = false

  constructor(options: PullRecordsOptions) {
    this.#options = options
  }

  /** Reads the records into a database that has not had them. Until it resolves nothing is counted in the database. Processes may do it side by side. */
  async restore(): Promise<void> {
    const { metadata } = this.#options
    this.#isRestored ||= (await readProperty(metadata.read, 'pulls-restored')) !== undefined
    if (this.#isRestored) return
    for (const name of await this.#options.storage.list(berthLayout.pulls))
      if (/^[0-9a-f]{2}$/.test(name)) await this.#restore(Number.parseInt(name, 16))
    await metadata.write((query) => writeProperty(query, 'pulls-restored', String(Date.now())))
    this.#isRestored = true
  }

  /** Writes the records that have changed, and removes what is over. On a full disk they wait on. */
  async run(signal: AbortSignal): Promise<void> {
    await this.restore()
    await this.#removeOld(signal)
    for (const shard of await listChangedShards(this.#options.metadata.read)) {
      signal.throwIfAborted()
      await this.#record(shard, signal)
    }
  }

  async #record(shard: number, signal: AbortSignal): Promise<void> {
    const { storage, metadata } = this.#options
    const repositories: PullRepositoryRow[] = []
    const lines = new RecordLines()
    const rest = new Rest()
    for (let last = ''; ; ) {
      const rows = await listPulledRepositories(metadata.read, shard, last, REPOSITORIES_AT_ONCE)
      for (const row of rows) {
        signal.throwIfAborted()
        repositories.push(row)
        if (row.isGone === 1) continue
        lines.add(totalLine(row))
        for await (const line of this.#linesOf(row.name)) if (!lines.addIfRoom(line)) break
        await rest.after(0)
      }
      if (rows.length < REPOSITORIES_AT_ONCE) break
      last = rows.at(-1)?.name ?? last
    }
    try {
      const name = berthLayout.pullsOf(shard).slice(berthLayout.pulls.length + 1)
      await storage.place([{ directory: berthLayout.pulls, files: [{ name, bytes: lines.bytes(), secret: true }] }])
    } catch (error) {
      if (error instanceof StorageFullError) return
      throw error
    }
    await this.#confirm(repositories)
  }

  async *#linesOf(repository: RepositoryName): AsyncGenerator<string> {
    const { metadata } = this.#options
    const rest = new Rest()
    for (let last: DayPlace = { reference: '', day: -1 }; ; ) {
      const rows = await listRecordedDays(metadata.read, repository, last, ROWS_AT_ONCE)
      yield* linesOfDays(repository, rows)
      const end = rows.at(-1)
      if (rows.length < ROWS_AT_ONCE || end === undefined) return
      last = end
      await rest.after(0)
    }
  }

  /** The rows of what has gone are of no more use once the storage does not have them either. */
  async #confirm(repositories: readonly PullRepositoryRow[]): Promise<void> {
    const { metadata } = this.#options
    for (const row of repositories.filter(({ isGone }) => isGone === 1)) {
      while (await metadata.write((query) => deleteSomeDaysOf(query, row.name)));
      await metadata.write((query) => forgetGone(query, row))
    }
    await metadata.write((query) => markRecorded(query, repositories))
  }

  async #removeOld(signal: AbortSignal): Promise<void> {
    const today = dayNumberOf(Date.now())
    const kept = { content: today - KEPT_DAYS.content, repository: today - KEPT_DAYS.repository }
    while (!signal.aborted && (await this.#options.metadata.write((query) => deleteSomeOldDays(query, kept))));
  }

  async #restore(shard: number): Promise<void> {
    const { metadata } = this.#options
    const rest = new Rest()
    let some: PullLine[] = []
    const write = async () => {
      const lines = some
      some = []
      await metadata.write(async (query) => {
        for (const { repository: name, total, days } of lines) await restorePulls(query, { name, shard, total }, days)
      })
    }
    for (const text of await this.#linesIn(shard)) {
      const line = findPullLine(text)
      if (line === undefined || pullShardOf(line.repository) !== shard) continue
      some.push(line)
      if (some.length >= REPOSITORIES_AT_ONCE) await write()
      await rest.after(text.length)
    }
    await write()
  }

  /** A file that is none of these is passed over: the counts in it are lost, and everything else goes on. */
  async #linesIn(shard: number): Promise<readonly string[]> {
    const { storage, log } = this.#options
    const path = berthLayout.pullsOf(shard)
    try {
      const bytes = await storage.readSmall(path, 2 * MOST_BYTES)
      return bytes === undefined ? [] : await linesIn(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
    } catch (error) {
      if (!(error instanceof FileTooLargeError)) throw error
      log.warn('a record of pulls is too large to be one, and is passed over', { path })
      return []
    }
  }
}

/** The number of the record that tells of a repository. */
export function pullShardOf(repository: RepositoryName): number {
  return Number.parseInt(new Bun.CryptoHasher('sha256').update(repository).digest('hex').slice(0, 2), 16)
}

/** As many lines as a record has room for. */
class RecordLines {
  readonly #parts: Uint8Array[] = []
  #size = 0

  add(line: string): void {
    const part = new TextEncoder().encode(`${line}\n`)
    this.#parts.push(part)
    this.#size += part.length
  }

  addIfRoom(line: string): boolean {
    if (this.#size > MOST_BYTES) return false
    this.add(line)
    return true
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#parts)
  }
}
