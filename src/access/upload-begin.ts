import type { Wanted } from './access.ts'

/** Between the clocks of two replicas or of the server that issued a token; times in tokens are whole seconds. */
const CLOCK_DIFFERENCE_MS = 30_000

export interface Validity {
  readonly fromMs: number
  readonly untilMs: number
}

/**
 * Whether a request goes on with an upload that was begun while the token was good: layers of many gigabytes take longer than a token
 * lives, and what was begun in time may be finished. The id of an upload tells when.
 */
export function wasBegunWithin({ fromMs, untilMs }: Validity, wanted: Wanted): boolean {
  const begunAtMs = wanted.kind === 'repository' && wanted.uploadId !== undefined ? beginOf(wanted.uploadId) : undefined
  return begunAtMs !== undefined && begunAtMs >= fromMs - CLOCK_DIFFERENCE_MS && begunAtMs < untilMs
}

const UUID_V7 = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** RFC 9562 section 5.7: the first 48 bits are milliseconds. An id that a client made up belongs to no upload. */
function beginOf(uploadId: string): number | undefined {
  const [, high, low] = UUID_V7.exec(uploadId) ?? []
  return high === undefined ? undefined : Number.parseInt(`${high}${low}`, 16)
}
