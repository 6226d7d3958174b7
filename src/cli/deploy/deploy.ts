import { imageNameText, parseImageName } from '../../images/image-name.ts'
import { deployScript } from '../../recipes/deploy-script.ts'
import { setupScriptForWhatIsThere } from '../../recipes/setup-script.ts'
import { AS_ROOT, trustIn } from '../clients/trust.ts'
import { CommandError } from '../command-error.ts'
import { loginOf } from '../images/registry-options.ts'

export interface DeployFlags {
  readonly login?: string
  readonly passwordStdin: boolean
  readonly ca?: string
  readonly fingerprint?: string
  readonly insecure: boolean
  readonly replace: boolean
  readonly sshCommand: string
}

/** Prints a line for each host. Throws CommandError where one of them does not run it. */
export async function deploy(words: readonly string[], flags: DeployFlags): Promise<void> {
  const { hosts, image, options, command } = requestIn(words, process.argv)
  const { registry } = parseImageName(image)
  const script = deployScript({
    image: imageNameText(parseImageName(image)),
    registry,
    login: await loginOf(flags.login, flags.passwordStdin),
    replaces: flags.replace ? requireName(options) : undefined,
    options,
    command,
  })
  const setup = await setupFor(registry, flags)
  const results = await Promise.all(hosts.map((host) => runOn(host, { setup, script }, flags.sshCommand)))
  const failed = hosts.filter((_, place) => results[place] === false)
  if (failed.length > 0)
    throw new CommandError(`${image} does not run on ${failed.join(', ')}; what the other hosts were told is done`)
}

interface DeployRequest {
  readonly hosts: readonly string[]
  readonly image: string
  readonly options: readonly string[]
  readonly command: readonly string[]
}

/** What stands behind the first `--` is Docker's, and behind the second one the container's. Throws CommandError. */
export function requestIn(words: readonly string[], argv: readonly string[]): DeployRequest {
  const divider = argv.indexOf('--')
  const behind = divider === -1 ? [] : argv.slice(divider + 1)
  const own = words.slice(0, words.length - behind.length)
  const hosts = own.slice(0, -1)
  const image = own.at(-1)
  if (image === undefined || hosts.length === 0)
    throw new CommandError(
      'say on which hosts, and then the image: berth deploy web-1 web-2 registry.example.com:5000/team/app:v1',
    )
  const odd = hosts.find((host) => host.startsWith('-') || /\s/.test(host))
  if (odd !== undefined) throw new CommandError(`${odd} is no host; options of docker run stand behind --`)
  const second = behind.indexOf('--')
  return {
    hosts,
    image,
    options: second === -1 ? behind : behind.slice(0, second),
    command: second === -1 ? [] : behind.slice(second + 1),
  }
}

/** The name that the options give. Throws CommandError. */
function requireName(options: readonly string[]): string {
  const at = options.indexOf('--name')
  const name = at === -1 ? options.find((option) => option.startsWith('--name='))?.slice('--name='.length) : options[at + 1]
  if (name !== undefined && /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) return name
  throw new CommandError(
    '--replace removes the container of that name; give it one: berth deploy --replace web-1 IMAGE -- --name app',
  )
}

/** Undefined: the hosts know the registry. */
async function setupFor(registry: string, { ca, fingerprint, insecure }: DeployFlags): Promise<string | undefined> {
  if (ca === undefined && fingerprint === undefined && !insecure) return undefined
  const flags = {
    insecure,
    trusted: false,
    ...(ca === undefined ? {} : { ca }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
  }
  const trust = await trustIn(registry, flags, true)
  return setupScriptForWhatIsThere({ registry, trust, mirrors: [] }, ['docker'])
}

interface Scripts {
  readonly setup: string | undefined
  readonly script: string
}

async function runOn(host: string, { setup, script }: Scripts, sshCommand: string): Promise<boolean> {
  const reach = [...sshCommand.split(' '), host]
  const isReady = setup === undefined || (await runScript(host, [...reach, AS_ROOT], setup))
  return isReady && (await runScript(host, [...reach, 'sh'], script))
}

/** Its lines come with the name of the host in front. */
async function runScript(host: string, command: readonly string[], script: string): Promise<boolean> {
  const shell = Bun.spawn([...command], { stdin: new Blob([script]), stdout: 'pipe', stderr: 'pipe' })
  await Promise.all([
    relay(host, shell.stdout, (line) => process.stdout.write(line)),
    relay(host, shell.stderr, (line) => process.stderr.write(line)),
  ])
  return (await shell.exited) === 0
}

async function relay(host: string, stream: ReadableStream<Uint8Array>, write: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder()
  let open = ''
  for await (const chunk of stream) {
    const lines = (open + decoder.decode(chunk, { stream: true })).split('\n')
    open = lines.pop() ?? ''
    for (const line of lines) write(`${host}: ${line}\n`)
  }
  if (open !== '') write(`${host}: ${open}\n`)
}
