import type { RepositoryName } from '../../oci/name.ts'
import { isDigest, type Reference } from '../../oci/reference.ts'
import { fitsAny, listedAs, type RetentionRules } from '../../retention/rules.ts'
import type { HeldNames } from './holds.ts'

/** Why an operator's or a client's own request does not take something. */
export type KeptBy = 'immutable' | 'protected' | 'held'

/** What an operator has fixed or holds in one repository, as it was a moment ago. */
export class KeptNames {
  readonly #repository: RepositoryName
  readonly #lists: Pick<RetentionRules, 'immutable' | 'protected'>
  readonly #held: HeldNames

  constructor(repository: RepositoryName, lists: Pick<RetentionRules, 'immutable' | 'protected'>, held: HeldNames) {
    this.#repository = repository
    this.#lists = lists
    this.#held = held
  }

  /** It keeps nothing, whatever the names are. */
  get isEmpty(): boolean {
    const { immutable, protected: guarded } = this.#lists
    return this.#held.isEmpty && ![...immutable, ...guarded].some(({ repositories }) => fitsAny(repositories, this.#repository))
  }

  by(reference: Reference): KeptBy | undefined {
    const listed = isDigest(reference) ? undefined : listedAs(this.#lists, this.#repository, reference)
    return listed ?? (this.#held.has(reference) ? 'held' : undefined)
  }
}
