import { setTimeout } from 'node:timers/promises'
import type { StorageDriver } from '../../storage/driver.ts'
import { Portion } from '../portion.ts'

export interface PaceOptions {
  /** Removals in a second; 0: as fast as it goes. */
  readonly rate: number
  /** Readers wait longer than they should. */
  readonly readersWait: () => boolean
  /** Uploads are refused for want of space. */
  readonly isFull: () => Promise<boolean>
}

/** One operation removes no more: a push that needs one of the names waits for it. */
export const MOST_AT_ONCE = 64
/** Each operation syncs its directories: much smaller ones cost the disk more than they spare it. */
const LEAST_AT_ONCE = 8

/** Uploads are refused: what is left is for what is small, and for deletes. */
export async function isFull(storage: Pick<StorageDriver, 'space'>): Promise<boolean> {
  const space = await storage.space()
  return space !== undefined && space.freeBytes <= space.reserveBytes
}

/** Keeps removals below so many in a second: readers have the disk first, and uploads that find no space before these. */
export class Pace {
  /**
   * How many names one operation takes: so many links as fall to a tenth of a second with their bytes, which are as many removals again, and fewer where its
   * transactions take long. Readers wait for those.
   */
  readonly transactions: Portion
  readonly #options: PaceOptions
  #freeAtMs = 0

  constructor(options: PaceOptions) {
    this.#options = options
    const { rate } = options
    const most = rate === 0 ? MOST_AT_ONCE : Math.min(MOST_AT_ONCE, Math.max(LEAST_AT_ONCE, Math.floor(rate / 20)))
    this.transactions = new Portion({ least: LEAST_AT_ONCE, most })
  }

  get atOnce(): number {
    return this.transactions.size
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
