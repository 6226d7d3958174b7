import { readFile } from 'node:fs/promises'
import { CommandError } from '../command-error.ts'

/** A file that the user named. Throws CommandError. */
export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new CommandError(`${path} cannot be read: ${(cause as Error).message}`, { cause })
  }
}
