import { type DiskHook, isChange } from './held-disk.ts'

/** Lets the work of a process go on by so many changes of the disk, and no further. */
export class SteppedWork {
  readonly #total: number | undefined
  readonly #changed = new Set<() => void>()
  #limit = 0
  #begun = 0
  #done = 0
  #waiting = 0

  /** `total`: how many changes the work makes in all; after the last it waits as well. Left out: it is only counted. */
  constructor(total: number | undefined) {
    this.#total = total
    if (total === undefined) this.#limit = Number.POSITIVE_INFINITY
  }

  get done(): number {
    return this.#done
  }

  readonly hook: DiskHook = (call, phase) => {
    // The trash is emptied when the work is done.
    if (!isChange(call) || call.startsWith('remove berth/trash/')) return undefined
    return phase === 'before' ? this.#begin() : this.#end()
  }

  /** Resolves when exactly so many changes have been made and the next one waits. */
  async goTo(changes: number): Promise<void> {
    this.#limit = changes
    this.#tell()
    await this.#until(() => this.#done === changes && this.#waiting > 0)
  }

  /** Nothing waits any more. */
  goOn(): void {
    this.#limit = Number.POSITIVE_INFINITY
    this.#tell()
  }

  async #begin(): Promise<void> {
    await this.#wait(() => this.#begun < this.#limit)
    this.#begun += 1
  }

  async #end(): Promise<void> {
    this.#done += 1
    this.#tell()
    if (this.#done === this.#total) await this.#wait(() => this.#limit > this.#done)
  }

  async #wait(isOver: () => boolean): Promise<void> {
    if (isOver()) return
    this.#waiting += 1
    this.#tell()
    await this.#until(isOver)
    this.#waiting -= 1
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#changed.add(resolve)
      await promise
    }
  }

  #tell(): void {
    const woken = [...this.#changed]
    this.#changed.clear()
    for (const wake of woken) wake()
  }
}
