import { readFile } from 'node:fs/promises'
import { busyboxArchive } from './busybox-archive.ts'
import {
  type BackgroundProgram,
  type Environment,
  environmentIn,
  type Outcome,
  PROGRAM_PATH,
  run,
  runToSuccess,
  startUntil,
} from './processes.ts'
import { TemporaryFolder } from './temporary-folder.ts'

export const DOCKER_PROGRAMS = ['dockerd', 'docker', 'containerd', 'ctr', 'runc']

const START_MS = 120_000

/** Where containers and the daemon find each other. */
export interface DockerOptions {
  /**
   * 'machine': the daemon reaches what the test serves, containers have no network. 'own': daemon and containers share a network
   * that nothing else is in, where every port is free and `docker run -p` works.
   */
  readonly network?: 'machine' | 'own' | BridgedNetwork
  /** What is written before the daemon and its clients, to run them somewhere else. */
  readonly inside?: readonly string[]
  /** Of its folder, where a test has several. */
  readonly name?: string
  /** The URL of a registry that the daemon asks in the place of Docker Hub. */
  readonly mirror?: string
}

/** A bridge that is there, where several daemons share a network; each publishes the ports of its containers at an address of its own. */
export interface BridgedNetwork {
  readonly bridge: string
  readonly address: string
}

function networkOf(network: NonNullable<DockerOptions['network']>) {
  if (typeof network === 'string') return NETWORKS[network]
  return {
    options: [`--bridge=${network.bridge}`, `--ip=${network.address}`, '--ip-forward=false', '--storage-driver=vfs'],
  }
}

const NETWORKS = {
  machine: { options: ['--bridge=none', '--storage-driver=vfs'] },
  own: { options: ['--ip-forward=false'] },
}

/** A process with a network of its own, which stays while a daemon in it is restarted. */
async function startNetwork(environment: Environment): Promise<BackgroundProgram> {
  const script = 'busybox ip link set lo up && echo ready && exec busybox sleep 1d'
  return (await startUntil(/ready/, START_MS, ['unshare', '--net', 'sh', '-c', script], { environment })).program
}

function enter(network: BackgroundProgram | undefined): readonly string[] {
  return network === undefined ? [] : ['nsenter', `--net=/proc/${network.pid}/ns/net`]
}

interface DaemonParts {
  readonly command: readonly string[]
  readonly network: BackgroundProgram | undefined
  readonly data: TemporaryFolder
  readonly execRoot: string
  readonly environment: Environment
}

/**
 * A Docker daemon of the test's own: sockets and its containerd in the test's folder, its images and containers in memory where that has
 * room, no firewall rules. Docker takes any registry on localhost without TLS by itself.
 */
export class DockerDaemon implements AsyncDisposable {
  #program: BackgroundProgram
  readonly #command: readonly string[]
  readonly #network: BackgroundProgram | undefined
  readonly #data: TemporaryFolder
  readonly #execRoot: string
  readonly #environment: Environment

  private constructor(program: BackgroundProgram, { command, network, data, execRoot, environment }: DaemonParts) {
    this.#program = program
    this.#command = command
    this.#network = network
    this.#data = data
    this.#execRoot = execRoot
    this.#environment = environment
  }

  static async start(
    folder: TemporaryFolder,
    { network = 'machine', inside = [], name = 'docker', mirror }: DockerOptions = {},
  ): Promise<DockerDaemon> {
    const root = await folder.directory(name)
    const execRoot = `${root}/exec`
    const host = `unix://${root}/docker.sock`
    const environment = { ...environmentIn(root), DOCKER_HOST: host, DOCKER_BUILDKIT: '0' }
    const data = new TemporaryFolder({ inMemory: true })
    const options = ['--data-root', data.path, '--exec-root', execRoot, '--pidfile', `${root}/pid`, '--host', host]
    if (mirror !== undefined) options.push('--registry-mirror', mirror)
    const own = network === 'own' ? await startNetwork(environment) : undefined
    const rules = ['--iptables=false', '--ip6tables=false', ...networkOf(network).options]
    const command = [...inside, ...enter(own), 'dockerd', ...options, ...rules]
    try {
      const { program } = await startUntil(/API listen on/, START_MS, command, { environment })
      return new DockerDaemon(program, { command, network: own, data, execRoot, environment })
    } catch (error) {
      await own?.stop()
      data[Symbol.dispose]()
      throw error
    }
  }

  /** As a package that is upgraded does: the daemon ends with its containers, and begins with those that are to run again. */
  async restart(): Promise<void> {
    await this.#program.stop()
    this.#program = (await startUntil(/API listen on/, START_MS, this.#command, { environment: this.#environment })).program
  }

  get pid(): number {
    return this.#program.pid
  }

  /** Waits for what the daemon writes into its log. */
  async waitForOutput(pattern: RegExp): Promise<void> {
    await this.#program.waitForOutput(pattern, START_MS)
  }

  /** For programs that call this daemon. */
  get environment(): Environment {
    return this.#environment
  }

  /** What to write before a program, to run it in the daemon's network. */
  get inNetwork(): readonly string[] {
    return enter(this.#network ?? this.#program)
  }

  /** The socket of the containerd that the daemon runs, for clients of containerd. */
  get containerdSocket(): string {
    return `${this.#execRoot}/containerd/containerd.sock`
  }

  /** Runs `docker …`, which must succeed; gives what it printed. */
  async docker(...words: readonly string[]): Promise<string> {
    return await runToSuccess(['docker', ...words], { environment: this.#environment })
  }

  /** Runs `docker …`, which may fail. */
  async tryDocker(...words: readonly string[]): Promise<Outcome> {
    return await run(['docker', ...words], { environment: this.#environment })
  }

  /**
   * What `docker build` does with the BuildKit that is in the daemon. Debian's client speaks to it by itself; a newer one that is found before it needs a
   * plugin.
   */
  async buildKit(...words: readonly string[]): Promise<Outcome> {
    return await run(['/usr/bin/docker', 'build', ...words], { environment: { ...this.#environment, DOCKER_BUILDKIT: '1' } })
  }

  /** The id of an image that the daemon has. */
  async imageId(name: string): Promise<string | undefined> {
    const { exitCode, stdout } = await this.tryDocker('image', 'inspect', '--format', '{{.Id}}', name)
    return exitCode === 0 ? stdout.trim() : undefined
  }

  /** Runs `ctr …` against the daemon's containerd; it must succeed. */
  async ctr(...words: readonly string[]): Promise<string> {
    return await runToSuccess(['ctr', '--address', this.containerdSocket, ...words], { environment: this.#environment })
  }

  /** Makes an image with one static program in it, a shell and its tools, without asking any registry. */
  async importBaseImage(folder: TemporaryFolder, name: string): Promise<void> {
    await this.docker('import', await busyboxArchive(folder), name)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const containerdPid = await readPid(`${this.#execRoot}/containerd/containerd.pid`)
    try {
      await this.#program.stop()
    } finally {
      await endOrphan(containerdPid, this.#execRoot)
      await unmountBelow(this.#execRoot)
      await this.#network?.stop()
      this.#data[Symbol.dispose]()
    }
  }
}

async function readPid(path: string): Promise<number | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '')
  return text === '' ? undefined : Number(text)
}

/** The network of a container with `--network host` stays mounted. */
async function unmountBelow(folder: string): Promise<void> {
  const mounts = await readFile('/proc/mounts', 'utf8')
  const left = mounts
    .split('\n')
    .flatMap((line) => line.split(' ')[1] ?? [])
    .filter((path) => path.startsWith(`${folder}/`))
  for (const path of left) await run(['umount', path], { environment: { PATH: PROGRAM_PATH } })
}

/** The daemon ends its containerd; only a daemon that had to be killed leaves it behind. */
async function endOrphan(pid: number | undefined, execRoot: string): Promise<void> {
  if (pid === undefined) return
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  if (commandLine.includes(execRoot)) process.kill(pid, 'SIGKILL')
}
