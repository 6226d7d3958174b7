import type { FetchName } from '../../metadata/mirroring/fetches.ts'
import type { Liveness } from '../../metadata/processes.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { Semaphore } from '../../runtime/semaphore.ts'
import type { UploadState } from '../../storage/driver.ts'
import { RunningDigests } from '../uploads/running-digests.ts'
import { Turns } from '../uploads/turns.ts'
import { UploadFiles } from '../uploads/upload-files.ts'
import { ArrivingBlob } from './arriving-blob.ts'
import { BlobFetch, type BlobFetchParts } from './blob-fetch.ts'
import { FetchElsewhere } from './fetch-elsewhere.ts'
import type { FetchRows, ToldFile } from './fetch-rows.ts'

export interface BlobFetchesOptions
  extends Pick<BlobFetchParts, 'upstream' | 'storage' | 'blobs' | 'pushes' | 'space' | 'events' | 'signal' | 'log'> {
  readonly rows: FetchRows
  readonly processId: string
  readonly epoch: number
  readonly liveness: Liveness
}

/** Each has a connection to the upstream and a few megabytes on their way; the others wait. */
const MOST_AT_ONCE = 32

/** The fetches of this process: one at a time for a blob of a repository, whatever number of requests want it. */
export class BlobFetches {
  readonly #options: BlobFetchesOptions
  readonly #files: UploadFiles
  readonly #turns = new Turns()
  readonly #permits = new Semaphore(MOST_AT_ONCE)
  readonly #running = new Map<string, { readonly arriving: ArrivingBlob; readonly ended: Promise<void> }>()

  constructor(options: BlobFetchesOptions) {
    this.#options = options
    this.#files = new UploadFiles(options, new RunningDigests())
  }

  /** Undefined when no fetch of it is under way. */
  find(repository: RepositoryName, digest: Digest): ArrivingBlob | undefined {
    return this.#running.get(nameOf(repository, digest))?.arriving
  }

  /** The one that is under way, or else a new one. `pace`: of a new one, as BlobFetchParts has it. */
  open(repository: RepositoryName, digest: Digest, pace?: BlobFetchParts['pace']): ArrivingBlob {
    const running = this.find(repository, digest)
    if (running !== undefined) return running
    const arriving = new ArrivingBlob({ ...this.#options, digest })
    const ended = this.#run({ repository, digest }, arriving, pace)
    this.#running.set(nameOf(repository, digest), { arriving, ended })
    return arriving
  }

  /** Resolves when no fetch of it is under way that is now. */
  async untilEnded(repository: RepositoryName, digest: Digest): Promise<void> {
    await this.#running.get(nameOf(repository, digest))?.ended
  }

  /** Whether a fetch writes to the file of an upload. */
  isOpen(state: UploadState): boolean {
    return this.#files.isOpen(state)
  }

  /** Waits for everything under way. */
  async finish(): Promise<void> {
    await Promise.all(this.#running.values().map(({ ended }) => ended))
  }

  async #run(name: FetchName, arriving: ArrivingBlob, pace: BlobFetchParts['pace']): Promise<void> {
    try {
      await this.#bring(name, arriving, pace)
    } catch (error) {
      const { signal } = this.#options
      arriving.fail(signal.aborted ? signal.reason : error)
    } finally {
      this.#running.delete(nameOf(name.repository, name.digest))
    }
  }

  /** Of all processes of the storage one brings it, if it stays; the others take its place when it dies, or gives up. */
  async #bring(name: FetchName, arriving: ArrivingBlob, pace: BlobFetchParts['pace']): Promise<void> {
    const { rows } = this.#options
    for (;;) {
      const begun = await rows.begin(name)
      if (begun !== undefined) return await this.#fetch(name, arriving, { left: begun.left, pace }).finally(() => rows.end(name))
      const followed = await new FetchElsewhere(name, arriving, this.#options).follow()
      if (followed === 'here') return
      if (followed === 'passing') return await this.#fetch(name, arriving, { left: undefined, pace })
    }
  }

  async #fetch(
    { repository, digest }: FetchName,
    arriving: ArrivingBlob,
    { left, pace }: Pick<BlobFetchParts, 'pace'> & { readonly left: ToldFile | undefined },
  ): Promise<void> {
    const parts = { ...this.#options, files: this.#files, turns: this.#turns, pace }
    await this.#permits.run(() => new BlobFetch(repository, digest, arriving, parts).run(left))
  }
}

/** No name contains a space. */
function nameOf(repository: RepositoryName, digest: Digest): string {
  return `${repository} ${digest}`
}
