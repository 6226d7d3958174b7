import {
  type BegunFetch,
  beginFetch,
  deleteFetchesOf,
  endFetch,
  type FetchName,
  type FetchRow,
  findFetch,
  listFetchingProcesses,
  setFetchFile,
} from '../../metadata/mirroring/fetches.ts'
import type { Liveness } from '../../metadata/processes.ts'
import { type Metadata, MetadataNotWritableError, type Query } from '../../metadata/query.ts'
import type { Log } from '../../observe/log.ts'
import type { UploadState } from '../../storage/driver.ts'

export interface FetchRowsOptions {
  readonly metadata: Metadata
  readonly liveness: Liveness
  readonly processId: string
  readonly epoch: number
  /** The prefix of the mirror, or ''. */
  readonly mirror: string
  readonly log: Log
}

/** Into which file the bytes of a fetch come. */
export interface ToldFile {
  readonly file: UploadState
  /** The same for a process that goes on with the bytes of another one: they are right or wrong together. */
  readonly bytesId: string
  /** As the upstream declared it. */
  readonly size: number | undefined
}

/** What is written down of fetches, so that of all processes of a storage one brings a blob. */
export class FetchRows {
  readonly #options: FetchRowsOptions

  constructor(options: FetchRowsOptions) {
    this.#options = options
  }

  /** This process brings it from now on: gives what one that died before its end has left. Undefined: another living process brings it. */
  async begin(fetch: FetchName): Promise<{ readonly left: ToldFile | undefined } | undefined> {
    const { metadata, liveness, processId, epoch, mirror } = this.#options
    const found = await findFetch(metadata.read, fetch)
    const isFree = found === undefined || found.process === processId || !(await liveness.isAlive(found.process))
    if (!isFree) return undefined
    const begun: BegunFetch = { ...fetch, process: processId, epoch, mirror }
    if ((await this.#write((query) => beginFetch(query, begun, found?.process))) === false) return undefined
    // In a new epoch nothing tells whether the machine has lost bytes since.
    const isLeft = found !== undefined && found.process !== processId && found.epoch === epoch
    return { left: isLeft ? toldFile(found) : undefined }
  }

  /** Undefined: no process brings it. One may have died since it wrote this. */
  async find(fetch: FetchName): Promise<FetchRow | undefined> {
    return await findFetch(this.#options.metadata.read, fetch)
  }

  async isAlive({ process }: FetchRow): Promise<boolean> {
    return await this.#options.liveness.isAlive(process)
  }

  /** Where its bytes come from now on. */
  async tell(fetch: FetchName, { file, bytesId, size }: ToldFile): Promise<void> {
    const { processId } = this.#options
    await this.#write((query) =>
      setFetchFile(query, { ...fetch, process: processId }, { state: file, bytesId, size: size ?? null }),
    )
  }

  /** Never rejects: the row of a fetch that has ended is in the way of none. */
  async end(fetch: FetchName): Promise<void> {
    const { processId, log } = this.#options
    const end = this.#write((query) => endFetch(query, { ...fetch, process: processId }))
    await end.catch((error: unknown) => log.warn('the end of a fetch was not noted', { ...fetch, error }))
  }

  /** What comes is for others to know: a client gets its blob also where it cannot be written down. */
  async #write<Result>(operation: (query: Query) => Promise<Result>): Promise<Result | undefined> {
    try {
      return await this.#options.metadata.write(operation)
    } catch (error) {
      if (error instanceof MetadataNotWritableError) return undefined
      throw error
    }
  }
}

/** Undefined: it has told none yet. */
export function toldFile({ state, bytesId, size }: FetchRow): ToldFile | undefined {
  return state === null || bytesId === null ? undefined : { file: state as UploadState, bytesId, size: size ?? undefined }
}

/** Readers in other processes have so long to go on for one that has died. */
const DEAD_FOR_MS = 20_000

/** Removes what processes have written down of fetches that died, and that no other one went on with. */
export class DeadFetches {
  readonly #options: Pick<FetchRowsOptions, 'metadata' | 'liveness'>
  /** When a process was found dead first. */
  #deadSinceMs: ReadonlyMap<string, number> = new Map()

  constructor(options: Pick<FetchRowsOptions, 'metadata' | 'liveness'>) {
    this.#options = options
  }

  async remove(): Promise<void> {
    const { metadata, liveness } = this.#options
    const now = performance.now()
    const deadSinceMs = new Map<string, number>()
    for (const process of await listFetchingProcesses(metadata.read)) {
      if (await liveness.isAlive(process)) continue
      const sinceMs = this.#deadSinceMs.get(process) ?? now
      if (now - sinceMs < DEAD_FOR_MS) deadSinceMs.set(process, sinceMs)
      else await metadata.write((query) => deleteFetchesOf(query, process))
    }
    this.#deadSinceMs = deadSinceMs
  }
}
