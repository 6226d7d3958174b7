import type { SeededRandom } from './seeded-random.ts'
import {
  bursts,
  type FaultRule,
  lacking,
  nth,
  refusingChecksums,
  SLOW_DOWN,
  type StoreFault,
  staleLists,
  stalled,
  weather,
} from './store-faults.ts'

const MIB = 1024 * 1024

/** What goes wrong in `badWeather`, each of it now and then. */
export const KINDS_OF_WEATHER: readonly StoreFault['kind'][] = ['refuse', 'cut-request', 'cut-answer', 'lose-answer', 'stall']

export function badWeather(random: SeededRandom): readonly FaultRule[] {
  // Mostly soon, seldom far into a part.
  const somewhere = () => Math.floor(random.next() ** 3 * 5 * MIB)
  const stall = () => stalled(random.pick(['request', 'answer'] as const))
  const others: readonly (() => StoreFault)[] = [
    () => ({ kind: 'refuse', status: 500, code: 'InternalError' }),
    () => ({ kind: 'cut-request', afterBytes: somewhere() }),
    () => ({ kind: 'cut-answer', afterBytes: somewhere() }),
    () => ({ kind: 'lose-answer' }),
  ]
  return [
    // Each of them once for certain, however few requests there are.
    ...[...others, stall].map((fault, index) => nth(50 + 20 * index + random.below(20), fault())),
    bursts(random, 0.004, SLOW_DOWN),
    weather(random, { rate: 0.002, faults: [stall] }),
    weather(random, { rate: 0.04, faults: [() => SLOW_DOWN, ...others] }),
  ]
}

/** Nothing works at all. */
export function outage(): readonly FaultRule[] {
  return [() => SLOW_DOWN]
}

/** Requests that are under way when their sender dies: they arrive within the two seconds for which the next one waits for bytes. */
export function lateDelivery(random: SeededRandom): FaultRule {
  return ({ method }) => {
    if (method === 'GET' || method === 'HEAD') return undefined
    return { kind: 'deliver-late', afterMs: 100 + random.below(1_000) }
  }
}

/** No copy of parts, no deletion of many, no list of uploads, no sense of checksums, and lists that are five seconds old. */
export function poorStore(): readonly FaultRule[] {
  return [lacking('UploadPartCopy', 'DeleteObjects', 'ListMultipartUploads'), refusingChecksums(), staleLists(5_000)]
}
