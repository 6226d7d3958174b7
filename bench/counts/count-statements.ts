import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Metadata, Query } from '../../src/metadata/query.ts'
import type { MirrorSources } from '../../src/registry/mirror/mirrors.ts'
import type { NotificationSettings } from '../../src/registry/notifications/settings.ts'
import type { QuotaRule } from '../../src/registry/quotas/quota-rules.ts'
import { BerthInProcess } from '../../test/support/berth-in-process.ts'
import { WORK, type Work } from './work.ts'

export interface StatementCounts {
  /** Statements outside of a transaction. */
  readonly reads: number
  /** Transactions that write, and the statements in them. */
  readonly transactions: number
  readonly statements: number
}

export interface CountedRegistry {
  readonly quotas?: readonly QuotaRule[]
  readonly mirrors?: MirrorSources
  readonly notifications?: NotificationSettings
  /** Left out, all of it. */
  readonly works?: readonly Work[]
  /** Waits for what goes on when a work was done for the first time. */
  readonly settle?: (berth: BerthInProcess) => Promise<unknown>
}

/** What each kind of work asks of the metadata, by name. In this process, with nothing going on besides. */
export async function countStatements(
  directory: string,
  { quotas = [], mirrors, notifications, works = WORK, settle }: CountedRegistry = {},
): Promise<ReadonlyMap<string, StatementCounts>> {
  const folder = await mkdtemp(join(directory, 'berth-counts-'))
  const counter = new Counter()
  try {
    await using berth = await BerthInProcess.start(folder, {
      metadata: (metadata) => counter.watch(metadata),
      quotas,
      mirrors,
      notifications,
    })
    await berth.scan()
    if (quotas.length > 0) await berth.countQuotas()
    const counts = new Map<string, StatementCounts>()
    for (const work of works) {
      await work.prepare?.(berth.client)
      await work.run(berth.client, 0)
      await settle?.(berth)
      counter.take()
      await work.run(berth.client, 1)
      counts.set(work.name, counter.take())
    }
    return counts
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

class Counter {
  #reads = 0
  #transactions = 0
  #statements = 0

  watch(metadata: Metadata): Metadata {
    return {
      read: this.#watchQuery(metadata.read, () => {
        this.#reads += 1
      }),
      revision: () => metadata.revision(),
      write: (operation) => {
        this.#transactions += 1
        return metadata.write((query) =>
          operation(
            this.#watchQuery(query, () => {
              this.#statements += 1
            }),
          ),
        )
      },
    }
  }

  /** What was counted since the last call. */
  take(): StatementCounts {
    const counts = { reads: this.#reads, transactions: this.#transactions, statements: this.#statements }
    this.#reads = 0
    this.#transactions = 0
    this.#statements = 0
    return counts
  }

  #watchQuery(query: Query, count: () => void): Query {
    return {
      all: (sql, ...values) => {
        count()
        return query.all(sql, ...values)
      },
      get: (sql, ...values) => {
        count()
        return query.get(sql, ...values)
      },
      run: (sql, ...values) => {
        count()
        return query.run(sql, ...values)
      },
    }
  }
}
