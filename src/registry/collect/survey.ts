import type { Query } from '../../metadata/query.ts'
import { Candidates } from './candidates.ts'

/** What the rows say that nothing needs, before anything is done about it. */
export interface Survey {
  /** Of them some are due: nothing has needed them for their whole grace. */
  readonly links: Found
  readonly blobs: Found
  /** Bytes of all blobs. */
  readonly storedBytes: number
  /** When the first of the others falls due, by the collector's clock; undefined when there is none. */
  readonly nextDueMs: number | undefined
}

export interface Found {
  readonly unneeded: number
  readonly due: number
  readonly dueBytes: number
}

/** Counts what nothing needs. What was touched up to `touchedBefore` is due. */
export async function survey(read: Query, touchedBefore: number, signal: AbortSignal): Promise<Survey> {
  const candidates = new Candidates(read, signal)
  const links = new Count(touchedBefore)
  const blobs = new Count(touchedBefore)
  let storedBytes = 0
  for await (const { id } of candidates.repositories()) for await (const slice of candidates.links(id)) links.add(slice)
  for await (const slice of candidates.blobs((bytes) => (storedBytes += bytes))) blobs.add(slice)
  const next = Math.min(links.youngestMs, blobs.youngestMs)
  return { links: links.found(), blobs: blobs.found(), storedBytes, nextDueMs: Number.isFinite(next) ? next : undefined }
}

class Count {
  readonly #touchedBefore: number
  #unneeded = 0
  #due = 0
  #dueBytes = 0
  /** The first touch after `touchedBefore`. */
  youngestMs = Number.POSITIVE_INFINITY

  constructor(touchedBefore: number) {
    this.#touchedBefore = touchedBefore
  }

  add(slice: readonly { readonly sinceMs: number; readonly bytes: number }[]): void {
    for (const { sinceMs, bytes } of slice) {
      this.#unneeded += 1
      if (sinceMs > this.#touchedBefore) this.youngestMs = Math.min(this.youngestMs, sinceMs)
      else {
        this.#due += 1
        this.#dueBytes += bytes
      }
    }
  }

  found(): Found {
    return { unneeded: this.#unneeded, due: this.#due, dueBytes: Math.round(this.#dueBytes) }
  }
}
