import type { AcmeConfig } from '../../config/tls-config.ts'
import type { Log } from '../../observe/log.ts'
import { repeat } from '../file-watch.ts'
import { isDue } from '../renewal.ts'
import type { AcmeCache } from './acme-cache.ts'

const CHECK_EVERY_MS = 60 * 60_000
/** Let's Encrypt allows five failures an hour for each name. */
const FIRST_PAUSE_MS = 60_000
const LONGEST_PAUSE_MS = 6 * 60 * 60_000

/** Sees to it that every host has a certificate that is not due for renewal: now, and once an hour. */
export class AcmeOrders {
  readonly #acme: AcmeConfig
  readonly #cache: AcmeCache
  readonly #log: Log
  readonly #failures = new Map<string, { readonly count: number; readonly retryAt: number }>()
  #checkedAt = Number.NEGATIVE_INFINITY
  #loop: { stop(): Promise<void> } | undefined

  constructor(acme: AcmeConfig, cache: AcmeCache, log: Log) {
    this.#acme = acme
    this.#cache = cache
    this.#log = log
  }

  start(): void {
    this.#loop = repeat(() => this.#look())
  }

  /** Does not wait for an order that is under way: the next process begins it again. */
  async stop(): Promise<void> {
    await Promise.race([this.#loop?.stop(), Bun.sleep(0)])
  }

  async #look(): Promise<void> {
    const now = performance.now()
    const hasRetry = [...this.#failures.values()].some(({ retryAt }) => retryAt <= now)
    if (!hasRetry && now - this.#checkedAt < CHECK_EVERY_MS) return
    this.#checkedAt = now
    for (const host of this.#acme.hosts) await this.#ensure(host)
  }

  async #ensure(host: string): Promise<void> {
    const failure = this.#failures.get(host)
    if (failure !== undefined && failure.retryAt > performance.now()) return
    try {
      // What cannot be read is not missing: ordering it anew would use up what the authority allows.
      const current = await this.#cache.findCertificate(host)
      if (current === undefined || isDue(current, new Date())) {
        this.#log.info('ordering a certificate', { host })
        const { orderCertificate } = await import('./acme-order.ts')
        await orderCertificate(this.#acme, this.#cache, host)
        this.#log.info('certificate ordered', { host })
      }
      this.#failures.delete(host)
    } catch (error) {
      this.#fail(host, error)
    }
  }

  #fail(host: string, error: unknown): void {
    const count = (this.#failures.get(host)?.count ?? 0) + 1
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (count - 1), LONGEST_PAUSE_MS)
    this.#failures.set(host, { count, retryAt: performance.now() + pauseMs })
    this.#log.error('certificate was not ordered', { host, retryInSeconds: pauseMs / 1000, error })
  }
}
