import { notePulls, type Pull, readPullsKnownSinceMs } from '../../metadata/keeping/times.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'

const DAY_MS = 24 * 60 * 60 * 1000
/** Of one day. Beyond these a manifest may be noted once more. */
const MOST_NOTES = 50_000

/**
 * Which manifests clients pull: gathered in memory, each once a day, and written by one statement now and then. No pull waits for it; what was
 * gathered since the last write is lost with the process.
 */
export class PullNotes {
  readonly #metadata: Metadata
  readonly #ignored: ReadonlySet<string>
  #day = 0
  #noted = new Set<string>()
  #waiting: Pull[] = []
  #hasBegun = false

  constructor(metadata: Metadata, ignoredPullers: readonly string[]) {
    this.#metadata = metadata
    this.#ignored = new Set(ignoredPullers)
  }

  note(repository: RepositoryName, digest: Digest, caller: string | undefined): void {
    if (caller !== undefined && this.#ignored.has(caller)) return
    const day = Math.floor(Date.now() / DAY_MS)
    if (day !== this.#day || this.#noted.size >= MOST_NOTES) this.#noted.clear()
    this.#day = day
    const name = `${repository}@${digest}`
    if (this.#noted.has(name)) return
    this.#noted.add(name)
    if (this.#waiting.length < MOST_NOTES) this.#waiting.push({ repository, digest })
  }

  /** Writes what was gathered. When that fails, it is gathered still. */
  async write(): Promise<void> {
    this.#hasBegun ||= (await readPullsKnownSinceMs(this.#metadata.read)) !== undefined
    const pulls = this.#waiting
    if (this.#hasBegun && pulls.length === 0) return
    this.#waiting = []
    try {
      await this.#metadata.write((query) => notePulls(query, pulls))
      this.#hasBegun = true
    } catch (error) {
      this.#waiting = [...pulls, ...this.#waiting].slice(0, MOST_NOTES)
      throw error
    }
  }
}
