import type { Command } from 'commander'
import { publicUrl } from '../../config/schema/values.ts'
import { examine, SIZES } from '../../doctor/examine.ts'
import type { Finding } from '../../doctor/finding.ts'
import { Patient } from '../../doctor/patient.ts'
import { CommandError } from '../command-error.ts'
import { readText } from './read-text.ts'

interface DoctorOptions {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly user?: string
  readonly passwordStdin: boolean
  readonly repository: string
  readonly slow: boolean
}

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('Pushes and pulls 1 KB, 2 MB and 150 MB by the address that clients use, and explains what is in the way.')
    .argument('<url>', 'of the registry: https://registry.example.com')
    .option('--ca <file>', 'the authority of the certificate, where this machine does not trust it')
    .option('--cert <file>', 'what the client shows, where the registry asks for a certificate')
    .option('--key <file>', 'its key')
    .option('--user <name>', 'who may push to the repository')
    .option('--password-stdin', 'read the password from standard input', false)
    .option('--repository <name>', 'where to push to; nothing else there is touched', 'berth-doctor')
    .option('--slow', 'also send 4 MB in 75 seconds, to find limits of time', false)
    .action(askDoctor)
    .copyInheritedSettings(program)
}

/** Prints findings as they are made. Exit code 1 when clients will fail. Throws CommandError. */
export async function askDoctor(url: string, options: DoctorOptions): Promise<void> {
  const parsed = publicUrl.safeParse(/^https?:\/\//.test(url) ? url : `https://${url}`)
  if (!parsed.success) throw new CommandError(`${url} is not the address of a registry; write it as https://registry.example.com`)
  const patient = new Patient({
    url: parsed.data,
    authority: options.ca === undefined ? undefined : await readText(options.ca),
    certificate: await certificateOf(options),
    credentials: await credentialsOf(options),
  })
  let isWell = true
  for await (const finding of examine(patient, { repository: options.repository, sizes: SIZES, slow: options.slow })) {
    if (finding.outcome === 'bad') isWell = false
    process.stdout.write(describe(finding))
  }
  process.stdout.write(isWell ? 'Clients can push and pull.\n' : 'Clients cannot push and pull like this.\n')
  if (!isWell) process.exitCode = 1
}

const SIGNS = { good: 'ok    ', odd: 'odd   ', bad: 'FAILED' }

function describe({ looked, outcome, seen, advice }: Finding): string {
  const line = `${SIGNS[outcome]} ${looked}: ${seen}\n`
  return advice === undefined ? line : `${line}       ${advice}\n`
}

async function certificateOf({ cert, key }: DoctorOptions) {
  if (cert === undefined && key === undefined) return undefined
  if (cert === undefined || key === undefined) throw new CommandError('--cert and --key belong together')
  return { cert: await readText(cert), key: await readText(key) }
}

async function credentialsOf({ user, passwordStdin }: DoctorOptions) {
  if (user === undefined) return undefined
  if (!passwordStdin) throw new CommandError('the password of the user is read from standard input: add --password-stdin')
  return { user, password: (await Bun.stdin.text()).replace(/\r?\n$/, '') }
}
