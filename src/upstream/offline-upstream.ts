import { UpstreamFailure } from './upstream-failure.ts'
import type { PulledRegistry } from './upstreams.ts'

/** A registry that is not asked, because the operator says so. What is not here is not known to be nowhere. */
export class OfflineUpstream implements PulledRegistry {
  readonly origin: string
  readonly asked: string
  readonly findTag = async () => this.#refuse()
  readonly findManifest = async () => this.#refuse()
  readonly findTags = async () => this.#refuse()
  readonly findRepositories = async () => this.#refuse()
  readonly findReferrers = async () => this.#refuse()
  readonly findBlob = async () => this.#refuse()
  readonly openBlob = async () => this.#refuse()

  /** `name`: of the mirror, as its operator calls it. */
  constructor(name: string) {
    this.origin = name
    this.asked = `The mirror ${name}`
  }

  #refuse(): never {
    throw new UpstreamFailure('UNAVAILABLE', {
      message: `${this.asked} is offline by its configuration and does not have this; its operator can end that with offline: false.`,
    })
  }
}
