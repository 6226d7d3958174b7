import { notePulls, type Pull, readPullsKnownSinceMs } from '../../metadata/keeping/times.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'

const DAY_MS = 24 * 60 * 60 * 1000
/** Of one period. Beyond these a manifest may be noted once more, and of those that wait to be written it is not known any more what was pulled. */
const MOST_NOTES = 50_000

/**
 * Which manifests clients pull: gathered in memory, each once in a period, a day, and written by one statement now and then. No pull waits for it; what was
 * gathered since the last write is lost with the process.
 */
export class PullNotes {
  readonly #metadata: Metadata
  readonly #ignored: ReadonlySet<string>
  readonly #periodMs: number
  #period = 0
  #noted = new Set<string>()
  readonly #waitingAtMost: number
  #waiting: Pull[] = []
  /** There were pulls that are noted nowhere: all are known only from the next write on. */
  #hasLost = false
  #hasBegun = false

  constructor(metadata: Metadata, ignoredPullers: readonly string[], { waitingAtMost = MOST_NOTES, periodMs = DAY_MS } = {}) {
    this.#metadata = metadata
    this.#periodMs = periodMs
    this.#waitingAtMost = waitingAtMost
    this.#ignored = new Set(ignoredPullers)
  }

  note(repository: RepositoryName, digest: Digest, caller: string | undefined): void {
    if (caller !== undefined && this.#ignored.has(caller)) return
    const period = Math.floor(Date.now() / this.#periodMs)
    if (period !== this.#period || this.#noted.size >= MOST_NOTES) this.#noted.clear()
    this.#period = period
    const name = `${repository}@${digest}`
    if (this.#noted.has(name)) return
    if (this.#waiting.length >= this.#waitingAtMost) {
      this.#hasLost = true
      return
    }
    this.#noted.add(name)
    this.#waiting.push({ repository, digest })
  }

  /** Writes what was gathered, and since when that is all. When it fails, it is gathered still. */
  async write(): Promise<void> {
    this.#hasBegun ||= (await readPullsKnownSinceMs(this.#metadata.read)) !== undefined
    const pulls = this.#waiting
    const areAll = !this.#hasLost
    if (this.#hasBegun && areAll && pulls.length === 0) return
    this.#waiting = []
    this.#hasLost = false
    try {
      await this.#metadata.write((query) => notePulls(query, pulls, { areAll }))
      this.#hasBegun = true
    } catch (error) {
      this.#keep(pulls, { areAll })
      throw error
    }
  }

  #keep(pulls: readonly Pull[], { areAll }: { readonly areAll: boolean }): void {
    const all = [...pulls, ...this.#waiting]
    this.#waiting = all.slice(0, this.#waitingAtMost)
    this.#hasLost ||= !areAll || all.length > this.#waitingAtMost
    // What is not kept is noted again when it is pulled again.
    if (this.#hasLost) this.#noted.clear()
  }
}
