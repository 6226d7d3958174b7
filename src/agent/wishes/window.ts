/** When containers may be replaced: on these days of the week from one minute of the day to another one, which may be on the next day. */
export interface Window {
  /** 0 is Sunday. */
  readonly days: ReadonlySet<number>
  readonly fromMinute: number
  readonly toMinute: number
}

export const WINDOW_RULE = 'as "02:00-05:00", "Mon-Fri 22:00-04:00" or several with ";" between'

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const DAY_MINUTES = 24 * 60

/** Undefined for what is none. */
export function findWindows(text: string): readonly Window[] | undefined {
  const windows = text.split(';').map((part) => findWindow(part.trim()))
  return windows.some((window) => window === undefined) ? undefined : windows.flatMap((window) => window ?? [])
}

function findWindow(text: string): Window | undefined {
  const [, days, from = '', to = ''] = /^(?:(\S+)\s+)?(\d{2}:\d{2})-(\d{2}:\d{2})$/.exec(text) ?? []
  const [fromMinute, toMinute] = [minuteIn(from), minuteIn(to)]
  const named = days === undefined ? new Set(DAYS.keys()) : daysIn(days)
  if (fromMinute === undefined || toMinute === undefined || named === undefined || fromMinute === toMinute) return undefined
  return { days: named, fromMinute, toMinute }
}

function minuteIn(text: string): number | undefined {
  const [hours = Number.NaN, minutes = Number.NaN] = text.split(':').map(Number)
  const minute = hours * 60 + minutes
  return minutes < 60 && minute <= DAY_MINUTES ? minute : undefined
}

function daysIn(text: string): ReadonlySet<number> | undefined {
  const named = new Set<number>()
  for (const part of text.toLowerCase().split(',')) {
    const [first = '', last = first] = part.split('-')
    const [from, to] = [DAYS.indexOf(first), DAYS.indexOf(last)]
    if (from === -1 || to === -1 || part.split('-').length > 2) return undefined
    for (let day = from; ; day = (day + 1) % DAYS.length) {
      named.add(day)
      if (day === to) break
    }
  }
  return named
}

/** By the clock and the time zone of this machine. No windows: always. */
export function isWithin(windows: readonly Window[], now: Date): boolean {
  if (windows.length === 0) return true
  const minute = now.getHours() * 60 + now.getMinutes()
  const yesterday = (now.getDay() + DAYS.length - 1) % DAYS.length
  return windows.some(({ days, fromMinute, toMinute }) => {
    if (fromMinute < toMinute) return days.has(now.getDay()) && minute >= fromMinute && minute < toMinute
    return (days.has(now.getDay()) && minute >= fromMinute) || (days.has(yesterday) && minute < toMinute)
  })
}
