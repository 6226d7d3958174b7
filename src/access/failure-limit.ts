import { isIPv6 } from 'node:net'
import { AccessRefusal } from './access.ts'

/** How many passwords in a row one address may get wrong, and how long it waits for each further try. */
const BURST = 20
const REFILL_MS = 2_000
/** Addresses beyond that push out the one that failed longest ago. */
const MAX_ADDRESSES = 10_000

interface Failures {
  /** Tries that are left, as of `atMs`. */
  readonly left: number
  readonly atMs: number
}

/**
 * Slows down guesses: an address that got too many passwords wrong is told to wait. An IPv6 address counts with its whole
 * network of 64 bits, because whoever has one has all of them.
 */
export class FailureLimit {
  readonly #failures = new Map<string, Failures>()
  readonly #now: () => number

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  /** Seconds until the address may try again; undefined: now. */
  waitSeconds(client: string | undefined): number | undefined {
    const left = this.#left(networkOf(client))
    return left >= 1 ? undefined : Math.ceil(((1 - left) * REFILL_MS) / 1000)
  }

  /** Throws AccessRefusal with TOOMANYREQUESTS for an address that has to wait. `claimed` is for the log. */
  requireTry(client: string | undefined, claimed: string): void {
    const waitSeconds = this.waitSeconds(client)
    if (waitSeconds === undefined) return
    throw new AccessRefusal('TOOMANYREQUESTS', {
      message: `Too many logins from your address have failed; wait ${waitSeconds} seconds and try again.`,
      retryAfterSeconds: waitSeconds,
      reason: 'too many failures from this address',
      claimed,
    })
  }

  failed(client: string | undefined): void {
    const network = networkOf(client)
    const left = Math.max(0, this.#left(network) - 1)
    this.#failures.delete(network)
    this.#failures.set(network, { left, atMs: this.#now() })
    const [oldest] = this.#failures.keys()
    if (this.#failures.size > MAX_ADDRESSES && oldest !== undefined) this.#failures.delete(oldest)
  }

  #left(network: string): number {
    const failures = this.#failures.get(network)
    if (failures === undefined) return BURST
    const left = failures.left + (this.#now() - failures.atMs) / REFILL_MS
    if (left < BURST) return left
    this.#failures.delete(network)
    return BURST
  }
}

function networkOf(client: string | undefined): string {
  if (client === undefined || !isIPv6(client)) return client ?? 'socket'
  const [head = '', tail] = client.split('%', 1).join('').split('::')
  const groups = head === '' ? [] : head.split(':')
  if (tail !== undefined) {
    const after = tail === '' ? [] : tail.split(':')
    while (groups.length + after.length < 8) groups.push('0')
    groups.push(...after)
  }
  return groups.slice(0, 4).join(':')
}
