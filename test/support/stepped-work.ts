import type { Metadata } from '../../src/metadata/query.ts'
import { type DiskHook, isChange } from './held-disk.ts'

/** How many steps a work takes. The changes may be a few more or less: what runs side by side may share them. */
export interface WorkLength {
  readonly changes: number
  /** Transactions that write; the last of them is the confirmation. */
  readonly writes: number
}

/** Lets the work of a process go on by so many changes of the disk, and no further. */
export class SteppedWork {
  readonly #changed = new Set<() => void>()
  #changeLimit = Number.POSITIVE_INFINITY
  #writeLimit = Number.POSITIVE_INFINITY
  #begun = 0
  #done = 0
  #writes = 0
  #waiting = 0

  /** What has been done since the beginning. */
  get length(): WorkLength {
    return { changes: this.#done, writes: this.#writes }
  }

  readonly hook: DiskHook = (call, phase) => {
    // The trash is emptied when the work is done.
    if (!isChange(call) || call.startsWith('remove berth/trash/')) return undefined
    return phase === 'before' ? this.#begin() : this.#end()
  }

  /** The same metadata, whose writes count, and wait. */
  watch(metadata: Metadata): Metadata {
    const write: Metadata['write'] = async (operation) => {
      await this.#wait(() => this.#writes < this.#writeLimit)
      this.#writes += 1
      return await metadata.write(operation)
    }
    return { read: metadata.read, revision: () => metadata.revision(), write }
  }

  /** Forgets what was done so far. */
  begin(): void {
    this.#begun = 0
    this.#done = 0
    this.#writes = 0
  }

  /** From here on the work stops after so many changes. */
  limitChanges(changes: number): void {
    this.#changeLimit = changes
    this.#tell()
  }

  /** From here on the work stops after so many writes. */
  limitWrites(writes: number): void {
    this.#changeLimit = Number.POSITIVE_INFINITY
    this.#writeLimit = writes
    this.#tell()
  }

  /** Nothing waits any more. */
  goOn(): void {
    this.limitWrites(Number.POSITIVE_INFINITY)
  }

  /** Resolves when the work can do nothing more. */
  async stopped(): Promise<void> {
    await this.#until(() => this.#waiting > 0 && this.#begun === this.#done)
  }

  async #begin(): Promise<void> {
    await this.#wait(() => this.#begun < this.#changeLimit)
    this.#begun += 1
  }

  async #end(): Promise<void> {
    this.#done += 1
    this.#tell()
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
