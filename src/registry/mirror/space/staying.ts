import type { Digest } from '../../../oci/digest.ts'
import type { RepositoryName } from '../../../oci/name.ts'

const MOST_REMEMBERED = 50_000

/** Images of a mirror that were found to stay, each for a while: what would go after them has its turn meanwhile. */
export class Staying {
  readonly #now: () => number
  /** Until when that counts; the oldest first. */
  readonly #untilMs = new Map<string, number>()

  /** `now`: milliseconds of a clock that never goes back. */
  constructor(now = () => performance.now()) {
    this.#now = now
  }

  /** As far as it is remembered. */
  has(repository: RepositoryName, digest: Digest): boolean {
    return (this.#untilMs.get(nameOf(repository, digest)) ?? 0) > this.#now()
  }

  add(repository: RepositoryName, digest: Digest, forMs: number): void {
    const name = nameOf(repository, digest)
    this.#untilMs.delete(name)
    this.#untilMs.set(name, this.#now() + forMs)
    const [oldest] = this.#untilMs.keys()
    if (this.#untilMs.size > MOST_REMEMBERED && oldest !== undefined) this.#untilMs.delete(oldest)
  }
}

/** No name contains a space. */
function nameOf(repository: RepositoryName, digest: Digest): string {
  return `${repository} ${digest}`
}
