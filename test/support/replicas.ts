import { Balancer } from './balancer.ts'
import { type BerthOptions, type BerthProcess, startBerth } from './berth-process.ts'
import { HURRIED_BERTH } from './berth-program.ts'
import type { PostgresAddress } from './postgres-server.ts'
import { poll } from './processes.ts'
import { RegistryClient } from './registry-client.ts'
import type { S3Place } from './s3-client.ts'
import { TcpProxy } from './tcp-proxy.ts'
import { TemporaryFolder } from './temporary-folder.ts'

/** Long enough for a machine that does much else. */
const BACK_MS = 90_000

export interface ReplicasOptions extends Omit<BerthOptions, 'folder' | 'dataDirectory' | 'expectsFaults'> {
  readonly bucket: S3Place
  readonly server: PostgresAddress
  /** Left out, one that passes over a replica which cannot be connected to. */
  readonly balancer?: StartBalancer
}

/** `ports`: of the replicas that there are at the moment. */
export type StartBalancer = (ports: () => readonly number[]) => Promise<Balancing>

export interface Balancing extends AsyncDisposable {
  readonly url: string
}

export interface Replica {
  readonly berth: BerthProcess
  readonly client: RegistryClient
  readonly folder: TemporaryFolder
  /** Its way to PostgreSQL. */
  readonly link: TcpProxy
}

/** Berths on machines of their own, which are folders of their own, with one bucket and one PostgreSQL; before them a balancer. */
export class Replicas implements AsyncDisposable {
  readonly #options: Omit<BerthOptions, 'folder'>
  readonly #running: Replica[] = []
  /** A schema of their own. */
  readonly tables: Tables
  #server: PostgresAddress
  #balancer: Balancing | undefined

  private constructor(options: Omit<BerthOptions, 'folder'>, server: PostgresAddress) {
    this.#options = options
    this.#server = server
    this.tables = server.named()
  }

  static async start(count: number, { bucket, server, balancer, ...serve }: ReplicasOptions): Promise<Replicas> {
    const options = { berth: HURRIED_BERTH, ...serve, dataDirectory: bucket, expectsFaults: true }
    const replicas = new Replicas(options, server)
    const start = balancer ?? ((ports) => Balancer.start(ports))
    try {
      for (let number = 0; number < count; number += 1) await replicas.add()
      replicas.#balancer = await start(() => replicas.#running.map(({ berth }) => berth.port))
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

  /** `berth`: another program than that of the first ones. */
  async add(berth = this.#options.berth): Promise<Replica> {
    const folder = new TemporaryFolder()
    const link = await TcpProxy.start(this.#server.port)
    const moreConfig = `${this.#options.moreConfig ?? ''}${metadataSection(this.tables, link.port)}`
    const started = await startBerth({ ...this.#options, ...(berth && { berth }), folder, moreConfig })
    const replica = { berth: started, folder, link, client: new RegistryClient(started.url) }
    this.#running.push(replica)
    return replica
  }

  /** From now on another server has the address that the replicas know. */
  moveDatabase(server: PostgresAddress): void {
    this.#server = server
    for (const { link } of this.#running) link.moveTo(server.port)
  }

  /** Asks it to end, and waits. */
  async end(replica: Replica): Promise<void> {
    this.#running.splice(this.#running.indexOf(replica), 1)
    await replica.berth.program.stop()
    await discard(replica)
  }

  /** `kill -9`. */
  async kill(replica: Replica): Promise<void> {
    this.#running.splice(this.#running.indexOf(replica), 1)
    await replica.berth.kill()
    await discard(replica)
  }

  /** Resolves when each of them serves everything. */
  async allServe(): Promise<void> {
    for (const replica of this.#running) await isReady(replica, ({ away }) => away === undefined)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#balancer?.[Symbol.asyncDispose]()
    await Promise.all(this.#running.map(({ berth }) => berth.program.stop()))
    await Promise.all(this.#running.map(discard))
  }
}

interface Ready {
  readonly ready?: boolean
  /** Only pulls are served. */
  readonly away?: true
}

/** Resolves when it says that requests may come, and what else is wanted. */
export async function isReady({ client, berth }: Replica, alsoWanted: (ready: Ready) => boolean = () => true): Promise<void> {
  await poll('a replica that is ready', BACK_MS, async () => {
    const answer = await client.request('GET', '/readyz').catch(() => undefined)
    if (!berth.program.running) throw new Error(`a replica has ended: ${berth.program.output}`)
    const ready = (await answer?.json()) as Ready | undefined
    return ready?.ready === true && alsoWanted(ready) ? true : undefined
  })
}

async function discard({ link, folder }: Replica): Promise<void> {
  await link[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
}

export interface Tables {
  readonly user: string
  readonly database: string
  readonly schema: string
}

/** Of a configuration. */
export function metadataSection({ user, database, schema }: Tables, port: number, host = '127.0.0.1'): string {
  return `metadata:\n  postgres: {host: ${host}, port: ${port}, database: ${database}, user: ${user}, schema: ${schema}}\n`
}
