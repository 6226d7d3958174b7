import { readFile, stat, writeFile } from 'node:fs/promises'
import { hashIn } from '../../access/htpasswd/entries.ts'
import { replaceFile } from '../../runtime/whole-file.ts'
import { CommandError } from '../command-error.ts'
import { checkPassword, readNewPassword } from './password-input.ts'

export interface HtpasswdOptions {
  readonly create?: true
  readonly print?: true
  readonly batch?: true
  readonly stdin?: true
  readonly cost: number
  readonly delete?: true
  readonly verify?: true
}

/** The line, and an empty one after it, as the original has it. */
export async function printHtpasswd(words: readonly string[], options: HtpasswdOptions): Promise<void> {
  if (options.create || options.delete || options.verify)
    throw new CommandError('With -n there is no file to change or to look into.')
  const [user = '', password] = words
  if (words.length > wordsFor(1, options)) throw tooMany()
  process.stdout.write(`${await lineFor(user, await passwordFor(user, password, options), options)}\n\n`)
}

export async function changeHtpasswd(words: readonly string[], options: HtpasswdOptions): Promise<void> {
  const [path = '', user, password] = words
  if (user === undefined) throw new CommandError('The name of a user is missing: htpasswd [options] passwordfile username.')
  if (words.length > wordsFor(2, options)) throw tooMany()
  const lines = options.create === true ? [] : await linesOf(path)
  const own = lines.findIndex((line) => userOf(line) === user)
  if (options.verify === true) return await verify(lines[own], user, await passwordFor(user, password, options))
  if (options.delete === true) {
    if (own < 0) throw new CommandError(`There is no user ${user} in ${path}.`)
    await write(path, lines.toSpliced(own, 1))
    return tell(`Deleting password for user ${user}`)
  }
  const line = await lineFor(user, await passwordFor(user, password, options), options)
  await write(path, own < 0 ? [...lines, line] : lines.with(own, line))
  tell(`${own < 0 ? 'Adding' : 'Updating'} password for user ${user}`)
}

function wordsFor(names: number, { batch, delete: isDeleted }: HtpasswdOptions): number {
  return names + (batch === true && isDeleted !== true ? 1 : 0)
}

function tooMany(): CommandError {
  return new CommandError('There are too many words; a password on the command line needs the option -b.')
}

async function passwordFor(user: string, word: string | undefined, { batch, stdin }: HtpasswdOptions): Promise<string> {
  if (batch !== true) return await readNewPassword(user, { passwordStdin: stdin === true })
  if (word === undefined) throw new CommandError('With -b the password is the last word, and it is missing.')
  return checkPassword(word)
}

async function lineFor(user: string, password: string, { cost }: HtpasswdOptions): Promise<string> {
  if (user === '' || /[:\p{Cc}]/u.test(user))
    throw new CommandError('A name has a letter at least, no colon and no control characters.')
  const hash = await Bun.password.hash(password, { algorithm: 'bcrypt', cost })
  // The same under the name that htpasswd gives it.
  return `${user}:${hash.replace(/^\$2b\$/, '$2y$')}`
}

async function verify(line: string | undefined, user: string, password: string): Promise<void> {
  const hash = line === undefined ? '' : hashIn(line.slice(line.indexOf(':') + 1).trim())
  const isRight = hash.startsWith('$2') && (await Bun.password.verify(password, hash, 'bcrypt'))
  if (!isRight) throw new CommandError(`The password of user ${user} is another one, or there is no such user.`)
  tell(`Password for user ${user} correct.`)
}

async function linesOf(path: string): Promise<readonly string[]> {
  try {
    const lines = (await readFile(path, 'utf8')).split('\n')
    return lines.at(-1) === '' ? lines.slice(0, -1) : lines
  } catch (cause) {
    throw new CommandError(`The file ${path} cannot be read; -c makes a new one.`, { cause })
  }
}

function userOf(line: string): string {
  const entry = line.trim()
  return entry.startsWith('#') ? '' : entry.slice(0, Math.max(0, entry.indexOf(':')))
}

/** Whole or not at all, but for a file that is a mount of its own, which nothing can take the place of. */
async function write(path: string, lines: readonly string[]): Promise<void> {
  const text = lines.map((line) => `${line}\n`).join('')
  const mode = await stat(path)
    .then(({ mode }) => mode & 0o777)
    .catch(() => undefined)
  try {
    await replaceFile({ path, text, mode })
  } catch {
    await writeInPlace(path, text)
  }
}

async function writeInPlace(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text)
  } catch (cause) {
    throw new CommandError(`The file ${path} cannot be written.`, { cause })
  }
}

function tell(sentence: string): void {
  process.stderr.write(`${sentence}\n`)
}
