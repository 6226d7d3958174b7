import type {
  CommandOutcome,
  Container,
  Docker,
  Image,
  Json,
  ListedContainer,
  NewContainer,
  RunState,
} from '../../src/agent/docker/docker.ts'
import { DockerError } from '../../src/agent/docker/docker-error.ts'

/** How containers of one image behave. */
export type Behaviour = 'healthy' | 'unhealthy' | 'ends' | 'cannot start'

export interface FakeContainer {
  readonly id: string
  name: string
  state: RunState
  readonly image: string
  readonly imageId: string
  readonly labels: Readonly<Record<string, string>>
  readonly restart: string
  readonly hostPort: string | undefined
  readonly autoRemove: boolean
}

/** The agent was killed: the call of the daemon was done, or was not. */
export class Killed extends Error {}

/** A Docker daemon in memory, with the rules of the real one that the order of steps depends on. */
export class FakeDocker implements Docker {
  readonly containers = new Map<string, FakeContainer>()
  readonly images = new Map<string, Image>()
  readonly names = new Map<string, string>()
  readonly behaviours = new Map<string, Behaviour>()
  readonly calls: string[] = []
  readonly commands: string[] = []
  commandExitCode = 0
  /** So many calls that change something are done; the next one kills the agent. */
  killAfter = Number.POSITIVE_INFINITY
  #changes = 0
  #made = 0

  addImage(id: string, names: readonly string[], behaviour: Behaviour, digests: readonly string[] = []): void {
    this.images.set(id, { id, repositoryDigests: digests, config: {}, platform: 'linux/amd64' })
    this.behaviours.set(id, behaviour)
    for (const name of [...names, ...digests]) this.names.set(name, id)
  }

  /** A container that runs. */
  addContainer(name: string, image: string, options: Partial<FakeContainer> = {}): FakeContainer {
    const container: FakeContainer = {
      ...{ id: this.#newId(), name, state: 'running', image, imageId: this.#imageId(image), labels: {} },
      ...{ restart: 'no', hostPort: undefined, autoRemove: false },
      ...options,
    }
    this.containers.set(container.id, container)
    return container
  }

  running(): readonly FakeContainer[] {
    return [...this.containers.values()].filter(({ state }) => state === 'running')
  }

  /** What survives a restart of the daemon, by its policy. */
  restart(): void {
    for (const container of this.containers.values()) {
      const wasRunning = container.state === 'running'
      if (wasRunning) container.state = 'ended'
      const comesBack = container.restart === 'always' ? container.state === 'ended' : container.restart !== 'no' && wasRunning
      if (comesBack && this.#whyNotStarted(container) === undefined) container.state = 'running'
    }
  }

  async listContainers(): Promise<readonly ListedContainer[]> {
    return [...this.containers.values()].map(({ id, image, labels, state }) => ({
      id,
      image,
      labels,
      isRunning: state === 'running',
    }))
  }

  async findContainer(which: string): Promise<Container | undefined> {
    const found = this.containers.get(which) ?? [...this.containers.values()].find(({ name }) => name === which)
    if (found === undefined) return undefined
    const { id, name, state, image, imageId, labels, restart, hostPort, autoRemove } = found
    const behaviour = this.behaviours.get(imageId)
    const ports = hostPort === undefined ? {} : { '80/tcp': [{ HostPort: hostPort }] }
    return {
      ...{ id, name, labels, image, imageId, state, restarts: 0, problem: undefined, exitCode: state === 'ended' ? 1 : 0 },
      ...{ createdMs: 0, startedMs: 0, finishedMs: 0, healthOutput: behaviour === 'unhealthy' ? 'no answer' : undefined },
      health: state === 'running' && behaviour !== 'ends' ? (behaviour as 'healthy' | 'unhealthy') : undefined,
      settings: {
        config: { Labels: labels, Image: image },
        hostConfig: { PortBindings: ports, AutoRemove: autoRemove, RestartPolicy: { Name: restart } },
        networks: {},
        mounts: [],
      },
    }
  }

  async createContainer({ name, settings }: NewContainer): Promise<string> {
    return await this.#change(`create ${name}`, () => {
      this.#requireFree(name)
      const {
        Image: image = '',
        Labels,
        HostConfig,
      } = settings as { Image?: string; Labels: Record<string, string>; HostConfig: Json }
      const ports = Object.values((HostConfig.PortBindings ?? {}) as Record<string, { HostPort: string }[]>).flat()
      const { Name = 'no' } = (HostConfig.RestartPolicy ?? {}) as { Name?: string }
      const rest = { restart: Name, hostPort: ports[0]?.HostPort, autoRemove: HostConfig.AutoRemove === true }
      return this.addContainer(name, image, { labels: Labels, state: 'created', ...rest }).id
    })
  }

  async connectNetwork(network: string): Promise<void> {
    await this.#change(`connect ${network}`, () => undefined)
  }

  async startContainer(id: string): Promise<void> {
    await this.#change(`start ${this.#get(id).name}`, () => {
      const container = this.#get(id)
      if (container.state === 'running') return
      const why = this.#whyNotStarted(container)
      if (why !== undefined) throw new DockerError(why, { status: 500 })
      container.state = this.behaviours.get(container.imageId) === 'ends' ? 'ended' : 'running'
    })
  }

  async stopContainer(id: string): Promise<void> {
    await this.#change(`stop ${this.containers.get(id)?.name}`, () => {
      const container = this.containers.get(id)
      if (container?.state === 'running') container.state = 'ended'
      if (container?.autoRemove === true) this.containers.delete(id)
    })
  }

  async renameContainer(id: string, name: string): Promise<void> {
    await this.#change(`rename ${this.#get(id).name} ${name}`, () => {
      this.#requireFree(name)
      this.#get(id).name = name
    })
  }

  async removeContainer(id: string): Promise<void> {
    await this.#change(`remove ${this.containers.get(id)?.name}`, () => {
      if (this.containers.get(id)?.state === 'running') throw new DockerError('it runs', { status: 409 })
      this.containers.delete(id)
    })
  }

  async runInContainer(id: string, command: string): Promise<CommandOutcome> {
    this.commands.push(`${this.#get(id).name}: ${command}`)
    return { exitCode: this.commandExitCode, output: 'said' }
  }

  async findImage(name: string): Promise<Image | undefined> {
    return this.images.get(this.names.get(name) ?? name)
  }

  async pullImage({ reference }: { readonly reference: string }): Promise<void> {
    this.calls.push(`pull ${reference}`)
    throw new DockerError(`there is no ${reference}`, { status: 404 })
  }

  async tagImage(id: string, repository: string, tag: string): Promise<void> {
    await this.#change(`tag ${id} ${repository}:${tag}`, () => void this.names.set(`${repository}:${tag}`, id))
  }

  async removeImage(id: string): Promise<boolean> {
    return this.images.delete(id)
  }

  async #change<Result>(call: string, work: () => Result): Promise<Result> {
    if (this.#changes >= this.killAfter) throw new Killed(call)
    this.#changes += 1
    this.calls.push(call)
    return work()
  }

  #whyNotStarted(container: FakeContainer): string | undefined {
    if (this.behaviours.get(container.imageId) === 'cannot start') return 'exec: no such file'
    const taken = this.running().some(({ hostPort }) => hostPort !== undefined && hostPort === container.hostPort)
    return taken ? 'port is already allocated' : undefined
  }

  #requireFree(name: string): void {
    if ([...this.containers.values()].some((container) => container.name === name))
      throw new DockerError(`the name ${name} is in use`, { status: 409 })
  }

  #get(id: string): FakeContainer {
    const container = this.containers.get(id)
    if (container === undefined) throw new DockerError(`there is no container ${id}`, { status: 404 })
    return container
  }

  #imageId(image: string): string {
    return this.names.get(image) ?? image
  }

  #newId(): string {
    this.#made += 1
    return String(this.#made).padStart(64, '0')
  }
}
