import { findByteSize } from '../../config/words/byte-size.ts'
import { ImageError, inUsersWords } from '../../images/image-error.ts'
import { importRegistry, parseImport } from '../../images/import/import-registry.ts'
import { type ImportSource, parseImportSource } from '../../images/import/import-source.ts'
import type { Registries } from '../../images/registry/registries.ts'
import { readText } from '../clients/read-text.ts'
import { CommandError } from '../command-error.ts'
import { endOnSignal, exitWhenRead } from '../exit.ts'
import type { RegistryFlags } from '../images/registry-flags.ts'
import { registriesFor } from '../images/registry-options.ts'
import { ImportProgress } from './import-progress.ts'

interface ImportFlags extends RegistryFlags {
  readonly from: string
  readonly user?: string
  readonly userPassword?: string
  readonly fromCa?: string
  readonly repositories: readonly string[]
  readonly tags: readonly string[]
  readonly overwrite: boolean
  readonly rate?: string
  readonly dryRun: boolean
  readonly json: boolean
}

/** Prints what came of each tag, and a summary. Exit code 1 where something did not come. Throws CommandError and ImageError. */
export async function importInto(destination: string, flags: ImportFlags): Promise<void> {
  const [from, to] = [parseImportSource(flags.from), parseImportSource(destination)]
  const { repositories, tags, overwrite: moves, dryRun: isDry } = flags
  const wishes = parseImport({ repositories, tags, moves, isDry, bytesPerSecond: rateOf(flags.rate) })
  const signal = endOnSignal()
  const report = new ImportProgress({ isDry, isJson: flags.json })
  const places = { from, to, here: await registriesFor(flags, to.registry), there: await registriesOf(from, flags) }
  const failure = await failureOf(() => importRegistry(places, wishes, { report, signal }), signal)
  report.end(failure)
  await exitWhenRead(failure === undefined && report.isComplete ? 0 : 1)
}

/** Why it ended early; undefined: it did not. */
async function failureOf(work: () => Promise<void>, signal: AbortSignal): Promise<string | undefined> {
  try {
    await inUsersWords(work)
    return undefined
  } catch (error) {
    if (signal.aborted) return 'interrupted; the same command brings the rest'
    if (error instanceof ImageError || error instanceof CommandError) return error.message
    throw error
  }
}

function rateOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const bytesPerSecond = findByteSize(text)
  if (bytesPerSecond === undefined || bytesPerSecond === 0)
    throw new CommandError(`${text} is no number of bytes; write it as 20MB`)
  return bytesPerSecond
}

/** The other registry, with what this user has for it. */
async function registriesOf({ registry, plainHttp }: ImportSource, flags: ImportFlags): Promise<Registries> {
  const { user, userPassword, fromCa } = flags
  const ownFlags = { passwordStdin: false, plainHttp, ...(fromCa === undefined ? {} : { ca: fromCa }) }
  return await registriesFor(ownFlags, registry, await loginOf(user, userPassword, flags.passwordStdin))
}

async function loginOf(user: string | undefined, path: string | undefined, isInputTaken: boolean) {
  if (user === undefined && path === undefined) return undefined
  if (user === undefined) throw new CommandError('--user-password is the password of a user: add --user NAME')
  if (path === undefined) throw new CommandError('the password of --user is read from a file: add --user-password FILE')
  if (path === '-' && isInputTaken) throw new CommandError('standard input has one password; give the other one in a file')
  const text = path === '-' ? await Bun.stdin.text() : await readText(path)
  return { user, password: text.replace(/\r?\n$/, '') }
}
