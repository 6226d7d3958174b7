import { Balancer } from './balancer.ts'
import { type BerthOptions, type BerthProcess, startBerth } from './berth-process.ts'
import { HURRIED_BERTH } from './berth-program.ts'
import type { PostgresServer } from './postgres-server.ts'
import { poll } from './processes.ts'
import { RegistryClient } from './registry-client.ts'
import type { S3Place } from './s3-client.ts'
import { TemporaryFolder } from './temporary-folder.ts'

/** Long enough for a machine that does much else. */
const BACK_MS = 90_000

export interface ReplicasOptions extends Omit<BerthOptions, 'folder' | 'dataDirectory' | 'expectsFaults'> {
  readonly bucket: S3Place
  readonly server: PostgresServer
}

export interface Replica {
  readonly berth: BerthProcess
  readonly client: RegistryClient
  readonly folder: TemporaryFolder
}

/** Berths on machines of their own, which are folders of their own, with one bucket and one PostgreSQL; before them a balancer. */
export class Replicas implements AsyncDisposable {
  readonly #options: Omit<BerthOptions, 'folder'>
  readonly #running: Replica[] = []
  #balancer: Balancer | undefined

  private constructor(options: Omit<BerthOptions, 'folder'>) {
    this.#options = options
  }

  static async start(count: number, { bucket, server, ...serve }: ReplicasOptions): Promise<Replicas> {
    const moreConfig = `${serve.moreConfig ?? ''}${metadataSection(server)}`
    const replicas = new Replicas({ berth: HURRIED_BERTH, ...serve, dataDirectory: bucket, moreConfig, expectsFaults: true })
    try {
      for (let number = 0; number < count; number += 1) await replicas.add()
      replicas.#balancer = await Balancer.start(() => replicas.#running.map(({ berth }) => berth.port))
      return replicas
    } catch (error) {
      await replicas[Symbol.asyncDispose]()
      throw error
    }
  }

  get all(): readonly Replica[] {
    return this.#running
  }

  /** Each request goes to the next replica. */
  get url(): string {
    return this.#balancer?.url ?? ''
  }

  /** The port of that. */
  get port(): number {
    return Number(new URL(this.url).port)
  }

  get client(): RegistryClient {
    return new RegistryClient(this.url)
  }

  async add(): Promise<Replica> {
    const folder = new TemporaryFolder()
    const berth = await startBerth({ ...this.#options, folder })
    const replica = { berth, folder, client: new RegistryClient(berth.url) }
    this.#running.push(replica)
    return replica
  }

  /** `kill -9`. */
  async kill(replica: Replica): Promise<void> {
    this.#running.splice(this.#running.indexOf(replica), 1)
    await replica.berth.kill()
    replica.folder[Symbol.dispose]()
  }

  /** Resolves when each of them serves everything. */
  async allServe(): Promise<void> {
    for (const { client, berth } of this.#running)
      await poll('a replica that serves everything', BACK_MS, async () => {
        const answer = await client.request('GET', '/readyz').catch(() => undefined)
        if (!berth.program.running) throw new Error(`a replica has ended: ${berth.program.output}`)
        const ready = (await answer?.json()) as { ready?: boolean; away?: true } | undefined
        return ready?.ready === true && ready.away === undefined ? true : undefined
      })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#balancer?.[Symbol.asyncDispose]()
    await Promise.all(this.#running.map(({ berth }) => berth.program.stop()))
    for (const { folder } of this.#running) folder[Symbol.dispose]()
  }
}

/** Of a configuration: a schema of its own on a server, by its socket. */
export function metadataSection(server: PostgresServer): string {
  const { socket, user, database, schema } = server.named()
  return `metadata:\n  postgres: {host: ${socket}, port: ${server.port}, user: ${user}, database: ${database}, schema: ${schema}}\n`
}
