import {
  type BackgroundProgram,
  type Environment,
  environmentIn,
  type Outcome,
  run,
  runToSuccess,
  startUntil,
} from './processes.ts'
import type { TemporaryFolder } from './temporary-folder.ts'

export const MACHINE_PROGRAMS = ['unshare', 'nsenter', 'busybox', 'mount', 'cp']

const START_MS = 120_000

/** What is this machine's own: nothing that is done there is seen outside. */
const OWN_FOLDERS = ['/usr/local/share/ca-certificates', '/var/lib/boot2docker']

export interface MachineOptions {
  /** Addresses of its own; no client takes them for the loopback, which Docker trusts without TLS. */
  readonly addresses: readonly string[]
  /** Lines for /etc/hosts. */
  readonly hosts?: readonly string[]
}

/**
 * A machine within this one: a network and an /etc of its own, in which clients may be set up by their real paths. Programs run there
 * with `words` in front.
 */
export class PrivateMachine implements AsyncDisposable {
  readonly words: readonly string[]
  readonly environment: Environment
  readonly #holder: BackgroundProgram

  private constructor(holder: BackgroundProgram, environment: Environment) {
    this.#holder = holder
    this.environment = environment
    const namespaces = `/proc/${holder.pid}/ns`
    this.words = ['nsenter', `--net=${namespaces}/net`, `--mount=${namespaces}/mnt`]
  }

  static async start(folder: TemporaryFolder, { addresses, hosts = [] }: MachineOptions): Promise<PrivateMachine> {
    const etc = await folder.directory('machine/etc')
    const own = await Promise.all(OWN_FOLDERS.map(async (path) => [await folder.directory('machine/own', path), path] as const))
    const script = [
      'set -e',
      'busybox ip link set lo up',
      ...addresses.map((address) => `busybox ip addr add ${address} dev lo`),
      `cp -a /etc/. ${etc}`,
      ...hosts.map((line) => `echo '${line}' >> ${etc}/hosts`),
      `rm -rf ${etc}/docker ${etc}/containers/certs.d ${etc}/containerd`,
      `mount --bind ${etc} /etc`,
      ...own.flatMap(([source, path]) => [`mkdir -p ${path}`, `mount --bind ${source} ${path}`]),
      'echo machine is ready',
      'exec sleep 86400',
    ].join('\n')
    const environment = environmentIn(folder.join('machine/home'))
    const command = ['unshare', '--net', '--mount', '--propagation', 'private', 'sh', '-c', script]
    const { program } = await startUntil(/machine is ready/, START_MS, command, { environment })
    return new PrivateMachine(program, environment)
  }

  /** Runs a program there, which may fail. */
  async tryRun(command: readonly string[], more: Environment = {}): Promise<Outcome> {
    return await run([...this.words, ...command], { environment: { ...this.environment, ...more } })
  }

  /** Runs a program there, which must succeed; gives what it printed. */
  async run(...command: readonly string[]): Promise<string> {
    return await runToSuccess([...this.words, ...command], { environment: this.environment })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#holder.stop().catch(() => undefined)
  }
}
