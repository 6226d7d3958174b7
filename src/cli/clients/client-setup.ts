import { type Command, Option } from 'commander'
import type { Access, PulledThrough } from '../../recipes/client-recipe.ts'
import { CLIENT_NAMES, type ClientName, ONLY_WHEN_NAMED } from '../../recipes/clients.ts'
import { setupScript, setupScriptForWhatIsThere } from '../../recipes/setup-script.ts'
import { CommandError } from '../command-error.ts'
import { AS_ROOT, parseRegistry, type TrustFlags, trustIn } from './trust.ts'

interface SetupOptions extends TrustFlags {
  readonly client: readonly ClientName[]
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
  const access: Access = {
    registry,
    trust: await trustIn(registry, options, options.apply || options.ssh !== undefined),
    mirrors,
  }
  const names = options.client.length > 0 ? options.client : CLIENT_NAMES.filter((client) => !ONLY_WHEN_NAMED.includes(client))
  if (!options.apply && options.ssh === undefined) {
    process.stdout.write(setupScript(access, options.client.length > 0 ? names : CLIENT_NAMES))
    return
  }
  const command = options.ssh === undefined ? ['sh'] : [...options.sshCommand.split(' '), options.ssh, AS_ROOT]
  await runScript(command, setupScriptForWhatIsThere(access, names))
}

/** The prefix is the name of the registry where none is given. */
function parseMirrored(text: string): PulledThrough {
  const [, name = '', prefix] = /^([^=]+)(?:=([a-z0-9._/-]+))?$/.exec(text) ?? []
  if (name === '')
    throw new CommandError(`${text} is no registry; write it as docker.io, or with the prefix of its mirror as quay.io=quay`)
  const registry = parseRegistry(name)
  return { name: registry, prefix: prefix ?? registry }
}

async function runScript(command: readonly string[], script: string): Promise<void> {
  const shell = Bun.spawn([...command], { stdin: new Blob([script]), stdout: 'inherit', stderr: 'inherit' })
  const exitCode = await shell.exited
  if (exitCode !== 0) throw new CommandError(`${command[0]} ended with ${exitCode}; what it did before is done`)
}
