import type { ShownPulls } from '../../registry/pulls/pull-counts.ts'

/** How answers show what several of them have. */

const DAY_MS = 24 * 60 * 60 * 1000
/** The end of the year 9999. */
const LAST_MS = 253_402_300_799_999

/** A time that no calendar has is none. */
export function timeOf(ms: number | null | undefined): string | null {
  return ms === null || ms === undefined || ms > LAST_MS ? null : new Date(ms).toISOString()
}

export function shownSums({ days7, days30, lastMs }: Omit<ShownPulls, 'byDay'>) {
  return { days7, days30, last: timeOf(lastMs) }
}

export function shownPulls({ byDay, ...sums }: ShownPulls) {
  const days = byDay.map(({ day, count }) => ({ day: new Date(day * DAY_MS).toISOString().slice(0, 10), count }))
  return { ...shownSums(sums), byDay: days }
}
