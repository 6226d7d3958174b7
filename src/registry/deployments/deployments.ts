import {
  countDeploymentHosts,
  type DeploymentHostRow,
  type DeploymentPlace,
  type DeploymentRow,
  deleteDeploymentHost,
  findDeploymentHost,
  listDeploymentHosts,
  listDeployments,
  listDeploymentsOf,
  listDeploymentsOn,
  putDeployments,
  sawDeploymentHost,
} from '../../metadata/deployments/deployments.ts'
import type { Metadata, Query } from '../../metadata/query.ts'
import { readProperty, writeProperty } from '../../metadata/scans.ts'
import type { Digest } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Tag } from '../../oci/reference.ts'
import { type StorageDriver, type StoragePath, storagePath } from '../../storage/driver.ts'
import { berthLayout } from '../../storage/layout.ts'
import { FileTooLargeError } from '../../storage/storage-errors.ts'
import { bytesOfDeployments, findDeployments, HOST } from './deployment-record.ts'

export const MOST_HOSTS = 10_000
export const MOST_CONTAINERS = 2_000
const MOST_BYTES = 8 * 1024 * 1024
const AT_ONCE = 200
/** When a host was seen whose record cannot be read. */
const UNREADABLE = 0

export interface DeploymentsOptions {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly epoch: number
  /** By the wall clock. */
  readonly now?: () => number
}

/** A container, as an agent reports it: parsed, and within the bounds of the API. */
export interface ReportedContainer {
  readonly container: string
  readonly repository: RepositoryName
  readonly tag?: Tag | undefined
  /** Of the image, or of the image index that it comes from. */
  readonly digest: Digest
  readonly state: string
  readonly sinceMs?: number | undefined
  /** What is to run in its place. */
  readonly wanted?: Digest | undefined
  /** One sentence: why that does not run. */
  readonly problem?: string | undefined
}

export interface DeploymentReport {
  readonly host: string
  /** The account that sent it; undefined for an anonymous caller. */
  readonly reportedBy: string | undefined
  /** All that the host has of this registry. */
  readonly containers: readonly ReportedContainer[]
}

/**
 * What runs on which host, as agents report it. The storage has the last report of each host that said something new, so that a host which is away
 * while the database is lost still counts; only when a host was seen last is in the database alone. Nothing forgets a host but an operator.
 */
export class Deployments {
  readonly #storage: StorageDriver
  readonly #metadata: Metadata
  readonly #epoch: number
  readonly #now: () => number
  #reading: Promise<void> | undefined

  constructor({ storage, metadata, epoch, now = Date.now }: DeploymentsOptions) {
    this.#storage = storage
    this.#metadata = metadata
    this.#epoch = epoch
    this.#now = now
  }

  /** In place of the host's report before. Durable when it resolves; may be repeated. Throws DENIED for a host of another account, and where there are too many. */
  async report({ host, reportedBy, containers }: DeploymentReport): Promise<void> {
    if (!HOST.test(host)) throw new RangeError(`${host} is no name of a host`)
    if (containers.length > MOST_CONTAINERS) throw new RangeError(`${host} has more than ${MOST_CONTAINERS} containers`)
    await this.known()
    const { read } = this.#metadata
    const seen = { host, seenMs: this.#now(), reportedBy: reportedBy ?? null }
    await requireOwn(read, seen)
    const rows = rowsOf(host, containers)
    if (!(await this.#isRecorded(seen, rows))) await this.#record(seen, rows)
    await this.#metadata.write(async (query) => {
      await requireOwn(query, seen)
      if (Bun.deepEquals(await listDeploymentsOn(query, host), rows)) await sawDeploymentHost(query, seen)
      else await putDeployments(query, seen, rows)
    })
  }

  /** A slice of what runs, by host and container; of one repository where it is given. */
  async list(
    after: DeploymentPlace,
    { limit, repository }: { readonly limit: number; readonly repository?: RepositoryName | undefined },
  ): Promise<readonly DeploymentRow[]> {
    await this.known()
    const { read } = this.#metadata
    return repository === undefined
      ? await listDeployments(read, after, limit)
      : await listDeploymentsOf(read, repository, after, limit)
  }

  /** A slice of the hosts, by name, also of those on which nothing runs. */
  async hosts(after: string, limit: number): Promise<readonly DeploymentHostRow[]> {
    await this.known()
    return await listDeploymentHosts(this.#metadata.read, after, limit)
  }

  async host(host: string): Promise<DeploymentHostRow | undefined> {
    await this.known()
    return await findDeploymentHost(this.#metadata.read, host)
  }

  /** It is gone for good: what ran there keeps nothing any more. False where it was not known. May be repeated. */
  async forget(host: string): Promise<boolean> {
    await this.known()
    const wasKnown = (await findDeploymentHost(this.#metadata.read, host)) !== undefined
    if (HOST.test(host)) await this.#storage.remove(pathOf(host))
    await this.#metadata.write((query) => deleteDeploymentHost(query, host))
    return wasKnown
  }

  /** Resolves when all hosts of the storage are known: their records are read once in each epoch, when it is first asked for them. */
  async known(): Promise<void> {
    if (Number(await readProperty(this.#metadata.read, 'deployments-epoch')) === this.#epoch) return
    this.#reading ??= this.#readAll().finally(() => (this.#reading = undefined))
    await this.#reading
  }

  async #readAll(): Promise<void> {
    const names = (await this.#storage.list(berthLayout.deployments)).filter((name) => HOST.test(name))
    const atOnce = Math.max(8, this.#storage.capabilities.questionsAtOnce)
    for (let start = 0; start < names.length; start += atOnce)
      await Promise.all(names.slice(start, start + atOnce).map((host) => this.#readHost(host)))
    const there = new Set(names)
    for (let last: string | undefined = ''; last !== undefined; ) {
      const rows = await listDeploymentHosts(this.#metadata.read, last, AT_ONCE)
      for (const row of rows) if (!there.has(row.host)) await this.#forgetGone(row)
      last = rows.length < AT_ONCE ? undefined : rows.at(-1)?.host
    }
    await this.#metadata.write((query) => writeProperty(query, 'deployments-epoch', String(this.#epoch)))
  }

  /** A row of a later report stays. Of a record that cannot be read it is only known that there is a host. */
  async #readHost(host: string): Promise<void> {
    const record = await this.#recordOf(host)
    if (record === 'absent') return
    const { rows = [], ...seen } = record ?? { host, seenMs: UNREADABLE, reportedBy: null }
    await this.#metadata.write(async (query) => {
      const row = await findDeploymentHost(query, host)
      if (row === undefined || row.seenMs < seen.seenMs) await putDeployments(query, seen, rows)
    })
  }

  /** The row says what its record says: where that is there, it need not be written anew. */
  async #isRecorded({ host, reportedBy }: DeploymentHostRow, rows: readonly DeploymentRow[]): Promise<boolean> {
    const { read } = this.#metadata
    const row = await findDeploymentHost(read, host)
    if (row === undefined || row.seenMs === UNREADABLE || row.reportedBy !== reportedBy) return false
    if (!Bun.deepEquals(await listDeploymentsOn(read, host), rows)) return false
    return (await this.#storage.stat(pathOf(host))) !== undefined
  }

  async #recordOf(host: string) {
    try {
      const bytes = await this.#storage.readSmall(pathOf(host), MOST_BYTES)
      return bytes === undefined ? 'absent' : findDeployments(host, bytes)
    } catch (error) {
      if (error instanceof FileTooLargeError) return undefined
      throw error
    }
  }

  /** A report writes its record before its row: a row without a record is of a host that was forgotten. A list of a bucket may lack what is there. */
  async #forgetGone({ host, seenMs }: DeploymentHostRow): Promise<void> {
    if ((await this.#storage.stat(pathOf(host))) !== undefined) return
    await this.#metadata.write(async (query) => {
      // A report that came since has written a record.
      if ((await findDeploymentHost(query, host))?.seenMs === seenMs) await deleteDeploymentHost(query, host)
    })
  }

  async #record(seen: DeploymentHostRow, rows: readonly DeploymentRow[]): Promise<void> {
    const bytes = bytesOfDeployments({ ...seen, rows })
    await this.#storage.place([{ directory: berthLayout.deployments, files: [{ name: seen.host, bytes, secret: true }] }])
  }
}

async function requireOwn(query: Query, { host, reportedBy }: DeploymentHostRow): Promise<void> {
  const row = await findDeploymentHost(query, host)
  if (row === undefined) {
    if ((await countDeploymentHosts(query)) < MOST_HOSTS) return
    throw new RegistryError('DENIED', {
      message: `There are ${MOST_HOSTS} hosts already; forget those that are gone with berth deployments forget.`,
      detail: { host },
    })
  }
  // The record of a host that could not be read does not tell whose it is.
  if (row.reportedBy === reportedBy || row.seenMs === UNREADABLE) return
  throw new RegistryError('DENIED', {
    message: `Another account reports of ${host}; choose another name, or forget the host with berth deployments forget ${host}.`,
    detail: { host },
  })
}

/** As the table has them, by container; of two with one name the last counts. */
function rowsOf(host: string, containers: readonly ReportedContainer[]): readonly DeploymentRow[] {
  const byName = new Map(
    containers.map(({ container, repository, digest, state, ...rest }): readonly [string, DeploymentRow] => {
      const { tag = null, sinceMs = null, wanted = null, problem = null } = rest
      return [container, { host, container, repository, tag, digest, state, sinceMs, wanted, problem }]
    }),
  )
  return [...byName.values()].sort((one, other) => (one.container < other.container ? -1 : 1))
}

function pathOf(host: string): StoragePath {
  return storagePath(berthLayout.deployments, host)
}
