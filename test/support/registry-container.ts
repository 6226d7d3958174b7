import type { DockerDaemon } from './docker-daemon.ts'
import { poll, runToSuccess } from './processes.ts'

// A file system that is busy with other containers holds up each step of a start.
const LISTENING_MS = 120_000
const HEALTHY_MS = 120_000
/** Each question is a process of its own. */
const BETWEEN_QUESTIONS_MS = 200

/** A registry that runs as a container, until the test is over. */
export class RegistryContainer implements AsyncDisposable {
  readonly name: string
  readonly #daemon: DockerDaemon

  private constructor(daemon: DockerDaemon, name: string) {
    this.#daemon = daemon
    this.name = name
  }

  /** `docker run -d --name NAME WORDS`; resolves when it serves, and throws with its log when it does not. */
  static async start(daemon: DockerDaemon, name: string, ...words: readonly string[]): Promise<RegistryContainer> {
    await daemon.docker('run', '-d', '--name', name, ...words)
    const container = new RegistryContainer(daemon, name)
    await container.#reaches('it serves', LISTENING_MS, async () => {
      if (/msg="?listening/.test(await container.log())) return true
      if ((await container.state('Running')) === 'false') throw new Error('it ended')
      return undefined
    })
    return container
  }

  /** `docker exec`; it must succeed. Gives what it printed. */
  async exec(...command: readonly string[]): Promise<string> {
    return await this.#daemon.docker('exec', this.name, ...command)
  }

  /** The headers and the body of an answer, asked for from inside. */
  async get(url: string): Promise<string> {
    return await this.exec('sh', '-c', `wget -SO- ${url} 2>&1`)
  }

  async log(): Promise<string> {
    const { stdout, stderr } = await this.#daemon.tryDocker('logs', this.name)
    return stdout + stderr
  }

  /** As in `docker inspect`: `Running`, `ExitCode`, `Health.Status`. */
  async state(path: string): Promise<string> {
    return (await this.#daemon.docker('inspect', '--format', `{{.State.${path}}}`, this.name)).trim()
  }

  /** Waits for the image's own check to say so. */
  async becomesHealthy(): Promise<void> {
    await this.#reaches('it is healthy', HEALTHY_MS, async () => {
      // A busy machine may be late for its first checks.
      return (await this.state('Health.Status')) === 'healthy' || undefined
    })
  }

  /** An error shows the container's log. */
  async #reaches(what: string, timeoutMs: number, ask: () => Promise<true | undefined>): Promise<void> {
    try {
      await poll(what, timeoutMs, ask, BETWEEN_QUESTIONS_MS)
    } catch (error) {
      throw new Error(`${this.name} does not get so far that ${what}:\n${await this.log()}`, { cause: error })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await runToSuccess(['docker', 'rm', '--force', '--volumes', this.name], { environment: this.#daemon.environment })
  }
}
