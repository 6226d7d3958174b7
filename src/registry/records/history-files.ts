import { type FilePage, type ListedFile, type StorageDriver, type StoragePath, storagePath } from '../../storage/driver.ts'
import { berthLayout } from '../../storage/layout.ts'
import { Rest } from '../rest.ts'
import { isDay } from './days.ts'
import { findRecordId, newRecordId } from './deleted-record.ts'
import { linesHolding, linesIn } from './lines.ts'

/** Files are put together until they have so much. */
const MERGED_BYTES = 8 * 1024 * 1024
const MOST_BYTES = 64 * 1024 * 1024
/** So much is taken apart in one turn of the event loop. */
const LINES_AT_ONCE = 500
/** So often the files of a day may be replaced while they are read: a process puts them together once an hour. */
const LOOKS = 5

export interface HistoryLine {
  readonly line: string
  readonly path: StoragePath
}

export interface LinesOfDay {
  readonly lines: readonly HistoryLine[]
  /** How large the files of the day are. */
  readonly readBytes: number
}

export interface WantedLines {
  /** A text that is in all of them, where there is one: other lines cost next to nothing. */
  readonly holding?: string
  readonly fits: (line: string) => boolean
}

/** The files below `history`: a directory for each day, with lines in files of any number. Equal lines are one. */
export class HistoryFiles {
  readonly #storage: StorageDriver

  constructor(storage: StorageDriver) {
    this.#storage = storage
  }

  /** By name, the oldest first. */
  async days(): Promise<string[]> {
    return (await this.#storage.list(berthLayout.history)).filter(isDay)
  }

  /** One more file. */
  async place(day: string, lines: readonly string[]): Promise<void> {
    const bytes = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(''))
    const files = [{ name: newRecordId(Date.now()), bytes, secret: true }]
    await this.#storage.place([{ directory: storagePath(berthLayout.history, day), files }])
  }

  async remove(day: string): Promise<void> {
    await this.#storage.remove(storagePath(berthLayout.history, day))
  }

  /** The lines of a day that fit. `onUnreadable` is told of a file that is too large to be one of these. */
  async lines(day: string, wanted: WantedLines, onUnreadable: (path: StoragePath) => void): Promise<LinesOfDay> {
    for (let look = 1; look <= LOOKS; look += 1) {
      const files = await this.#files(day)
      const lines = await this.#linesOf(files, wanted, onUnreadable)
      if (lines !== undefined) return { lines, readBytes: files.reduce((sum, { size }) => sum + size, 0) }
    }
    throw new Error(`the files of ${storagePath(berthLayout.history, day)} went again and again while they were read`)
  }

  /** Puts the small files of a day together: as many lines as fit go into one file, before the files that they came from go. */
  async merge(day: string, signal: AbortSignal): Promise<void> {
    let [lines, sources, bytes] = [new Set<string>(), [] as StoragePath[], 0]
    const end = async () => {
      if (sources.length > 1) {
        await this.place(day, [...lines])
        for (const source of sources) await this.#storage.remove(source)
      }
      ;[lines, sources, bytes] = [new Set(), [], 0]
    }
    for (const { path, size } of await this.#files(day)) {
      if (size > MERGED_BYTES / 2) continue
      signal.throwIfAborted()
      // A file that has gone is in one that another process has put together.
      for (const line of (await this.#read(path)) ?? []) lines.add(line)
      sources.push(path)
      bytes += size
      if (bytes > MERGED_BYTES) await end()
    }
    await end()
  }

  /** Undefined when a file has gone since they were listed: its lines are in another one by now, or the day is over. */
  async #linesOf(
    files: readonly ListedFile[],
    { holding, fits }: WantedLines,
    onUnreadable: (path: StoragePath) => void,
  ): Promise<readonly HistoryLine[] | undefined> {
    const found: HistoryLine[] = []
    const rest = new Rest()
    for (const { path, size } of files) {
      if (size > MOST_BYTES) {
        onUnreadable(path)
        continue
      }
      const lines = await this.#read(path, holding)
      if (lines === undefined) return undefined
      for (const [place, line] of lines.entries()) {
        if (fits(line)) found.push({ line, path })
        if (place % LINES_AT_ONCE === 0) await rest.after(0)
      }
    }
    return found
  }

  /** Those with a name that Berth gives. */
  async #files(day: string): Promise<ListedFile[]> {
    const directory = storagePath(berthLayout.history, day)
    const files: ListedFile[] = []
    for (let after: string | undefined = ''; after !== undefined; ) {
      const page: FilePage = await this.#storage.listFiles(directory, after === '' ? undefined : after)
      files.push(...page.files.filter(({ path }) => findRecordId(path.slice(directory.length + 1)) !== undefined))
      after = page.next
    }
    return files
  }

  /** Its lines, of which those that do not hold the text may be left out. */
  async #read(path: StoragePath, holding?: string): Promise<readonly string[] | undefined> {
    const read = await this.#storage.readSmall(path, MOST_BYTES)
    if (read === undefined) return undefined
    const bytes = Buffer.from(read.buffer, read.byteOffset, read.byteLength)
    return holding === undefined ? await linesIn(bytes) : await linesHolding(bytes, holding)
  }
}
