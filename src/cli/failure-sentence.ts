import { DamagedRecordError } from '../access/accounts/account.ts'
import { AccountError } from '../access/accounts/accounts.ts'
import { STORAGE_UNUSABLE, StartError } from '../composition/start-error.ts'
import { ConfigError } from '../config/config-error.ts'
import type { Settings } from '../config/settings.ts'
import { type Tree, valueAt } from '../config/source/tree.ts'
import { ImageError } from '../images/image-error.ts'
import { CommandError } from './command-error.ts'

/** A failure that names settings, or the files in them, with where each of them was set. */
export function withOrigins(error: unknown, settings: Settings): unknown {
  if (!(error instanceof StartError || error instanceof CommandError)) return error
  const places = placesOf(error.message, settings)
  return places.length === 0 ? error : new StartError(`${error.message} (${places.join('; ')})`, { cause: error })
}

function placesOf(message: string, { tree, origins, path: file }: Settings): string[] {
  const named = [...origins].filter(
    ([key]) => mentions(message, key) || mentions(message, valueAt(tree, key.split('.'))) || isOfStorage(message, key),
  )
  return named.map(
    ([key, { line, variable }]) => `${key} is set ${variable === undefined ? `in ${file}:${line}` : `by ${variable}`}`,
  )
}

/** A key with a dot in it, or a path: other words may stand in a sentence by chance. */
function mentions(message: string, words: Tree | undefined): boolean {
  return (
    typeof words === 'string' &&
    /[./]/.test(words) &&
    words.length > 3 &&
    message.split(/[\s(),;]+/).some((word) => word.replace(/[.:]$/, '') === words)
  )
}

/** What is said of a storage names the keys of its driver as the section does, without what is above them. */
function isOfStorage(message: string, key: string): boolean {
  if (!message.startsWith(STORAGE_UNUSABLE) || !key.startsWith('storage.')) return false
  return message.split(/[\s(),.;:]+/).includes(key.split('.').at(-1) ?? '')
}

/** What an operator can mend. */
const OPERATORS = [ConfigError, StartError, CommandError, AccountError, DamagedRecordError, ImageError]

/** What a person reads when a command fails. An unexpected failure comes with its stack. */
export function failureSentence(error: unknown): string {
  if (OPERATORS.some((kind) => error instanceof kind) && error instanceof Error) return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
