import { startBerth } from './berth-process.ts'
import { FAST_BERTH } from './berth-program.ts'
import { ALL_MANIFEST_TYPES } from './images.ts'
import { type Environment, environmentIn, type Outcome, type RunOptions, run } from './processes.ts'
import type { RegistryProcess } from './registry-process.ts'
import { TemporaryFolder } from './temporary-folder.ts'

/** A registry, and a user of `berth image` with a home of the test's own. */
export class ImageLab implements AsyncDisposable {
  readonly folder: TemporaryFolder
  readonly registry: RegistryProcess
  readonly environment: Environment
  readonly #resources: AsyncDisposableStack

  private constructor(resources: AsyncDisposableStack, folder: TemporaryFolder, registry: RegistryProcess) {
    this.#resources = resources
    this.folder = folder
    this.registry = registry
    this.environment = environmentIn(folder.join('user'))
  }

  static async start(): Promise<ImageLab> {
    await using resources = new AsyncDisposableStack()
    const folder = resources.use(new TemporaryFolder())
    const registry = resources.use(await startBerth({ folder }))
    return new ImageLab(resources.move(), folder, registry)
  }

  /** A name in the registry. */
  name(rest: string): string {
    return `${this.registry.address}/${rest}`
  }

  /** `berth image …`, which must succeed; gives what it printed. */
  async berth(...words: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.tryBerth(words)
    if (exitCode !== 0) throw new Error(`berth image ${words.join(' ')} ended with ${exitCode}\n${stdout}\n${stderr}`)
    return stdout
  }

  async tryBerth(words: readonly string[], options: Partial<RunOptions> = {}): Promise<Outcome> {
    return await run([...FAST_BERTH, 'image', ...words], { environment: this.environment, ...options })
  }

  /** What a tag of the registry points to; undefined: there is no such tag. */
  async digestOf(repository: string, tag: string): Promise<string | undefined> {
    const answer = await this.#ask(repository, `manifests/${tag}`, 'HEAD')
    if (answer.status === 404) return undefined
    return answer.headers.get('docker-content-digest') ?? undefined
  }

  /** A manifest, or a config, as JSON. */
  async json(repository: string, path: string): Promise<ReturnType<typeof JSON.parse>> {
    const answer = await this.#ask(repository, path, 'GET')
    if (answer.status !== 200) throw new Error(`${repository}/${path} is answered with ${answer.status}`)
    return await answer.json()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync()
  }

  async #ask(repository: string, path: string, method: string): Promise<Response> {
    return await fetch(`${this.registry.url}/v2/${repository}/${path}`, { method, headers: { accept: ALL_MANIFEST_TYPES } })
  }
}
