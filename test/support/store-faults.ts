import type { SeededRandom } from './seeded-random.ts'
import type { StoreAction, StoreRequest } from './store-request.ts'

/** What goes wrong with one request to a store. */
export type StoreFault =
  /** The store answers so, and does nothing. */
  | { readonly kind: 'refuse'; readonly status: number; readonly code: string }
  /** The connection breaks when so many bytes of the body have gone to the store, for which it looks like `kill -9` of the client. */
  | { readonly kind: 'cut-request'; readonly afterBytes: number }
  /** The connection breaks when so many bytes of the answer's body have come. */
  | { readonly kind: 'cut-answer'; readonly afterBytes: number }
  /** HEAD says that there is an object of so many bytes. */
  | { readonly kind: 'say-there'; readonly size: number }
  /** The store does what it is asked; the connection breaks before it says so. */
  | { readonly kind: 'lose-answer' }
  /** The connection breaks at once; the store gets the request so much later, and does it. */
  | { readonly kind: 'deliver-late'; readonly afterMs: number }
  /** The same, when the test says so. */
  | { readonly kind: 'deliver-when'; readonly said: Promise<void> }
  /** The store gets the request at once, and so much later once more; the connection breaks before the first answer when it `isLost`. */
  | { readonly kind: 'deliver-again'; readonly afterMs: number; readonly isLost: boolean }
  /** The store gets the request at once and answers it, and once more when the test says so. */
  | { readonly kind: 'repeat-when'; readonly said: Promise<void> }
  /** Nothing moves for so long: before the store hears of it, or in the middle of its answer. */
  | { readonly kind: 'stall'; readonly where: 'request' | 'answer'; readonly ms: number }
  /** A list that lacks the keys written after a time, in milliseconds. */
  | { readonly kind: 'stale'; readonly afterMs: number }

/** Says what goes wrong with a request; undefined: nothing that this rule knows of. Asked once for each request. */
export type FaultRule = (request: StoreRequest) => StoreFault | undefined

export const SLOW_DOWN: StoreFault = { kind: 'refuse', status: 503, code: 'SlowDown' }

const STALL_MS = Number(process.env.BERTH_TEST_STALL_MS ?? 30_000)

/** How long a store that hangs does so: half a minute, or what BERTH_TEST_STALL_MS says. */
export function stalled(where: 'request' | 'answer'): StoreFault {
  return { kind: 'stall', where, ms: STALL_MS }
}

export function always(actions: readonly StoreAction[], fault: StoreFault): FaultRule {
  return ({ action }) => (actions.includes(action) ? fault : undefined)
}

/** The next so many requests of these kinds. */
export function next(times: number, actions: readonly StoreAction[], fault: StoreFault): FaultRule {
  let left = times
  return ({ action }) => {
    if (left === 0 || !actions.includes(action)) return undefined
    left -= 1
    return fault
  }
}

/** One request, when so many have come before it. */
export function nth(number: number, fault: StoreFault): FaultRule {
  let count = 0
  return () => (count++ === number ? fault : undefined)
}

/** A store that lacks an operation, as several do. */
export function lacking(...actions: readonly StoreAction[]): FaultRule {
  return always(actions, { kind: 'refuse', status: 501, code: 'NotImplemented' })
}

/** A store from before the checksums that newer clients send by default. */
export function refusingChecksums(): FaultRule {
  const isChecksum = (name: string) => /^x-amz-(checksum-|sdk-checksum-|trailer$)/.test(name)
  return ({ headers }) => {
    const trailing = headers.get('x-amz-content-sha256')?.includes('TRAILER') === true
    if (!trailing && ![...headers.keys()].some(isChecksum)) return undefined
    return { kind: 'refuse', status: 400, code: 'InvalidArgument' }
  }
}

/** Lists that lack what was written within the last so many milliseconds. */
export function staleLists(ms: number): FaultRule {
  return ({ action }) => (action.startsWith('ListObjects') ? { kind: 'stale', afterMs: Date.now() - ms } : undefined)
}

export interface Weather {
  /** How many requests go wrong, from 0 to 1. */
  readonly rate: number
  readonly faults: readonly ((random: SeededRandom, request: StoreRequest) => StoreFault | undefined)[]
}

/** Faults by chance, the same again for the same seed and the same order of requests. */
export function weather(random: SeededRandom, { rate, faults }: Weather): FaultRule {
  return (request) => (random.chance(rate) ? random.pick(faults)(random, request) : undefined)
}

/** Now and then, for everything that comes within a moment. */
export function bursts(random: SeededRandom, rate: number, fault: StoreFault, ms = 150): FaultRule {
  let until = 0
  return () => {
    if (Date.now() < until) return fault
    if (!random.chance(rate)) return undefined
    until = Date.now() + ms
    return fault
  }
}
