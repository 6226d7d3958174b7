import type { Digest } from '../../../oci/digest.ts'
import type { RepositoryName } from '../../../oci/name.ts'
import { UpstreamFailure } from '../../../upstream/upstream-failure.ts'
import type { PulledRegistry } from '../../../upstream/upstreams.ts'
import type { Staying } from './staying.ts'

/** The other registry is asked again after so long whether it has an image by now. */
const ABSENT_MS = 24 * 60 * 60_000
/** The same where it did not say. */
const UNKNOWN_MS = 60_000

export interface OnlyHereOptions {
  readonly upstream: Pick<PulledRegistry, 'findTag'>
  readonly signal: AbortSignal
  readonly staying: Staying
}

/**
 * Images that the other registry does not have: it has deleted them, or they were pushed before there was a mirror. They may be the only copies, and
 * no pull would bring them again, so that they stay.
 */
export class OnlyHere {
  readonly #options: OnlyHereOptions

  constructor(options: OnlyHereOptions) {
    this.#options = options
  }

  /** Asks the other registry, by a HEAD. True as well where that does not say. */
  async mayBe(repository: RepositoryName, digest: Digest): Promise<boolean> {
    const { staying } = this.#options
    if (staying.has(repository, digest)) return true
    const forMs = await this.#ask(repository, digest)
    if (forMs > 0) staying.add(repository, digest, forMs)
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
}
