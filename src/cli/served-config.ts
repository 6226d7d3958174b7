import { existsSync, readFileSync } from 'node:fs'

const FIRST_PROCESS = '/proc/1/cmdline'

/**
 * The configuration file that the server of this container was started with: there the server is the first process, or what the
 * first process starts. Undefined outside of a container, and when the server was given none.
 */
export function findServedConfigPath(commandLineFile = FIRST_PROCESS): string | undefined {
  const words = readCommandLine(commandLineFile)
  const afterServe = words.indexOf('serve') + 1
  const argument = afterServe > 0 ? words[afterServe] : words.find((word) => /\.ya?ml$/.test(word))
  return argument === '' ? undefined : argument
}

/** No words on a system that has no such file, or hides it. */
function readCommandLine(path: string): string[] {
  return existsSync(path) ? readFileSync(path, 'utf8').split('\0') : []
}
