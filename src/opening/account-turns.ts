import type { Config } from '../config/config.ts'
import { exclusivelyIn, lastChangeIn } from '../metadata/sqlite/exclusive-lock.ts'

export interface AccountTurns {
  /** Runs tasks that change accounts or keys, one at a time, whichever process of the storage runs them. With PostgreSQL, whichever machine it is on. */
  readonly exclusively: <Result>(task: () => Promise<Result>) => Promise<Result>
  /** Another text after each such task on this machine. */
  readonly lastChange: () => Promise<string>
}

export function accountTurns({ metadata: { postgres } }: Pick<Config, 'metadata'>, runDirectory: string): AccountTurns {
  const onThisMachine = exclusivelyIn(runDirectory)
  const lastChange = lastChangeIn(runDirectory)
  if (postgres === undefined) return { exclusively: onThisMachine, lastChange }
  const exclusively: AccountTurns['exclusively'] = async (task) =>
    await onThisMachine(async () => {
      const { inTurnOfAccounts } = await import('./open-postgres.ts')
      return await inTurnOfAccounts(postgres, task)
    })
  return { exclusively, lastChange }
}
