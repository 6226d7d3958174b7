import type { DockerDaemon } from './docker-daemon.ts'
import { poll, runToSuccess } from './processes.ts'

const LISTENING_MS = 30_000
const HEALTHY_MS = 30_000

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
    await poll(`${name} serves`, LISTENING_MS, async () => {
      if (/msg="?listening/.test(await container.log())) return true
      if ((await container.state('Running')) === 'false') throw new Error(`${name} ended:\n${await container.log()}`)
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
    await poll(`${this.name} is healthy`, HEALTHY_MS, async () => {
      const status = await this.state('Health.Status')
      if (status === 'unhealthy') throw new Error(await this.state('Health.Log'))
      return status === 'healthy' || undefined
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await runToSuccess(['docker', 'rm', '--force', '--volumes', this.name], { environment: this.#daemon.environment })
  }
}
