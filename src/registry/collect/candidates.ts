import { listBlobSlice } from '../../metadata/collecting/bytes.ts'
import { isOpaque, listLinkSlice, SLICE } from '../../metadata/collecting/links.ts'
import { listRepositoriesToCollect, type RepositoryToCollect } from '../../metadata/collecting/survey.ts'
import type { Query } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
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
    for (let last = ''; ; ) {
      const slice = await listLinkSlice(this.#read, repositoryId, last)
      const unneeded = slice.flatMap(({ digest, unneededSinceMs, bytes }) =>
        unneededSinceMs === null ? [] : [{ digest, sinceMs: unneededSinceMs, bytes }],
      )
      if (unneeded.length > 0) yield unneeded
      if (slice.length < SLICE) return
      last = slice.at(-1)?.digest ?? last
      await this.turn()
    }
  }

  /** Slices of the blobs whose bytes nothing needs. */
  async *blobs(onStored: (bytes: number) => void = () => undefined): AsyncGenerator<readonly Candidate[]> {
    for (let last = ''; ; ) {
      const slice = await listBlobSlice(this.#read, last)
      for (const { size } of slice) onStored(size)
      const unneeded = slice.flatMap(({ digest, unneededSinceMs, size }) =>
        unneededSinceMs === null ? [] : [{ digest, sinceMs: unneededSinceMs, bytes: size }],
      )
      if (unneeded.length > 0) yield unneeded
      if (slice.length < SLICE) return
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
