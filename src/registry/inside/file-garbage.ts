import { edenGC } from 'bun:jsc'

/** They leave some megabytes of objects that nothing needs any more, and collecting those takes about two milliseconds. */
const FILES_BETWEEN = 4_000
/**
 * What is held at that moment, as bytes on their way, is not looked at by the next such collections: one of everything takes 10 to 40 milliseconds, and gives
 * memory back to the system.
 */
const FILES_BETWEEN_ALL = 64_000

/** 'new': what was made since the last collection. */
type Collect = (what: 'new' | 'all') => void

/**
 * Collects what reading files leaves behind. The engine by itself waits for 32 MB of it and more, and layers are made to leave as much: what a hostile one
 * takes of memory would be that, and not what is kept of it. Called when nothing holds the files any more: those that are held stay for long.
 */
export class FileGarbage {
  readonly #collect: Collect
  #files = 0
  #filesOfAll = 0

  constructor(collect: Collect = collectGarbage) {
    this.#collect = collect
  }

  /** So many files have been read. */
  add(files: number): void {
    this.#files += files
    this.#filesOfAll += files
    if (this.#files < FILES_BETWEEN) return
    this.#run(this.#filesOfAll < FILES_BETWEEN_ALL ? 'new' : 'all')
  }

  /** An image of so many files is held no more. In a turn of its own: what the present one has on its stack is in use for the engine. */
  drop(files: number): void {
    if (files >= FILES_BETWEEN_ALL) setTimeout(() => this.#run('all'), 0).unref()
  }

  #run(what: 'new' | 'all'): void {
    this.#files = 0
    if (what === 'all') this.#filesOfAll = 0
    this.#collect(what)
  }
}

function collectGarbage(what: 'new' | 'all'): void {
  if (what === 'new') edenGC()
  else Bun.gc(true)
}
