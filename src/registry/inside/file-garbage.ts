import { edenGC } from 'bun:jsc'

/** They leave some megabytes of objects that nothing needs any more, and collecting those takes about two milliseconds. */
const FILES_BETWEEN = 4_000

/**
 * Collects what reading files leaves behind. The engine by itself waits for 32 MB of it and more, and layers are made to leave as much: what a hostile one
 * takes of memory would be that, and not what is kept of it.
 */
export class FileGarbage {
  readonly #collect: () => void
  #files = 0

  constructor(collect: () => void = edenGC) {
    this.#collect = collect
  }

  /** So many files have been read. */
  add(files: number): void {
    this.#files += files
    if (this.#files < FILES_BETWEEN) return
    this.#files = 0
    this.#collect()
  }
}
