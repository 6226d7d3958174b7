/** JSON of the daemon that is handed back to it as it came. */
export type Json = Readonly<Record<string, unknown>>

export interface ListedContainer {
  readonly id: string
  readonly labels: Readonly<Record<string, string>>
  /** As it was named, or its id where that name stands for another image now. */
  readonly image: string
  readonly isRunning: boolean
}

/** `ended`: has run, and does not run now. */
export type RunState = 'created' | 'running' | 'paused' | 'ended'

export interface Container {
  readonly id: string
  /** Without the slash that Docker writes before it. */
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** As it was named when the container was made. */
  readonly image: string
  readonly imageId: string
  readonly state: RunState
  /** Of its health check; undefined: it has none. */
  readonly health: 'starting' | 'healthy' | 'unhealthy' | undefined
  /** What the last health check printed. */
  readonly healthOutput: string | undefined
  readonly exitCode: number
  /** What the daemon says of a start that failed. */
  readonly problem: string | undefined
  readonly createdMs: number
  /** 0: never. */
  readonly startedMs: number
  readonly finishedMs: number
  readonly restarts: number
  readonly settings: ContainerSettings
}

/** As the daemon tells them. */
export interface ContainerSettings {
  readonly config: Json
  readonly hostConfig: Json
  /** The networks that it is in, by their names. */
  readonly networks: Readonly<Record<string, Json>>
  readonly mounts: readonly Json[]
}

export interface Image {
  readonly id: string
  /** `registry/repository@sha256:…`, where it was pulled or pushed. */
  readonly repositoryDigests: readonly string[]
  readonly config: Json
  /** As `linux/arm/v7`. */
  readonly platform: string
}

/** What a container is made of. */
export interface NewContainer {
  readonly name: string
  /** The body of the daemon's create call. */
  readonly settings: Json
  /** As `linux/arm64`; undefined: what the daemon runs on. */
  readonly platform: string | undefined
}

export interface PulledImage {
  /** `registry/repository@sha256:…`. */
  readonly reference: string
  readonly platform: string | undefined
  /** What the daemon shows the registry. */
  readonly login: Json | undefined
}

export interface CommandOutcome {
  readonly exitCode: number
  /** The first of what it printed. */
  readonly output: string
}

/**
 * A Docker daemon. 'find' is undefined where there is none of that name, everything else throws DockerError. What asks for a state that is there
 * already does nothing.
 */
export interface Docker {
  /** All, those that do not run too. */
  listContainers(): Promise<readonly ListedContainer[]>
  findContainer(name: string): Promise<Container | undefined>
  /** Its id. */
  createContainer(container: NewContainer): Promise<string>
  connectNetwork(network: string, container: string, endpoint: Json): Promise<void>
  startContainer(id: string): Promise<void>
  /** With the signal and the patience that it was made with. */
  stopContainer(id: string): Promise<void>
  renameContainer(id: string, name: string): Promise<void>
  /** Its volumes stay. */
  removeContainer(id: string): Promise<void>
  /** Runs a command of a shell in it. */
  runInContainer(id: string, command: string, timeoutMs: number): Promise<CommandOutcome>
  findImage(name: string): Promise<Image | undefined>
  pullImage(image: PulledImage): Promise<void>
  tagImage(id: string, repository: string, tag: string): Promise<void>
  /** False where a container or a name still needs it. */
  removeImage(id: string): Promise<boolean>
}
