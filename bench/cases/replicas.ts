import { SQL } from 'bun'
import { PostgresServer, postgresPrograms } from '../../test/support/postgres-server.ts'
import { runToSuccess } from '../../test/support/processes.ts'
import { metadataSection } from '../../test/support/replicas.ts'
import type { Bench, Figure, Lab, Sample } from '../bench.ts'
import { LargeBlobs } from '../large-blobs.ts'
import { runConnections } from '../load/connections.ts'
import { runRequests } from '../load/requests.ts'
import { RegistryUnderLoad } from '../registry.ts'
import { BucketStore } from '../stores/bucket-store.ts'
import { TaggedImages } from '../stores/tagged-images.ts'
import { startClients } from './image-push.ts'

const REPOSITORY = 'bench/replicas'
const TAGS = 100
const PUTS = 300
/** Of a manifest: test/counts/round-trips.test.ts. */
const EXCHANGES = 7
const ASKED = 500
const [SECONDS, REPOSITORIES, MOST_REPLICAS] = [5, 64, 3]
/** Narrow transactions of three processes. */
const COMMITTING = 12

const FIGURES: readonly Figure[] = [
  { key: 'get-rate', title: 'manifest GET by tag, 16 connections', unit: '1/s', better: 'more', ratio: 10 },
  { key: 'put-p99', title: 'manifest PUT: p99', unit: 'ms', better: 'less' },
  { key: 'put-sqlite-p99', title: 'manifest PUT with SQLite: p99', unit: 'ms', better: 'less' },
  { key: 'put-times', title: 'manifest PUT: p99 by that of SQLite and 7 exchanges', unit: '×', better: 'less', limit: 1.5 },
  ...[1, 2, 3].map((count): Figure => {
    return {
      key: `push-${count}`,
      title: `images to ${REPOSITORIES} repositories, ${count} replicas`,
      unit: '1/s',
      better: 'more',
    }
  }),
  { key: 'ceiling', title: `commits of one row, ${COMMITTING} connections (pgbench)`, unit: '1/s', better: 'more' },
  { key: 'pull-cpu', title: 'pull: CPU', unit: 's/GB', better: 'less' },
  { key: 'pull-sqlite-cpu', title: 'pull with SQLite: CPU', unit: 's/GB', better: 'less' },
]

/** A cluster over one bucket and one PostgreSQL that syncs its commits, beside docker-registry on the same store, and beside one Berth with SQLite. */
export function replicas(blobBytes: number): Bench {
  let cluster: Cluster | undefined
  let causes: readonly string[] = []
  return {
    name: 'replicas',
    title: 'Replicas of one process each, with PostgreSQL, over a bucket of one store',
    takesLong: true,
    contestants: ['peer', 'berth-1'],
    figures: FIGURES,
    storage: async (lab, contestant) => {
      cluster ??= await Cluster.start(lab)
      return await cluster.store.newBucket(contestant)
    },
    sections: async (_, contestant) => (contestant === 'peer' || cluster === undefined ? '' : cluster.section),
    end: async () => await cluster?.stop(),
    prepare: async (registry) => {
      await new TaggedImages(registry.url, REPOSITORY).push(TAGS)
      if (registry.contestant !== 'peer') await cluster?.grow(registry)
    },
    sample: async (registry, lab) => {
      const pulled = { 'get-rate': await manifestRate(registry) }
      if (registry.contestant === 'peer' || cluster === undefined) return pulled
      const sample = {
        ...pulled,
        ...(await putTimes(cluster)),
        // Before the pushes, which the one with SQLite has not: the layers that they bring are read in the background, and would count as pulls.
        ...(await pulls(cluster, lab, blobBytes)),
        ...(await pushRates(cluster, lab)),
      }
      causes = await cluster.costliest()
      return sample
    },
    causes: ({ contestant }) => (contestant === 'peer' ? [] : causes),
  }
}

/** What stands beside the first replica. */
class Cluster {
  readonly store: BucketStore
  readonly section: string
  readonly #lab: Lab
  readonly #server: PostgresServer
  readonly #sql: SQL
  readonly replicas: RegistryUnderLoad[] = []
  #sqlite: RegistryUnderLoad | undefined

  private constructor(lab: Lab, store: BucketStore, server: PostgresServer) {
    this.#lab = lab
    this.store = store
    this.#server = server
    const { user, database, schema } = server.named()
    this.section = metadataSection({ user, database, schema }, server.port)
    this.#sql = new SQL({
      adapter: 'postgres',
      hostname: '127.0.0.1',
      port: server.port,
      username: user,
      database,
      tls: false,
      max: 1,
    })
  }

  static async start(lab: Lab): Promise<Cluster> {
    const [store, server] = [await BucketStore.start(lab.folder), await PostgresServer.start({ syncs: true })]
    await server.ask('CREATE EXTENSION IF NOT EXISTS pg_stat_statements')
    await server.ask('CREATE TABLE one_row (id bigint NOT NULL)')
    return new Cluster(lab, store, server)
  }

  get sqlite(): RegistryUnderLoad {
    if (this.#sqlite === undefined) throw new Error('the cluster has not been grown')
    return this.#sqlite
  }

  get first(): RegistryUnderLoad {
    const [first] = this.replicas
    if (first === undefined) throw new Error('the cluster has not been grown')
    return first
  }

  /** The other replicas, and one with SQLite on a bucket of its own. */
  async grow(first: RegistryUnderLoad): Promise<void> {
    const { folder } = this.#lab
    this.replicas.push(first)
    const storage = await this.store.newBucket(first.contestant)
    for (let number = 2; number <= MOST_REPLICAS; number += 1)
      this.replicas.push(await begun({ folder: `${folder}/replica-${number}`, storage, sections: this.section }))
    this.#sqlite = await begun({ folder: `${folder}/sqlite`, storage: await this.store.newBucket('sqlite') })
    await new TaggedImages(this.#sqlite.url, REPOSITORY).push(TAGS)
  }

  /** How long the server takes for nothing, in the middle, in milliseconds. */
  async exchangeMs(): Promise<number> {
    const times: number[] = []
    for (let time = 0; time < ASKED; time += 1) {
      const begunAt = performance.now()
      await this.#sql`SELECT 1`
      times.push(performance.now() - begunAt)
    }
    return times.sort((one, other) => one - other)[Math.floor(ASKED / 2)] ?? 0
  }

  /** Commits of one row a second. */
  async ceiling(): Promise<number> {
    const script = `${this.#lab.folder}/one-row.sql`
    await Bun.write(script, '\\set id random(1, 1000000000)\nINSERT INTO one_row VALUES (:id);\n')
    const { user, database } = this.#server.named()
    const to = ['--host=127.0.0.1', `--port=${this.#server.port}`, `--username=${user}`, database]
    const work = ['--no-vacuum', `--file=${script}`, `--client=${COMMITTING}`, '--protocol=prepared', `--time=${SECONDS}`]
    const output = await runToSuccess([`${postgresPrograms()}/pgbench`, ...work, ...to], {
      environment: { PATH: process.env.PATH ?? '', HOME: this.#lab.folder },
    })
    return Number(/tps = ([\d.]+)/.exec(output)?.[1] ?? 0)
  }

  /** The statements that took the server longest. */
  async costliest(): Promise<readonly string[]> {
    const rows = await this.#server.ask<{ line: string }>(
      `SELECT calls || ' × ' || round(mean_exec_time::numeric, 3) || ' ms: ' || left(regexp_replace(query, '\\s+', ' ', 'g'), 90) AS line
       FROM pg_stat_statements ORDER BY total_exec_time DESC LIMIT 12`,
    )
    return rows.map(({ line }) => line)
  }

  async stop(): Promise<void> {
    for (const registry of [...this.replicas.slice(1), ...(this.#sqlite === undefined ? [] : [this.#sqlite])])
      await registry.stop()
    await this.#sql.close()
    await this.#server[Symbol.asyncDispose]()
    await this.store.stop()
  }
}

async function begun(options: { readonly folder: string; readonly storage: string; readonly sections?: string }) {
  const registry = new RegistryUnderLoad({ contestant: 'berth-1', ...options })
  await registry.start()
  await registry.scanned()
  return registry
}

async function manifestRate(registry: RegistryUnderLoad): Promise<number> {
  const images = new TaggedImages(registry.url, REPOSITORY)
  const targets = Array.from({ length: TAGS }, (_, number) => images.target(number))
  const options = { url: registry.url, method: 'GET', targets, connections: 16, headers: { Accept: images.mediaType } } as const
  await runRequests({ ...options, seconds: 2 })
  return (await runRequests({ ...options, seconds: SECONDS })).requestsPerSecond
}

/** One after the other, in turns. */
async function putTimes(cluster: Cluster): Promise<Sample> {
  const registries = { 'put-p99': cluster.first, 'put-sqlite-p99': cluster.sqlite } as const
  const times = { 'put-p99': [] as number[], 'put-sqlite-p99': [] as number[] }
  for (let number = 0; number < PUTS; number += 1)
    for (const key of ['put-p99', 'put-sqlite-p99'] as const) {
      const images = new TaggedImages(registries[key].url, REPOSITORY)
      const begunAt = performance.now()
      await images.put(`${crypto.randomUUID()}`, number)
      times[key].push(performance.now() - begunAt)
    }
  const [postgres, sqlite] = [p99(times['put-p99']), p99(times['put-sqlite-p99'])]
  const allowed = sqlite + EXCHANGES * (await cluster.exchangeMs())
  return { 'put-p99': postgres, 'put-sqlite-p99': sqlite, 'put-times': postgres / allowed }
}

function p99(times: readonly number[]): number {
  return times.toSorted((one, other) => one - other)[Math.floor(times.length * 0.99)] ?? 0
}

/** Each client has a repository of its own. */
async function pushRates(cluster: Cluster, lab: Lab): Promise<Sample> {
  const sample: Record<string, number> = {}
  for (let count = 1; count <= MOST_REPLICAS; count += 1) {
    const share = Math.ceil(REPOSITORIES / count)
    const clients = await Promise.all(
      cluster.replicas.slice(0, count).map(({ url }, number) => {
        const firstRepository = number * share
        const own = { clients: Math.min(share, REPOSITORIES - firstRepository), firstRepository }
        return startClients({ url, ...own, layers: 1, layerBytes: 1024, seconds: SECONDS, images: 3000, run: lab.unique() })
      }),
    )
    const reports = await Promise.all(clients.map((client) => client.run()))
    const seconds = Math.max(...reports.map((report) => report.seconds))
    sample[`push-${count}`] = reports.reduce((sum, { images }) => sum + images, 0) / seconds
  }
  return { ...sample, ceiling: await cluster.ceiling() }
}

async function pulls(cluster: Cluster, lab: Lab, blobBytes: number): Promise<Sample> {
  const blob = (await LargeBlobs.make(lab.folder, blobBytes)).next()
  const sample: Record<string, number> = {}
  for (const [key, registry] of [
    ['pull-cpu', cluster.first],
    ['pull-sqlite-cpu', cluster.sqlite],
  ] as const) {
    const { port } = registry
    await runConnections([{ kind: 'upload', port, repository: REPOSITORY, inOnePut: true, blobs: [blob] }], lab.folder)
    const before = registry.cpuSeconds()
    const path = `/v2/${REPOSITORY}/blobs/${blob.digest}`
    await runConnections([{ kind: 'download', port, path, times: 4 }], lab.folder)
    sample[key] = (registry.cpuSeconds() - before) / ((4 * blob.size) / 1e9)
  }
  return sample
}
