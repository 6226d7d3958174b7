import type { RepositoryName } from '../../oci/name.ts'
import { type RetentionRules, ruleFor } from '../../retention/rules.ts'
import type { HeldNames, Holds } from './holds.ts'

/** What an operator keeps beside what tags lead to. */
export class KeptUntagged {
  readonly #holds: Pick<Holds, 'of'>
  readonly #rules: Pick<RetentionRules, 'rules'>

  constructor(holds: Pick<Holds, 'of'>, rules: Pick<RetentionRules, 'rules'>) {
    this.#holds = holds
    this.#rules = rules
  }

  /**
   * Those that are kept in a repository. A rule that keeps the images that tags led to keeps all, also while rules are only shown: which images
   * those are is not known.
   */
  async of(repository: RepositoryName): Promise<'all' | HeldNames> {
    if (ruleFor(this.#rules, repository)?.rule.keep.moves !== undefined) return 'all'
    return await this.#holds.of(repository)
  }
}
