import { setTimeout } from 'node:timers/promises'

export interface PaceOptions {
  /** Removals in a second; 0: as fast as it goes. */
  readonly rate: number
  /** Readers wait longer than they should. */
  readonly readersWait: () => boolean
  /** Uploads are refused for want of space. */
  readonly isFull: () => Promise<boolean>
}

/** Keeps removals below so many in a second: readers have the disk first, and uploads that find no space before these. */
export class Pace {
  readonly #options: PaceOptions
  #freeAtMs = 0

  constructor(options: PaceOptions) {
    this.#options = options
  }

  /** Waits after so many removals until the next may begin. Resolves early when the signal aborts. */
  async after(removals: number, signal: AbortSignal): Promise<void> {
    const rate = await presentRate(this.#options)
    if (rate === 0) return
    const now = performance.now()
    this.#freeAtMs = Math.max(this.#freeAtMs, now) + (removals * 1000) / rate
    await setTimeout(this.#freeAtMs - now, undefined, { signal, ref: false }).catch((error: unknown) => {
      if (!signal.aborted) throw error
    })
  }
}

/** Removals in a second from now on; 0: as fast as it goes. */
export async function presentRate({ rate, readersWait, isFull }: PaceOptions): Promise<number> {
  if (rate === 0 || (await isFull())) return 0
  return readersWait() ? rate / 2 : rate
}
