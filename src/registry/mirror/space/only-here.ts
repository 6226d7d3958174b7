import type { Digest } from '../../../oci/digest.ts'
import type { RepositoryName } from '../../../oci/name.ts'
import { UpstreamFailure } from '../../../upstream/upstream-failure.ts'
import type { PulledRegistry } from '../../../upstream/upstreams.ts'

/** The other registry is asked again after so long whether it has an image by now. */
const ABSENT_MS = 24 * 60 * 60_000
/** The same where it did not say. */
const UNKNOWN_MS = 60_000
const MOST_REMEMBERED = 50_000

export interface OnlyHereOptions {
  readonly upstream: Pick<PulledRegistry, 'findTag'>
  readonly signal: AbortSignal
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number
}

/**
 * Images that the other registry does not have: it has deleted them, or they were pushed before there was a mirror. They may be the only copies, and
 * no pull would bring them again, so that they stay.
 */
export class OnlyHere {
  readonly #options: Required<OnlyHereOptions>
  /** Until when that counts; the oldest first. */
  readonly #untilMs = new Map<string, number>()

  constructor({ now = () => performance.now(), ...options }: OnlyHereOptions) {
    this.#options = { ...options, now }
  }

  /** As far as it is remembered. */
  has(repository: RepositoryName, digest: Digest): boolean {
    return (this.#untilMs.get(nameOf(repository, digest)) ?? 0) > this.#options.now()
  }

  /** Asks the other registry, by a HEAD. True as well where that does not say. */
  async mayBe(repository: RepositoryName, digest: Digest): Promise<boolean> {
    if (this.has(repository, digest)) return true
    const forMs = await this.#ask(repository, digest)
    if (forMs > 0) this.#remember(nameOf(repository, digest), forMs)
    return forMs > 0
  }

  /** For how long it may be only here; 0: it is there. */
  async #ask(repository: RepositoryName, digest: Digest): Promise<number> {
    const { upstream, signal } = this.#options
    try {
      return (await upstream.findTag(repository, digest, digest, signal)) === undefined ? ABSENT_MS : 0
    } catch (error) {
      if (!(error instanceof UpstreamFailure)) throw error
      return UNKNOWN_MS
    }
  }

  #remember(name: string, forMs: number): void {
    this.#untilMs.delete(name)
    this.#untilMs.set(name, this.#options.now() + forMs)
    const [oldest] = this.#untilMs.keys()
    if (this.#untilMs.size > MOST_REMEMBERED && oldest !== undefined) this.#untilMs.delete(oldest)
  }
}

/** No name contains a space. */
function nameOf(repository: RepositoryName, digest: Digest): string {
  return `${repository} ${digest}`
}
