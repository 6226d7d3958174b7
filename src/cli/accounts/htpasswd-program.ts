import { Command, InvalidArgumentError, Option } from 'commander'
import { CommandError } from '../command-error.ts'
import { changeHtpasswd, type HtpasswdOptions, printHtpasswd } from './htpasswd.ts'

const MIN_COST = 4
/** That of htpasswd: more takes longer than any client waits. */
const MAX_COST = 17
/** What registry:2 writes. */
const DEFAULT_COST = 10

/** Kinds of hashes that Apache's program knows and no registry takes. */
const OTHER_KINDS = ['-m', '-2', '-5', '-d', '-s', '-p'] as const

/**
 * Apache's program for files of users, as far as registry:2 and Berth can read what it writes: the image of registry:2 had it, and
 * people run it there with `--entrypoint htpasswd`.
 */
export function htpasswdProgram(): Command {
  const program = new Command('htpasswd')
    .description('Writes the users of auth.htpasswd, as the program of that name does. Hashes are always bcrypt.')
    .argument('<words...>', 'passwordfile username [password]; with -n: username [password]')
    .option('-c, --create', 'make a new file, in place of one that is there')
    .option('-n, --print', 'change no file; print the line')
    .option('-b, --batch', 'the password is the last word; every user of the machine can see it')
    .option('-i, --stdin', 'the password comes on standard input')
    .option('-B, --bcrypt', 'hash with bcrypt, which is the only way here')
    .option('-C, --cost <cost>', `of bcrypt, from ${MIN_COST} to ${MAX_COST}`, parseCost, DEFAULT_COST)
    .option('-D, --delete', 'take the user out of the file')
    .option('-v, --verify', 'say whether the password is that of the user')
    .helpOption('-h, --help', 'print this help')
  for (const kind of OTHER_KINDS) program.addOption(new Option(kind).hideHelp().argParser(refuseKind).preset(kind))
  return program.action(async (words: readonly string[], options: HtpasswdOptions) => {
    if (options.print === true) await printHtpasswd(words, options)
    else await changeHtpasswd(words, options)
  })
}

function parseCost(text: string): number {
  const cost = /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN
  if (cost >= MIN_COST && cost <= MAX_COST) return cost
  throw new InvalidArgumentError(`It is a number from ${MIN_COST} to ${MAX_COST}.`)
}

function refuseKind(kind: string): never {
  throw new CommandError(`The option ${kind} makes a hash that no registry takes; use -B.`)
}
