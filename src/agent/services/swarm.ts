import { objectIn } from '../../images/files/parsed-json.ts'
import type { Json } from '../docker/docker.ts'
import { DockerError } from '../docker/docker-error.ts'
import type { EngineCalls } from '../docker/engine-calls.ts'
import { registryAuth } from '../docker/registry-auth.ts'

/** A service of Swarm. */
export interface Service {
  readonly id: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** As its containers name it: `registry/app:v1@sha256:…`. */
  readonly image: string
  /** What it named before its last update; empty: it had none. */
  readonly previousImage: string
  /** Of its last update, as the daemon calls it: `updating`, `paused`, `completed`, `rollback_completed`; empty: it had none. */
  readonly update: string
  readonly updateMessage: string
  readonly version: number
  readonly spec: Json
}

/** The services of a swarm, through a manager of it. */
export class Swarm {
  readonly #calls: EngineCalls

  constructor(calls: EngineCalls) {
    this.#calls = calls
  }

  /** None where this daemon is no manager of a swarm. Throws DockerError. */
  async listServices(): Promise<readonly Service[]> {
    const answer = await this.#calls.ask({ method: 'GET', path: '/services' })
    if (answer.status === 503) {
      await this.#calls.require(answer, [200]).catch(requireNoSwarm)
      return []
    }
    const services = await this.#calls.json(answer, [200])
    if (!Array.isArray(services)) throw new DockerError('The Docker daemon sends what is no list of services', { status: 200 })
    return services.map(parseService)
  }

  /** Has the service run another image. The daemon shows `login` to the registry, and hands it to the hosts of the swarm. */
  async update({ id, version, spec }: Service, image: string, login: Json | undefined): Promise<void> {
    const task = objectIn(spec.TaskTemplate)
    const containers = { ...objectIn(task.ContainerSpec), Image: image }
    const body = { ...spec, TaskTemplate: { ...task, ContainerSpec: containers } }
    await this.#post(`/services/${id}/update?version=${version}`, body, login)
  }

  /** Has the service run again what it ran before its last update. */
  async rollBack({ id, version, spec }: Service, login: Json | undefined): Promise<void> {
    await this.#post(`/services/${id}/update?version=${version}&rollback=previous`, spec, login)
  }

  async #post(path: string, body: Json, login: Json | undefined): Promise<void> {
    await this.#calls.do({ method: 'POST', path, body, headers: registryAuth(login) }, [200])
  }
}

/** The daemon answers a host without a swarm as it does one that starts. */
function requireNoSwarm(error: unknown): void {
  if (!(error instanceof DockerError) || !/not a swarm manager|not part of a swarm/i.test(error.message)) throw error
}

function parseService(value: unknown): Service {
  const { ID, Version, Spec, PreviousSpec, UpdateStatus } = objectIn(value)
  const spec = objectIn(Spec)
  const { Index } = objectIn(Version)
  const { State, Message } = objectIn(UpdateStatus)
  if (typeof ID !== 'string' || typeof Index !== 'number')
    throw new DockerError('The Docker daemon sends what is no service', { status: 200 })
  const labels = Object.entries(objectIn(spec.Labels)).flatMap(([name, label]) =>
    typeof label === 'string' ? [[name, label]] : [],
  )
  return {
    ...{ id: ID, name: text(spec.Name), labels: Object.fromEntries(labels), version: Index, spec },
    ...{
      image: imageIn(spec),
      previousImage: imageIn(objectIn(PreviousSpec)),
      update: text(State),
      updateMessage: text(Message),
    },
  }
}

function imageIn(spec: Json): string {
  return text(objectIn(objectIn(spec.TaskTemplate).ContainerSpec).Image)
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
