import { existsSync, readFileSync } from 'node:fs'

const FIRST_PROCESS = '/proc/1/cmdline'
/** The program by either of its names, or what the image starts it by. */
const BERTH = /(^|\/)(berth|registry|entrypoint\.sh)$/

/**
 * The configuration file that the server of this container was started with: there the server is the first process, or what the
 * first process starts. Undefined outside of a container, and when the server was given none.
 */
export function findServedConfigPath(commandLineFile = FIRST_PROCESS): string | undefined {
  const words = readCommandLine(commandLineFile)
  const serve = words.indexOf('serve')
  const afterServe = words.slice(serve + 1).filter((word, index, after) => !word.startsWith('--') && after[index - 1] !== '--tls')
  const argument = serve >= 0 ? afterServe[0] : words.find((word) => /\.ya?ml$/.test(word))
  return argument === '' ? undefined : argument
}

/** What that server was told by options, as the variables that they stand for. */
export function findServedSettings(commandLineFile = FIRST_PROCESS): Readonly<Record<string, string>> {
  const words = readCommandLine(commandLineFile)
  const isSelfSigned = words.includes('serve') && (words.includes('--tls') || words.includes('--tls=self-signed'))
  return isSelfSigned ? { REGISTRY_HTTP_TLS_SELFSIGNED_ENABLED: 'true' } : {}
}

/** Whether this is a container of `berth agent`, in which nothing serves. */
export function isContainerOfAgent(commandLineFile = FIRST_PROCESS): boolean {
  const words = readCommandLine(commandLineFile)
  return words.some((word, index) => word === 'agent' && BERTH.test(words[index - 1] ?? ''))
}

/** No words on a system that has no such file, or hides it. */
function readCommandLine(path: string): string[] {
  return existsSync(path) ? readFileSync(path, 'utf8').split('\0') : []
}
