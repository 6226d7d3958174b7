import type { ImageSettings } from '../../images/create/image-settings.ts'
import { CommandError } from '../command-error.ts'

/** What an image is run with, as it stands on a command line. */
export interface SettingFlags {
  readonly env: readonly string[]
  readonly entrypoint?: string
  readonly cmd?: string
  readonly user?: string
  readonly workdir?: string
  readonly label: readonly string[]
  readonly port: readonly string[]
}

/** Throws CommandError. */
export function settingsIn({ env, entrypoint, cmd, user, workdir, label, port }: SettingFlags): ImageSettings {
  return {
    environment: env.map((text) => requirePair(text, '--env')),
    entrypoint: entrypoint === undefined ? undefined : wordsIn(entrypoint, '--entrypoint'),
    command: cmd === undefined ? undefined : wordsIn(cmd, '--cmd'),
    user,
    workingDirectory: workdir,
    labels: Object.fromEntries(label.map((text) => splitAt(requirePair(text, '--label')))),
    ports: port.map(parsePort),
  }
}

/** One word, or a list of words as JSON, as a Dockerfile has it: nothing here takes a line apart as a shell would. */
function wordsIn(text: string, flag: string): readonly string[] {
  if (!text.startsWith('[')) return [text]
  try {
    const words: unknown = JSON.parse(text)
    if (Array.isArray(words) && words.every((word) => typeof word === 'string')) return words
  } catch (cause) {
    throw new CommandError(`${flag} ${text} is not JSON; write it as '["/app/server", "--port", "80"]'`, { cause })
  }
  throw new CommandError(`${flag} ${text} is no list of words; write it as '["/app/server", "--port", "80"]'`)
}

function requirePair(text: string, flag: string): string {
  if (/^[^=\0]+=[^\0]*$/.test(text)) return text
  throw new CommandError(`${flag} ${text} has no value; write it as NAME=value`)
}

function splitAt(text: string): readonly [string, string] {
  const at = text.indexOf('=')
  return [text.slice(0, at), text.slice(at + 1)]
}

function parsePort(text: string): string {
  const [, port = '', protocol = 'tcp'] = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/.exec(text) ?? []
  if (port === '' || Number(port) < 1 || Number(port) > 65_535)
    throw new CommandError(`--port ${text} is no port; write it as 8080 or 53/udp`)
  return `${Number(port)}/${protocol}`
}

const LAST_SECOND = 253_402_300_799

/** SOURCE_DATE_EPOCH; 1970 without it, so that the time of the command is in nothing. Throws CommandError. */
export function epochSecondsIn(text: string | undefined): number {
  if (text === undefined || text === '') return 0
  if (/^\d{1,12}$/.test(text) && Number(text) <= LAST_SECOND) return Number(text)
  throw new CommandError(`SOURCE_DATE_EPOCH is ${text}; it is a number of seconds since 1970, as git log -1 --format=%ct prints`)
}
