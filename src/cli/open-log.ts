import type { LogOutput } from '../observe/log.ts'
import { fileOutput, standardError } from '../observe/standard-stream.ts'
import { CommandError } from './command-error.ts'

/** Where the program's own lines go. Throws CommandError when the file cannot be opened. */
export function openLog(path: string | undefined): LogOutput {
  if (path === undefined) return standardError()
  try {
    return fileOutput(path)
  } catch (cause) {
    throw new CommandError(`The log ${path} cannot be opened; make its folder, or choose another log.file.`, { cause })
  }
}
