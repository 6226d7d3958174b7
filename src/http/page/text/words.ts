import { type Html, html } from './html.ts'

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

/** `84 MB`, `3.1 GB`: in powers of a thousand, as disks are sold and clients count. */
export function sizeText(bytes: number): string {
  let [value, unit] = [bytes, 0]
  while (value >= 999.5 && unit < UNITS.length - 1) [value, unit] = [value / 1000, unit + 1]
  const digits = unit > 0 && value < 9.95 ? value.toFixed(1) : value.toFixed(0)
  return `${digits} ${UNITS[unit]}`
}

export function countText(count: number, one: string, many: string): string {
  return `${grouped(count)} ${count === 1 ? one : many}`
}

function grouped(count: number): string {
  return count.toLocaleString('en-US')
}

const STEPS = [
  { seconds: 31_536_000, one: 'a year', many: 'years' },
  { seconds: 2_592_000, one: 'a month', many: 'months' },
  { seconds: 86_400, one: 'yesterday', many: 'days' },
  { seconds: 3_600, one: 'an hour', many: 'hours' },
  { seconds: 60, one: 'a minute', many: 'minutes' },
]

/** `3 hours ago`. A time to come, as of a builder whose clock is ahead, is told as a date. */
export function agoText(ms: number, nowMs: number): string {
  const seconds = Math.floor((nowMs - ms) / 1000)
  if (seconds < -60) return new Date(ms).toISOString().slice(0, 10)
  const step = STEPS.find((each) => seconds >= each.seconds)
  if (step === undefined) return 'just now'
  const count = Math.floor(seconds / step.seconds)
  if (count > 1) return `${count} ${step.many} ago`
  return step.one === 'yesterday' ? step.one : `${step.one} ago`
}

/** A time to come, in universal time: `today at 14:05 UTC`, `tomorrow at 14:05 UTC`, `2026-05-04 at 14:05 UTC`. */
export function whenText(ms: number, nowMs: number): string {
  const [day, time] = [new Date(ms).toISOString().slice(0, 10), new Date(ms).toISOString().slice(11, 16)]
  const dayAfter = (days: number) => new Date(nowMs + days * DAY_MS).toISOString().slice(0, 10)
  const names = new Map([
    [dayAfter(1), 'tomorrow'],
    [dayAfter(0), 'today'],
  ])
  return `${names.get(day) ?? day} at ${time} UTC`
}

const DAY_MS = 86_400_000

/** The end of the year 9999: no calendar has a time after it. */
const LAST_MS = 253_402_300_799_999

/** How long ago, with the exact time in its title; empty where it is not known. */
export function timeOf(ms: number | null | undefined, nowMs = Date.now()): Html | undefined {
  if (ms === null || ms === undefined || ms < 0 || ms > LAST_MS) return undefined
  const exact = new Date(ms).toISOString()
  const title = `${exact.slice(0, 10)} ${exact.slice(11, 19)} UTC`
  return html`<time datetime="${exact}" title="${title}">${agoText(ms, nowMs)}</time>`
}

const SHOWN_LETTERS = 12

/** The first letters of a digest, without the name of its algorithm. */
export function shortDigest(digest: string): string {
  return digest.slice(digest.indexOf(':') + 1).slice(0, SHOWN_LETTERS)
}

/** A tag, the digest in it shortened where it names the image to which it attaches something: `sha256-9b02cf29fd5a….sig`. */
export function shortTag(tag: string): string {
  return tag.replace(/^(sha(?:256|512)-[0-9a-f]{12})[0-9a-f]{52,}/, '$1…')
}

/** Texts as one list: `a, b and 3 more`. */
export function listText(texts: readonly string[], most: number): string {
  if (texts.length <= most) return texts.join(', ')
  return `${texts.slice(0, most).join(', ')} and ${texts.length - most} more`
}
