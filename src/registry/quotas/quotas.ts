import { type Metadata, type Query, requireWhole } from '../../metadata/query.ts'
import { addMembers, countedTo, findUses, isAllCounted, listQuotas, setWarned } from '../../metadata/quotas/quotas.ts'
import type { Log } from '../../observe/log.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Quota, QuotaRules } from './quota-rules.ts'
import { QuotaReached, warningOf } from './quota-words.ts'

/** Content that a push is about to add to a repository. */
export interface Added {
  readonly repository: RepositoryName
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
}

/** What may come of a blob whose size is not known yet. Throws QuotaReached when so many bytes are too many. */
export type RequireRoom = (bytes: number) => void

/** How full a quota is, for its operator. */
export interface QuotaState extends Quota {
  readonly usedBytes: number
}

export interface QuotasOfRepository {
  readonly quotas: readonly QuotaState[]
  /** False: not everything has been counted yet, and they may hold more. */
  readonly areCounted: boolean
}

export interface QuotasOptions {
  readonly metadata: Pick<Metadata, 'read'>
  readonly rules: QuotaRules
  readonly log: Log
}

/**
 * Refuses what would take a quota above its limit. Each plan looks at what is there at that moment: operations that run side by side may together
 * take more than is left, each of them what it brings.
 */
export class Quotas {
  readonly #options: QuotasOptions

  constructor(options: QuotasOptions) {
    this.#options = options
  }

  /** There are none, for any repository. */
  get countNothing(): boolean {
    return this.#options.rules.isEmpty
  }

  /**
   * For a request that begins to bring bytes: a look at what is left. Undefined where there is no limit. What the quota holds already needs no room,
   * where the digest says so.
   */
  async findRoom(repository: RepositoryName, digest?: Digest): Promise<RequireRoom | undefined> {
    const limited = this.#options.rules.of(repository).filter(({ limitBytes }) => limitBytes !== undefined)
    if (limited.length === 0) return undefined
    const looked = await look(this.#options.metadata.read, limited, digest)
    return (bytes) => {
      for (const { quota, used, holds } of looked) if (!holds) requireRoom(quota, used, bytes)
    }
  }

  /**
   * In the plan of the operation that adds the content: nothing is added without it. What a client is to be warned of. Throws QuotaReached. Content that
   * the quota holds is never refused, however full it is.
   */
  async admit(query: Query, repositoryId: number, { repository, digest, size }: Added): Promise<readonly string[]> {
    const quotas = this.#options.rules.of(repository)
    if (quotas.length === 0) return []
    requireWhole(query)
    const looked = await look(query, quotas, digest)
    if (looked.some(({ seenTo }) => seenTo < repositoryId)) await this.#addMembers(query)
    const warnings: string[] = []
    for (const { quota, used, holds, warned } of looked) {
      const added = holds ? 0 : size
      requireRoom(quota, used, added)
      const isAbove = quota.warnBytes !== undefined && used + added > quota.warnBytes
      if (isAbove) warnings.push(warningOf(quota, used + added))
      if (isAbove !== warned) await this.#noteWarning(query, quota, { used: used + added, isAbove })
    }
    return warnings
  }

  /** In the plan of an operation whose content is counted and never refused: from here on that of a new repository is. */
  async count(query: Query, repositoryId: number): Promise<void> {
    if (!this.#options.rules.isEmpty && (await countedTo(query)) < repositoryId) await this.#addMembers(query)
  }

  /** Those that hold for a repository, which need not be there yet. */
  async of(repository: RepositoryName): Promise<QuotasOfRepository> {
    const { metadata, rules } = this.#options
    const quotas = rules.of(repository)
    if (quotas.length === 0) return { quotas: [], areCounted: true }
    const names = quotas.map(({ name }) => name)
    const uses = new Map((await findUses(metadata.read, names, undefined)).map(({ name, used }) => [name, used]))
    const states = quotas.map((quota) => ({ ...quota, usedBytes: uses.get(quota.name) ?? 0 }))
    return { quotas: states, areCounted: await isAllCounted(metadata.read) }
  }

  /** The fullest ones, in bytes. */
  async list(limit: number): Promise<readonly QuotaState[]> {
    const { metadata, rules } = this.#options
    if (rules.isEmpty) return []
    return (await listQuotas(metadata.read, limit)).flatMap(({ name, used }) => {
      const quota = rules.named(name)
      return quota === undefined ? [] : [{ ...quota, usedBytes: used }]
    })
  }

  async #addMembers(query: Query): Promise<void> {
    await addMembers(query, (name) => this.#options.rules.countedAs(name))
  }

  /** Once, until the use has been below again. The line is written before the commit: one that fails writes it again. */
  async #noteWarning(query: Query, quota: Quota, { used, isAbove }: { readonly used: number; readonly isAbove: boolean }) {
    if (!(await setWarned(query, quota.name, isAbove ? 1 : 0)) || !isAbove) return
    const { name, warnBytes, limitBytes } = quota
    this.#options.log.warn('a quota is above its soft limit', { quota: name, used, warn: warnBytes, limit: limitBytes })
  }
}

interface Looked {
  readonly quota: Quota
  readonly used: number
  readonly holds: boolean
  readonly warned: boolean
  readonly seenTo: number
}

async function look(query: Query, quotas: readonly Quota[], digest: Digest | undefined): Promise<readonly Looked[]> {
  const names = quotas.map(({ name }) => name)
  const uses = new Map((await findUses(query, names, digest)).map((use) => [use.name, use]))
  return quotas.map((quota) => {
    const { used = 0, holds, warned, seenTo = 0 } = uses.get(quota.name) ?? {}
    return { quota, used, holds: holds === 1, warned: warned === 1, seenTo }
  })
}

function requireRoom(quota: Quota, used: number, added: number): void {
  if (added > 0 && quota.limitBytes !== undefined && used + added > quota.limitBytes) throw new QuotaReached(quota, used, added)
}
