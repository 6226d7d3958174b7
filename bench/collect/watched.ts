import { Database } from 'bun:sqlite'
import { join } from 'node:path'

const POLL_MS = 200
const PATIENCE_MS = 60 * 60_000
const HOUR_MS = 60 * 60_000

/** Times of the wall clock. */
export interface Collection {
  readonly passBeganMs: number
  readonly condemnedMs: number
  readonly removalBeganMs: number
  readonly removedMs: number
  readonly purgedMs: number
}

/** Follows a collection in the metadata of a registry that runs, and moves the clock of its collector on in place of waiting for days. */
export class WatchedCollector {
  readonly #database: Database

  constructor(data: string) {
    this.#database = new Database(join(data, 'berth/metadata.db'))
    this.#database.run('PRAGMA busy_timeout = 10000')
  }

  /** From now on so many links are due; resolves when all have gone, and their tombstones. */
  async follow(links: number): Promise<Collection> {
    // What was found in the storage stays for a week, what is condemned for an hour.
    this.#forward(8 * 24 * HOUR_MS)
    let passBeganMs = 0
    await this.#until('condemned links', () => {
      const condemned = this.#condemned()
      if (condemned > 0 && passBeganMs === 0) passBeganMs = this.#lastTickMs()
      return condemned >= links
    })
    const condemnedMs = Date.now()
    this.#forward(2 * HOUR_MS)
    let removalBeganMs = 0
    await this.#until('removed links', () => {
      const left = this.#condemned()
      if (left === links) removalBeganMs = Date.now()
      return left === 0
    })
    const removedMs = Date.now()
    await this.#until('purged tombstones', () => this.#count('link INDEXED BY link_gone WHERE target IS NULL') === 0)
    return { passBeganMs, condemnedMs, removalBeganMs, removedMs, purgedMs: Date.now() }
  }

  /** Blobs that are there. */
  blobs(): number {
    return this.#count('blob')
  }

  [Symbol.dispose](): void {
    this.#database.close()
  }

  #forward(byMs: number): void {
    this.#database.run("UPDATE counter SET value = value + ? WHERE name = 'clock-ms'", [byMs])
  }

  #condemned(): number {
    return this.#count('link INDEXED BY link_condemned WHERE condemned_ms IS NOT NULL')
  }

  /** Each run of the duty begins with the clock, so that a pass has begun when links are condemned. */
  #lastTickMs(): number {
    const row = this.#database.query<{ value: string }, []>("SELECT value FROM property WHERE name = 'clock-wall-ms'").get()
    return Number(row?.value ?? 0)
  }

  #count(rows: string): number {
    return this.#database.query<{ count: number }, []>(`SELECT count(*) AS count FROM ${rows}`).get()?.count ?? 0
  }

  async #until(what: string, isSo: () => boolean): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS
    while (!isSo()) {
      if (performance.now() > deadline) throw new Error(`no ${what} in ${PATIENCE_MS / 60_000} minutes`)
      await Bun.sleep(POLL_MS)
    }
  }
}
