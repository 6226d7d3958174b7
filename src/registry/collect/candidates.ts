import { listBlobSlice } from '../../metadata/collecting/bytes.ts'
import { isOpaque, listLinkSlice, SLICE } from '../../metadata/collecting/links.ts'
import { listManifestSlice, type ManifestSeen } from '../../metadata/collecting/manifests.ts'
import { listRepositoriesToCollect, type RepositoryToCollect } from '../../metadata/collecting/survey.ts'
import type { Query } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import { Portion } from '../portion.ts'
import { Rest } from '../rest.ts'

const REPOSITORIES_AT_ONCE = 100

/** Content that nothing needs. */
export interface Candidate {
  readonly digest: Digest
  /** Since when nothing has needed it, by the collector's clock. */
  readonly sinceMs: number
  readonly bytes: number
}

/** Content that nothing needs, a slice at a time: one turn of the event loop each. */
export class Candidates {
  readonly #read: Query
  readonly #signal: AbortSignal
  readonly #rest = new Rest()
  readonly #linksAtOnce = new Portion({ most: SLICE })
  readonly #blobsAtOnce = new Portion({ most: SLICE })
  readonly #manifestsAtOnce = new Portion({ most: SLICE })

  constructor(read: Query, signal: AbortSignal) {
    this.#read = read
    this.#signal = signal
  }

  async *repositories(): AsyncGenerator<RepositoryToCollect> {
    for await (const page of this.pages()) {
      for (const repository of page) {
        await this.turn()
        yield repository
      }
    }
  }

  /** The same, some at a time: for what is looked up for many of them at once. The caller asks for its turn at each of them. */
  async *pages(): AsyncGenerator<readonly RepositoryToCollect[]> {
    let last = 0
    for (;;) {
      const repositories = await listRepositoriesToCollect(this.#read, last, REPOSITORIES_AT_ONCE)
      await this.turn()
      if (repositories.length > 0) yield repositories
      last = repositories.at(-1)?.id ?? last
      if (repositories.length < REPOSITORIES_AT_ONCE) return
    }
  }

  /** Slices of the links of a repository that nothing needs; none where something in it cannot be read. */
  async *links(repositoryId: number): AsyncGenerator<readonly Candidate[]> {
    if (await isOpaque(this.#read, repositoryId)) return
    const list = (after: string, limit: number) => listLinkSlice(this.#read, repositoryId, after, limit)
    for await (const slice of this.#slices(this.#linksAtOnce, list)) {
      const unneeded = slice.flatMap(({ digest, unneededSinceMs, bytes }) =>
        unneededSinceMs === null ? [] : [{ digest, sinceMs: unneededSinceMs, bytes }],
      )
      if (unneeded.length > 0) yield unneeded
    }
  }

  /** The blobs whose bytes nothing needs. Each list covers at least 200 rows, also where fewer are read at once, so that the caller can take the largest first. */
  async *blobs(onStored: (bytes: number) => void = () => undefined): AsyncGenerator<readonly Candidate[]> {
    const list = (after: string, limit: number) => listBlobSlice(this.#read, after, limit)
    let [unneeded, rows]: [Candidate[], number] = [[], 0]
    for await (const slice of this.#slices(this.#blobsAtOnce, list)) {
      for (const { digest, unneededSinceMs, size } of slice) {
        onStored(size)
        if (unneededSinceMs !== null) unneeded.push({ digest, sinceMs: unneededSinceMs, bytes: size })
      }
      rows += slice.length
      if (rows < SLICE) continue
      if (unneeded.length > 0) yield unneeded
      ;[unneeded, rows] = [[], 0]
    }
    if (unneeded.length > 0) yield unneeded
  }

  /** Slices of all manifests of a repository. */
  manifests(repositoryId: number): AsyncGenerator<readonly ManifestSeen[]> {
    const list = (after: string, limit: number) => listManifestSlice(this.#read, repositoryId, after, limit)
    return this.#slices(this.#manifestsAtOnce, list)
  }

  async *#slices<Row extends { readonly digest: Digest }>(
    atOnce: Portion,
    list: (after: string, limit: number) => Promise<readonly Row[]>,
  ): AsyncGenerator<readonly Row[]> {
    for (let last = ''; ; ) {
      const limit = atOnce.size
      const slice = await atOnce.timed(
        () => list(last, limit),
        ({ length }) => length,
      )
      yield slice
      if (slice.length < limit) return
      last = slice.at(-1)?.digest ?? last
      await this.turn()
    }
  }

  /** Called between two steps, of which each may be short and all together long: lets others have the event loop. Throws the reason of the signal. */
  async turn(): Promise<void> {
    await this.#rest.after(0)
    this.#signal.throwIfAborted()
  }
}
