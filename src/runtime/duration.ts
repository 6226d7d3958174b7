const MILLISECONDS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}
const DAY_MS = 86_400_000
const DURATION = /^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/
const PART = /(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g

/** What `findSpanMs` takes. */
export const SPAN_RULE = 'a number of days or a duration, as in 30d, 12h or 1h30m'

/** The milliseconds of whole days ('30d'), or of a duration as below, of more than nothing. */
export function findSpanMs(text: string): number | undefined {
  const ms = /^\d{1,6}d$/.test(text) ? Number(text.slice(0, -1)) * DAY_MS : findDurationMs(text)
  return ms === 0 ? undefined : ms
}

/** The milliseconds of a duration as Go writes it ('10s', '168h', '1h30m', '0'), or undefined when it is none. */
export function findDurationMs(text: string): number | undefined {
  if (text === '0') return 0
  if (!DURATION.test(text)) return undefined
  let totalMs = 0
  for (const [, amount, unit] of text.matchAll(PART)) totalMs += Number(amount) * (MILLISECONDS[unit ?? ''] ?? Number.NaN)
  return Number.isSafeInteger(Math.round(totalMs)) ? Math.round(totalMs) : undefined
}
