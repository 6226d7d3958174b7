import { DamagedRecordError } from '../access/account.ts'
import { AccountError } from '../access/accounts.ts'
import { StartError } from '../composition/app.ts'
import { ConfigError } from '../config/config-error.ts'
import { CommandError } from './command-error.ts'

/** What an operator can mend. */
const OPERATORS = [ConfigError, StartError, CommandError, AccountError, DamagedRecordError]

/** What a person reads when a command fails. A failure that nobody foresaw comes with its stack. */
export function failureSentence(error: unknown): string {
  if (OPERATORS.some((kind) => error instanceof kind) && error instanceof Error) return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
