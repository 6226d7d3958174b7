import { X509Certificate } from 'node:crypto'
import { type Command, Option } from 'commander'
import { certificatesIn } from '../../certificates/pem.ts'
import { findHost } from '../../config/schema/values.ts'
import type { Access, PulledThrough, Trust } from '../../recipes/client-recipe.ts'
import { CLIENT_NAMES, type ClientName, ONLY_WHEN_NAMED } from '../../recipes/clients.ts'
import { setupScript, setupScriptForWhatIsThere } from '../../recipes/setup-script.ts'
import { CommandError } from '../command-error.ts'
import { readText } from './read-text.ts'

interface SetupOptions {
  readonly client: readonly ClientName[]
  readonly ca?: string
  readonly fingerprint?: string
  readonly insecure: boolean
  readonly trusted: boolean
  readonly mirrorOf: readonly string[]
  readonly apply: boolean
  readonly ssh?: string
  readonly sshCommand: string
}

export function addClientCommands(program: Command): void {
  const client = program.command('client').description('Prepares the machines that pull and push.').copyInheritedSettings(program)
  const names = new Option('--client <name>', 'which client; may be given several times')
    .choices(CLIENT_NAMES)
    .argParser((value, before: readonly string[]) => {
      if (!CLIENT_NAMES.includes(value as ClientName))
        throw new CommandError(`there is no recipe for ${value}; there are ${CLIENT_NAMES.join(', ')}`)
      return [...before, value]
    })
    .default([], 'all')
  client
    .command('setup')
    .description('Prints what makes clients trust a registry, as a shell script; --apply does it here, --ssh on another machine.')
    .argument('<registry>', 'as it stands in front of an image name: registry.example.com:5000')
    .addOption(names)
    .option('--ca <file>', "the certificate of the registry's authority; asked of the registry when left out")
    .option('--fingerprint <sha256>', 'what the authority must be that the registry hands out; its log shows it')
    .option('--insecure', 'the registry speaks plain HTTP', false)
    .option('--trusted', 'clients know the authority of its certificate', false)
    .addOption(
      new Option(
        '--mirror-of <registry>',
        'also pull its images through this one: docker.io, or quay.io=PREFIX; may be given several times',
      )
        .argParser((value, before: readonly string[]) => [...before, value])
        .default([], 'none'),
    )
    .option('--apply', 'do it on this machine', false)
    .option('--ssh <host>', 'do it on that machine')
    .option('--ssh-command <words>', 'what reaches it, as in "docker-machine ssh"', 'ssh')
    .action(setUpClients)
    .copyInheritedSettings(program)
}

/** Throws CommandError. */
export async function setUpClients(name: string, options: SetupOptions): Promise<void> {
  const registry = parseRegistry(name)
  const mirrors = options.mirrorOf.map(parseMirrored)
  const access: Access = { registry, trust: await trustIn(registry, options), mirrors }
  const names = options.client.length > 0 ? options.client : CLIENT_NAMES.filter((client) => !ONLY_WHEN_NAMED.includes(client))
  if (!options.apply && options.ssh === undefined) {
    process.stdout.write(setupScript(access, options.client.length > 0 ? names : CLIENT_NAMES))
    return
  }
  const command = options.ssh === undefined ? ['sh'] : [...options.sshCommand.split(' '), options.ssh, AS_ROOT]
  await runScript(command, setupScriptForWhatIsThere(access, names))
}

async function trustIn(registry: string, options: SetupOptions): Promise<Trust> {
  if (options.insecure && options.trusted) throw new CommandError('--insecure and --trusted exclude each other')
  if (options.insecure) return { kind: 'plain HTTP' }
  return options.trusted ? { kind: 'known' } : await findAuthority(registry, options)
}

/** The prefix is the name of the registry where none is given. */
function parseMirrored(text: string): PulledThrough {
  const [, name = '', prefix] = /^([^=]+)(?:=([a-z0-9._/-]+))?$/.exec(text) ?? []
  if (name === '')
    throw new CommandError(`${text} is no registry; write it as docker.io, or with the prefix of its mirror as quay.io=quay`)
  const registry = parseRegistry(name)
  return { name: registry, prefix: prefix ?? registry }
}

/** One word for the shell at the other end. */
const AS_ROOT = 'if [ "$(id -u)" = 0 ]; then exec sh; else exec sudo sh; fi'

function parseRegistry(name: string): string {
  const bare = name.replace(/^https?:\/\//, '').replace(/\/$/, '')
  const [, host = '', port] = /^(\[[0-9A-Fa-f:]+\]|[^:/]+)(?::(\d{1,5}))?$/.exec(bare) ?? []
  if (findHost(host.replace(/^\[|\]$/g, '')) === undefined || Number(port ?? 1) > 65_535) {
    throw new CommandError(
      `${name} is not a registry; write it as it stands in front of an image name: registry.example.com:5000`,
    )
  }
  return bare
}

async function findAuthority(registry: string, options: SetupOptions): Promise<Trust> {
  if (options.ca !== undefined) return { kind: 'authority', certificate: authorityIn(await readText(options.ca), options.ca) }
  const url = `https://${registry}/ca.crt`
  const certificate = authorityIn(await download(url), url)
  const { fingerprint256 } = new X509Certificate(certificate)
  const wanted = options.fingerprint?.replaceAll(':', '').toUpperCase()
  if (wanted !== undefined && wanted !== fingerprint256.replaceAll(':', '')) {
    throw new CommandError(`${url} is another authority than the one wanted: its fingerprint is ${fingerprint256}`)
  }
  if (wanted === undefined) process.stderr.write(`berth: the authority of ${registry} has the fingerprint ${fingerprint256}\n`)
  if (wanted === undefined && (options.apply || options.ssh !== undefined)) {
    throw new CommandError(
      `nobody vouches for what came from ${url}; compare the fingerprint with that of the authority, and say --fingerprint ${fingerprint256}, or give the file with --ca`,
    )
  }
  return { kind: 'authority', certificate }
}

function authorityIn(text: string, source: string): string {
  const [block] = certificatesIn(text)
  if (block === undefined) throw new CommandError(`${source} holds no certificate in PEM form`)
  try {
    // Written anew: what stands between the lines of dashes becomes part of a shell script, and a file may hold anything there.
    return new X509Certificate(block).toString()
  } catch (cause) {
    throw new CommandError(`${source} holds a certificate that cannot be read: ${(cause as Error).message}`, { cause })
  }
}

/** Not verified: the certificate that would prove the server is what is being asked for. */
async function download(url: string): Promise<string> {
  try {
    const response = await fetch(url, {
      tls: { rejectUnauthorized: false },
      signal: AbortSignal.timeout(10_000),
      redirect: 'manual',
    })
    if (response.status === 200) return await response.text()
    throw new CommandError(
      `${url} answers ${response.status}: the registry has no authority of its own to hand out; if clients refuse its certificate, give its authority with --ca`,
    )
  } catch (cause) {
    if (cause instanceof CommandError) throw cause
    throw new CommandError(
      `${url} cannot be asked: ${(cause as Error).message}; if the registry speaks plain HTTP, say --insecure`,
      { cause },
    )
  }
}

async function runScript(command: readonly string[], script: string): Promise<void> {
  const shell = Bun.spawn([...command], { stdin: new Blob([script]), stdout: 'inherit', stderr: 'inherit' })
  const exitCode = await shell.exited
  if (exitCode !== 0) throw new CommandError(`${command[0]} ended with ${exitCode}; what it did before is done`)
}
