import { ACCOUNT_NAME_RULE, type AccountName, findAccountName } from '../access/accounts/account-name.ts'
import type { Accounts } from '../access/accounts/accounts.ts'
import { operateAccounts } from '../composition/accounts/account-operator.ts'
import { loadConfig } from '../config/load-config.ts'
import { remark } from './accounts/account-output.ts'
import { CommandError } from './command-error.ts'
import { findServedConfigPath } from './serve/served-config.ts'

export interface OperateOptions {
  /** The configuration that names the storage; inside a container the one that is served. */
  readonly config?: string
}

/** Does something with the accounts of a configuration's storage, whether a server runs on it or not. */
export async function operate<Result>(
  { config: path }: OperateOptions,
  work: (accounts: Accounts) => Promise<Result>,
): Promise<Result> {
  const loaded = loadConfig({ path: path ?? findServedConfigPath(), environment: process.env })
  const result = await operateAccounts(loaded.config, work)
  if (loaded.config.access === undefined) {
    remark(
      `${loaded.path ?? 'the configuration'} has no section access, without which accounts have no effect; see docs/access.md.`,
    )
  }
  return result
}

/** Throws CommandError. */
export function parseName(text: string): AccountName {
  const name = findAccountName(text)
  if (name === undefined) throw new CommandError(`The name ${JSON.stringify(text)} is not allowed: a name ${ACCOUNT_NAME_RULE}.`)
  return name
}
