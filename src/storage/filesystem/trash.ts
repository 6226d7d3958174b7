import { type Disk, isMissing } from './disk.ts'

/** What is removed goes here by one rename, so that a reader finds all of it or nothing, and is taken apart later. */
export class Trash {
  readonly #disk: Disk
  readonly #newPlace: () => string
  readonly #emptying = new Set<Promise<void>>()

  constructor(disk: Disk, newPlace: () => string) {
    this.#disk = disk
    this.#newPlace = newPlace
  }

  /** The new place of what was at a path; undefined when there was nothing. Not durable before the directory above is synced. */
  async take(path: string): Promise<string | undefined> {
    const place = this.#newPlace()
    try {
      await this.#disk.rename(path, place)
      return place
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }

  async empty(place: string): Promise<void> {
    await this.#disk.removeTree(place)
  }

  /** Emptying may take long and no request waits for it; what fails stays for the next sweep of leftovers. */
  emptyLater(place: string): void {
    const emptied = this.empty(place)
      .catch(() => undefined)
      .finally(() => this.#emptying.delete(emptied))
    this.#emptying.add(emptied)
  }

  /** Resolves when nothing is being emptied. */
  async rest(): Promise<void> {
    await Promise.all(this.#emptying)
  }
}
