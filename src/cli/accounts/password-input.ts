import { mistakeInPassword } from '../../access/passwords/new-password.ts'
import { CommandError } from '../command-error.ts'

const MAX_INPUT_BYTES = 4096

export interface PasswordOptions {
  /** It comes through a pipe, as one line. */
  readonly passwordStdin?: boolean
}

/** The password for an account: from standard input, or asked for twice at a terminal that shows nothing of it. Throws CommandError. */
export async function readNewPassword(name: string, { passwordStdin = false }: PasswordOptions): Promise<string> {
  if (passwordStdin) return checkPassword(await readLine())
  if (!process.stdin.isTTY) {
    throw new CommandError('There is no terminal to ask for the password; pipe it in with --password-stdin.')
  }
  const [password = '', again] = await askHidden([`Password for ${name}: `, 'The same again: '])
  if (again !== password) throw new CommandError('The two passwords differ; nothing was changed.')
  return checkPassword(password)
}

/** Throws CommandError for a password that no login could use. */
export function checkPassword(password: string): string {
  const mistake = mistakeInPassword(password)
  if (mistake === undefined) return password
  throw new CommandError(`The password ${mistake}; nothing was changed.`)
}

/** One line from standard input, without its end, which `echo` adds. Throws CommandError. */
export async function readLine(): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of Bun.stdin.stream()) {
    size += chunk.length
    if (size > MAX_INPUT_BYTES) throw new CommandError('What came on standard input is too long for a password.')
    chunks.push(chunk)
  }
  const text = new TextDecoder().decode(Buffer.concat(chunks)).replace(/\r?\n$/, '')
  if (text.includes('\n')) throw new CommandError('Standard input has several lines; a password is one.')
  return text
}

const END_OF_LINE = /[\r\n]/
const INTERRUPT = '\u0003'
const END_OF_INPUT = '\u0004'
const BACKSPACE = /[\b\u007f]/

/** Asks for lines that are not shown, one after the other. What is typed ahead, or pasted, counts. */
async function askHidden(prompts: readonly string[]): Promise<readonly string[]> {
  const { stdin, stderr } = process
  const lines: string[] = []
  stdin.setRawMode(true)
  stderr.write(prompts[0] ?? '')
  let line: readonly string[] = []
  try {
    for await (const bytes of stdin) {
      for (const letter of String(bytes)) {
        if (letter === INTERRUPT || letter === END_OF_INPUT) throw new CommandError('Nothing was changed.')
        if (!END_OF_LINE.test(letter)) {
          line = BACKSPACE.test(letter) ? line.slice(0, -1) : [...line, letter]
          continue
        }
        lines.push(line.join(''))
        line = []
        if (lines.length === prompts.length) return lines
        stderr.write(`\n${prompts[lines.length]}`)
      }
    }
    throw new CommandError('Nothing was changed.')
  } finally {
    stdin.setRawMode(false)
    stderr.write('\n')
  }
}
