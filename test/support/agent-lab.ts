import { chmod } from 'node:fs/promises'
import { type BerthProcess, startBerth } from './berth-process.ts'
import { FAST_BERTH } from './berth-program.ts'
import { DockerDaemon } from './docker-daemon.ts'
import { BackgroundProgram, type Environment, environmentIn, type Outcome, PROGRAM_PATH, run, runToSuccess } from './processes.ts'
import { TemporaryFolder } from './temporary-folder.ts'

const TEST_MS = 120_000

/** What `docker inspect` tells. */
export type Inspected = ReturnType<typeof JSON.parse>

/** A Docker host with networks, and a registry that it pulls from, in a network of their own. */
export class AgentLab implements AsyncDisposable {
  readonly folder: TemporaryFolder
  readonly daemon: DockerDaemon
  readonly registry: BerthProcess
  readonly environment: Environment
  readonly #resources: AsyncDisposableStack

  private constructor(resources: AsyncDisposableStack, parts: Pick<AgentLab, 'folder' | 'daemon' | 'registry'>) {
    this.#resources = resources
    this.folder = parts.folder
    this.daemon = parts.daemon
    this.registry = parts.registry
    this.environment = environmentIn(parts.folder.join('user'))
  }

  static async start(): Promise<AgentLab> {
    await using resources = new AsyncDisposableStack()
    const folder = resources.use(new TemporaryFolder())
    const daemon = resources.use(await DockerDaemon.start(folder, { network: 'own' }))
    const registry = resources.use(await startBerth({ folder, before: daemon.inNetwork }))
    const lab = new AgentLab(resources.move(), { folder, daemon, registry })
    const busybox = Bun.which('busybox', { PATH: PROGRAM_PATH }) ?? ''
    await lab.berth(
      'image',
      'create',
      lab.name('base:v1'),
      '--add',
      `${busybox}:/bin/busybox`,
      '--add',
      `${busybox}:/bin/sh::755`,
    )
    return lab
  }

  /** A name in the registry. */
  name(rest: string): string {
    return `${this.registry.address}/${rest}`
  }

  get socket(): string {
    return this.daemon.environment.DOCKER_HOST?.replace('unix://', '') ?? ''
  }

  /** Pushes an image that serves a text on port 8080, or ends at once where the text is `ends`. */
  async push(name: string, text: string, ...words: readonly string[]): Promise<void> {
    const script =
      text === 'ends'
        ? 'exit 7'
        : `busybox mkdir -p /tmp/www; echo "${text}" > /tmp/www/index.html; exec busybox httpd -f -p 8080 -h /tmp/www`
    const file = await this.folder.file(`images/${crypto.randomUUID()}`, `#!/bin/sh\n${script}\n`)
    await chmod(file, 0o755)
    const settings = ['--env', 'PATH=/bin', '--entrypoint', '/bin/serve']
    await this.berth(
      'image',
      'create',
      this.name(name),
      '--base',
      this.name('base:v1'),
      '--add',
      `${file}:/bin/serve`,
      ...settings,
      ...words,
    )
  }

  /** `berth …` beside the daemon, which must succeed; gives what it printed. */
  async berth(...words: readonly string[]): Promise<string> {
    return await runToSuccess(this.#command(words), { environment: this.environment, timeoutMs: TEST_MS })
  }

  /** `berth agent` of this registry, which may end with 1. */
  async agent(...words: readonly string[]): Promise<Outcome> {
    return await run(this.#command(this.#agentWords(words)), { environment: this.environment, timeoutMs: TEST_MS })
  }

  /** The same beside the test. */
  startAgent(...words: readonly string[]): BackgroundProgram {
    return new BackgroundProgram(this.#command(this.#agentWords(words)), { environment: this.environment })
  }

  async inspect(container: string): Promise<Inspected> {
    return JSON.parse(await this.daemon.docker('inspect', container))[0]
  }

  /** What the registry was told of this host, as JSON. */
  async deployments(): Promise<string> {
    const command = [
      ...this.daemon.inNetwork,
      'busybox',
      'wget',
      '-q',
      '-O-',
      `http://${this.registry.address}/api/v1/deployments`,
    ]
    return await runToSuccess(command, { environment: this.environment, timeoutMs: TEST_MS })
  }

  /** Names and states of all containers. */
  async containers(): Promise<readonly string[]> {
    const lines = await this.daemon.docker('ps', '--all', '--format', '{{.Names}} {{.State}}')
    return lines
      .split('\n')
      .filter((line) => line !== '')
      .sort()
  }

  /** What a container answers on port 8080 of its own. */
  async answer(container: string): Promise<string> {
    return (await this.daemon.docker('exec', container, 'busybox', 'wget', '-q', '-O-', 'http://127.0.0.1:8080/')).trim()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = await this.daemon.docker('ps', '--all', '--quiet').catch(() => '')
    const ids = all.split('\n').filter((id) => id !== '')
    if (ids.length > 0) await this.daemon.tryDocker('rm', '--force', ...ids)
    await this.#resources.disposeAsync()
  }

  #agentWords(words: readonly string[]): readonly string[] {
    return ['agent', this.registry.address, ...(words.includes('--docker') ? [] : ['--docker', this.socket]), ...words]
  }

  #command(words: readonly string[]): readonly string[] {
    return [...this.daemon.inNetwork, ...FAST_BERTH, ...words]
  }
}
