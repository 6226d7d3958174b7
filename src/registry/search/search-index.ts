import { setImmediate } from 'node:timers/promises'
import type { Metadata, Query } from '../../metadata/query.ts'
import {
  ANY_CAME,
  deletePending,
  findEntrySource,
  findLastPusher,
  findSource,
  listPending,
  listSources,
  ONE_WENT,
  type PendingRow,
  putEntry,
  type SearchEntry,
  type SourceRow,
} from '../../metadata/search/entries.ts'
import { Portion } from '../portion.ts'
import { Rest } from '../rest.ts'

/** One transaction works off no more changes. */
const MOST_AT_ONCE = 100
/** Manifests of one repository that are looked at in one go: some milliseconds. */
const SOURCES_AT_ONCE = 100

/** Keeps what a search looks at in line with what repositories hold. Triggers note which ones have changed. */
export class SearchIndex {
  readonly #metadata: Metadata
  readonly #portion = new Portion({ most: MOST_AT_ONCE })
  readonly #rest = new Rest()
  #running: Promise<boolean> | undefined

  constructor(metadata: Metadata) {
    this.#metadata = metadata
  }

  /** Works off what has changed. False when the signal aborted before its end; the next run goes on. Calls share their runs. */
  async catchUp(signal: AbortSignal): Promise<boolean> {
    // One that began before this call may not have seen the last change.
    await this.#running
    while (!signal.aborted) {
      this.#running ??= this.#someOfIt().finally(() => {
        this.#running = undefined
      })
      if (await this.#running) return true
      await setImmediate()
    }
    return false
  }

  /** True when that was all. */
  async #someOfIt(): Promise<boolean> {
    const atOnce = this.#portion.size
    const rows = await listPending(this.#metadata.read, atOnce)
    if (rows.length === 0) return true
    const entries: SearchEntry[] = []
    for (const [repositoryId, changes] of Map.groupBy(rows, (row) => row.repositoryId)) {
      const entry = await this.#entryOf(repositoryId, changes)
      if (entry !== undefined) entries.push(entry)
      await this.#rest.after(0)
    }
    const write = async (query: Query) => {
      for (const entry of entries) await putEntry(query, entry)
      await deletePending(query, rows)
    }
    await this.#portion.write(this.#metadata, write, rows.length)
    return rows.length < atOnce
  }

  /** What changes after this look has a mark of its own, and is looked at again. */
  async #entryOf(repositoryId: number, changes: readonly PendingRow[]): Promise<SearchEntry | undefined> {
    const { read } = this.#metadata
    const known = await findEntrySource(read, repositoryId)
    if (known === undefined) return undefined
    const source = await this.#newestOf(repositoryId, known.source, changes)
    const texts = [known.name, known.description?.toLowerCase(), source?.words].filter((text) => text !== undefined)
    // With two letters behind the last ones, every letter begins a sequence of three.
    const words = `${texts.join('\n')}\n\n`
    const pusher = await findLastPusher(
      read,
      repositoryId,
      changes.map(({ digest }) => digest),
    )
    return {
      ...{ repositoryId, words, source: source?.digest ?? null },
      description: known.description ?? source?.description ?? null,
      isAutomated: pusher && isRobot(pusher.by),
    }
  }

  /** With a source that is still held only what was pushed can be newer; else every manifest is looked at. */
  async #newestOf(repositoryId: number, known: SourceRow | undefined, changes: readonly PendingRow[]) {
    const digests = changes.map(({ digest }) => digest)
    const isAny = digests.includes(ANY_CAME) || (digests.includes(ONE_WENT) && known === undefined)
    if (isAny) return await this.#newestOfAll(repositoryId)
    let newest = known
    for (const digest of digests) {
      newest = newerOf(newest, await findSource(this.#metadata.read, repositoryId, digest))
      await this.#rest.after(0)
    }
    return newest
  }

  async #newestOfAll(repositoryId: number): Promise<SourceRow | undefined> {
    let newest: SourceRow | undefined
    for (let last = ''; ; ) {
      const rows = await listSources(this.#metadata.read, repositoryId, last, SOURCES_AT_ONCE)
      for (const { words, ...row } of rows) if (words !== null) newest = newerOf(newest, { ...row, words })
      if (rows.length < SOURCES_AT_ONCE) return newest
      last = rows.at(-1)?.digest ?? last
      await this.#rest.after(0)
    }
  }
}

/** As the names of callers are written down. */
function isRobot(name: string | null): boolean {
  return name?.startsWith('robot:') === true
}

/** By when the image was made, which a rebuild finds again. Where builds say nothing, or all the same, by when it was pushed. */
function newerOf(one: SourceRow | undefined, other: SourceRow | undefined): SourceRow | undefined {
  if (one === undefined || other === undefined) return one ?? other
  const order =
    (other.createdMs ?? 0) - (one.createdMs ?? 0) ||
    (other.pushedMs ?? 0) - (one.pushedMs ?? 0) ||
    (other.digest > one.digest ? 1 : -1)
  return order > 0 ? other : one
}
