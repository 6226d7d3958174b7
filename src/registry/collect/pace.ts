import { setTimeout } from 'node:timers/promises'

/** Keeps removals below so many in a second: readers have the disk first. */
export class Pace {
  readonly #rate: number
  #freeAtMs = 0

  /** 0: as fast as it goes. */
  constructor(rate: number) {
    this.#rate = rate
  }

  /** Waits after so many removals until the next may begin. Resolves early when the signal aborts. */
  async after(removals: number, signal: AbortSignal): Promise<void> {
    if (this.#rate === 0) return
    const now = performance.now()
    this.#freeAtMs = Math.max(this.#freeAtMs, now) + (removals * 1000) / this.#rate
    await setTimeout(this.#freeAtMs - now, undefined, { signal, ref: false }).catch((error: unknown) => {
      if (!signal.aborted) throw error
    })
  }
}
