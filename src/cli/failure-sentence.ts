import { StartError } from '../app.ts'
import { ConfigError } from '../config/config-error.ts'
import { CommandError } from './command-error.ts'

/** What a person reads when a command fails. A failure that nobody foresaw comes with its stack. */
export function failureSentence(error: unknown): string {
  if (error instanceof ConfigError || error instanceof StartError || error instanceof CommandError) return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
