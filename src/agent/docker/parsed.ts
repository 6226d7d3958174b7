import { objectIn, textsIn } from '../../images/files/parsed-json.ts'
import type { Container, Image, Json, ListedContainer, RunState } from './docker.ts'
import { DockerError } from './docker-error.ts'

/** The daemon's list of containers. Throws DockerError for what is none. */
export function parseContainers(value: unknown): readonly ListedContainer[] {
  if (!Array.isArray(value)) throw new DockerError('The Docker daemon sends what is no list of containers', { status: 200 })
  return value.map((entry) => {
    const { Id, Image: image, Labels, State } = objectIn(entry)
    return { id: text(Id), image: text(image), labels: labelsIn(Labels), isRunning: stateIn(text(State)) === 'running' }
  })
}

/** What the daemon tells of one container. Throws DockerError where it is none. */
export function parseContainer(value: unknown): Container {
  const { Id, Name, Image, Created, State, RestartCount, Config, HostConfig, NetworkSettings, Mounts } = objectIn(value)
  const state = objectIn(State)
  const health = objectIn(state.Health)
  if (text(Id) === '' || text(Image) === '')
    throw new DockerError('The Docker daemon sends what is no container', { status: 200 })
  return {
    id: text(Id),
    name: text(Name).replace(/^\//, ''),
    labels: labelsIn(objectIn(Config).Labels),
    image: text(objectIn(Config).Image),
    imageId: text(Image),
    state: stateIn(text(state.Status)),
    health: healthIn(health.Status),
    healthOutput: lastOutput(health.Log),
    exitCode: typeof state.ExitCode === 'number' ? state.ExitCode : 0,
    problem: text(state.Error) === '' ? undefined : text(state.Error),
    createdMs: timeMs(Created),
    startedMs: timeMs(state.StartedAt),
    finishedMs: timeMs(state.FinishedAt),
    restarts: typeof RestartCount === 'number' ? RestartCount : 0,
    settings: {
      config: objectIn(Config),
      hostConfig: objectIn(HostConfig),
      networks: networksIn(objectIn(NetworkSettings).Networks),
      mounts: Array.isArray(Mounts) ? Mounts.map(objectIn) : [],
    },
  }
}

/** What the daemon tells of one image. Throws DockerError where it is none. */
export function parseImage(value: unknown): Image {
  const { Id, RepoDigests, Config, Os, Architecture, Variant } = objectIn(value)
  if (text(Id) === '') throw new DockerError('The Docker daemon sends what is no image', { status: 200 })
  const platform = [text(Os), text(Architecture), text(Variant)].filter((part) => part !== '').join('/')
  return { id: text(Id), repositoryDigests: textsIn(RepoDigests), config: objectIn(Config), platform }
}

/** Docker's names: one that dies again and again is restarting. */
function stateIn(status: string): RunState {
  if (status === 'running' || status === 'restarting') return 'running'
  return status === 'created' || status === 'paused' ? status : 'ended'
}

function healthIn(status: unknown): Container['health'] {
  return status === 'starting' || status === 'healthy' || status === 'unhealthy' ? status : undefined
}

const MOST_HEALTH_OUTPUT = 300

function lastOutput(log: unknown): string | undefined {
  const last: unknown = Array.isArray(log) ? log.at(-1) : undefined
  const output = text(objectIn(last).Output).replace(/\s+/g, ' ').trim().slice(0, MOST_HEALTH_OUTPUT)
  return output === '' ? undefined : output
}

function labelsIn(value: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(objectIn(value)).map(([name, label]) => [name, text(label)]))
}

function networksIn(value: unknown): Readonly<Record<string, Json>> {
  return Object.fromEntries(Object.entries(objectIn(value)).map(([name, endpoint]) => [name, objectIn(endpoint)]))
}

/** Docker has the year 1 for what has not happened. */
function timeMs(value: unknown): number {
  const ms = Date.parse(text(value))
  return Number.isFinite(ms) && ms > 0 ? ms : 0
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
