import type { Query } from '../../metadata/query.ts'
import { Candidates } from './candidates.ts'

/** What the rows say that nothing needs, before anything is done about it. */
export interface Survey {
  /** Of them some are due: nothing has needed them for their whole grace. */
  readonly links: Found
  readonly blobs: Found
  /** Bytes of all blobs. */
  readonly storedBytes: number
  /** After how long all of it is due; undefined when there is nothing. */
  readonly allDueAfterMs: number | undefined
}

export interface Found {
  readonly unneeded: number
  readonly bytes: number
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
  const last = Math.max(links.lastTouchedMs, blobs.lastTouchedMs)
  const allDueAfterMs = last === Number.NEGATIVE_INFINITY ? undefined : Math.max(0, last - touchedBefore)
  return { links: links.found(), blobs: blobs.found(), storedBytes, allDueAfterMs }
}

class Count {
  readonly #touchedBefore: number
  #unneeded = 0
  #bytes = 0
  #due = 0
  #dueBytes = 0
  lastTouchedMs = Number.NEGATIVE_INFINITY

  constructor(touchedBefore: number) {
    this.#touchedBefore = touchedBefore
  }

  add(slice: readonly { readonly sinceMs: number; readonly bytes: number }[]): void {
    for (const { sinceMs, bytes } of slice) {
      this.#unneeded += 1
      this.#bytes += bytes
      this.lastTouchedMs = Math.max(this.lastTouchedMs, sinceMs)
      if (sinceMs > this.#touchedBefore) continue
      this.#due += 1
      this.#dueBytes += bytes
    }
  }

  found(): Found {
    const [bytes, dueBytes] = [Math.round(this.#bytes), Math.round(this.#dueBytes)]
    return { unneeded: this.#unneeded, bytes, due: this.#due, dueBytes }
  }
}
