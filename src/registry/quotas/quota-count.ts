import { setImmediate } from 'node:timers/promises'
import type { Metadata, Query } from '../../metadata/query.ts'
import { addMembers, beginRules, countSome, countsBy, endRules, isAllCounted } from '../../metadata/quotas/quotas.ts'
import type { Log } from '../../observe/log.ts'
import type { QuotaRules } from './quota-rules.ts'

/** For a registry without quotas: one read, and a transaction where there were some before. */
export async function endCount(metadata: Metadata): Promise<void> {
  if (!(await countsBy(metadata.read, ''))) await metadata.write(endRules)
}

/**
 * Counts what was there before the quotas, and gives repositories that a scan found to theirs. From then on triggers keep the count. Until it has come
 * to its end a quota counts as less full than it is.
 */
export class QuotaCount {
  readonly #metadata: Metadata
  readonly #rules: QuotaRules
  readonly #log: Log
  #isTold = false

  constructor({ metadata, rules, log }: { readonly metadata: Metadata; readonly rules: QuotaRules; readonly log: Log }) {
    this.#metadata = metadata
    this.#rules = rules
    this.#log = log
  }

  /** Some hundred rows at a time, each time a transaction. Ends early when the signal aborts; the next run goes on. */
  async run(signal: AbortSignal): Promise<void> {
    const { text } = this.#rules
    if (!(await countsBy(this.#metadata.read, text))) await this.#repeat(signal, (query) => beginRules(query, text))
    if (!(await isAllCounted(this.#metadata.read))) {
      await this.#repeat(signal, (query) => addMembers(query, (name) => this.#rules.countedAs(name)))
      await this.#repeat(signal, countSome)
    }
    if (signal.aborted || this.#isTold) return
    this.#isTold = true
    this.#log.info('what is known of the storage is counted for the quotas')
  }

  async #repeat(signal: AbortSignal, step: (query: Query) => Promise<boolean>): Promise<void> {
    while (!signal.aborted && (await this.#metadata.write(step))) await setImmediate()
  }
}
