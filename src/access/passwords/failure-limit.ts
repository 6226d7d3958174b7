import { isIPv6 } from 'node:net'
import { AccessRefusal } from '../access.ts'

/** How many passwords in a row may be wrong, and how long each further try waits. */
interface Budget {
  readonly burst: number
  readonly refillMs: number
}

const CLIENT: Budget = { burst: 20, refillMs: 2_000 }
/**
 * Of all the clients that one proxy names: three at once use it up, and five that go on. So one that guesses is slowed long before the
 * others behind the proxy are, and one that makes up an address for each guess is slowed too.
 */
const ASSUMED_PROXY: Budget = { burst: 60, refillMs: 400 }
/** A proxy that the operator has named tells the truth, and may stand before a whole company. */
const NAMED_PROXY: Budget = { burst: 600, refillMs: 40 }

/** Addresses beyond that push out the one that failed longest ago. */
const MAX_ADDRESSES = 10_000
/** Those that may try all their passwords again are forgotten so often, also where no request comes any more. */
const SWEEP_EVERY_MS = 60_000

/** Where a login came from. */
export interface LoginOrigin {
  /** The address of the client; undefined on a unix socket. */
  readonly client: string | undefined
  /** The peer, where that is a proxy which names its client. */
  readonly proxy?: string | undefined
}

interface Failures {
  /** Tries that are left, as of `atMs`. */
  readonly left: number
  readonly atMs: number
}

export interface FailureLimitOptions {
  readonly now?: () => number
  /** Proxies are those of the operator's list, and not any address of a private network. */
  readonly namesProxies?: boolean
}

/**
 * Slows down guessing: an address that got too many passwords wrong is told to wait, and so are all the clients of one proxy together, later.
 * An IPv6 address counts with its whole network of 64 bits, which has one owner.
 */
export class FailureLimit {
  readonly #failures = new Map<string, Failures>()
  readonly #now: () => number
  readonly #proxyBudget: Budget
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor({ now = Date.now, namesProxies = false }: FailureLimitOptions = {}) {
    this.#now = now
    this.#proxyBudget = namesProxies ? NAMED_PROXY : ASSUMED_PROXY
  }

  /** Seconds until a login from there may be tried again; undefined: now. */
  waitSeconds(origin: LoginOrigin): number | undefined {
    const waits = this.#budgetsOf(origin).map(([key, budget]) => (1 - this.#left(key, budget)) * budget.refillMs)
    const longestMs = Math.max(...waits)
    return longestMs <= 0 ? undefined : Math.ceil(longestMs / 1000)
  }

  /** Throws AccessRefusal with TOOMANYREQUESTS where the login has to wait. `claimed` is for the log. */
  requireTry(origin: LoginOrigin, claimed: string): void {
    const waitSeconds = this.waitSeconds(origin)
    if (waitSeconds === undefined) return
    throw new AccessRefusal('TOOMANYREQUESTS', {
      message: `Too many logins from your address have failed; wait ${waitSeconds} seconds and try again.`,
      retryAfterSeconds: waitSeconds,
      reason: 'too many failures from this address',
      claimed,
    })
  }

  failed(origin: LoginOrigin): void {
    for (const [key, budget] of this.#budgetsOf(origin)) {
      const left = Math.max(0, this.#left(key, budget) - 1)
      this.#failures.delete(key)
      this.#failures.set(key, { left, atMs: this.#now() })
    }
    while (this.#failures.size > MAX_ADDRESSES) this.#failures.delete(this.#failures.keys().next().value ?? '')
    this.#timer ??= this.#wait()
  }

  /** How many addresses are known. */
  get size(): number {
    return this.#failures.size
  }

  /** Each budget is whole again after 40 seconds at most. */
  sweep(): void {
    const before = this.#now() - SWEEP_EVERY_MS
    for (const [key, { atMs }] of this.#failures) {
      if (atMs > before) break
      this.#failures.delete(key)
    }
  }

  #wait(): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => {
      this.sweep()
      this.#timer = this.#failures.size > 0 ? this.#wait() : undefined
    }, SWEEP_EVERY_MS)
    timer.unref()
    return timer
  }

  /** The proxy's comes last: it is the last to be pushed out. */
  #budgetsOf({ client, proxy }: LoginOrigin): readonly (readonly [key: string, budget: Budget])[] {
    const own = [networkOf(client), CLIENT] as const
    return proxy === undefined ? [own] : [own, [`proxy ${networkOf(proxy)}`, this.#proxyBudget]]
  }

  #left(key: string, { burst, refillMs }: Budget): number {
    const failures = this.#failures.get(key)
    if (failures === undefined) return burst
    const left = failures.left + (this.#now() - failures.atMs) / refillMs
    if (left < burst) return left
    this.#failures.delete(key)
    return burst
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
