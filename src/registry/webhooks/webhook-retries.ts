const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS

/** How patient deliveries are. */
export interface WebhookPatience {
  /** Before each further try of one event; after the last one it is set aside. */
  readonly pausesMs: readonly number[]
  /** After so many events in a row that the receiver did not take it is taken to be away: further ones wait. */
  readonly failuresInARow: number
  /** For so long at first, twice as long each time, up to the second. */
  readonly awayMs: readonly [first: number, longest: number]
  readonly answerWithinMs: number
}

/** A day in all. */
export const WEBHOOK_PATIENCE: WebhookPatience = {
  pausesMs: [
    ...[5 * SECOND_MS, 30 * SECOND_MS, 2 * MINUTE_MS, 10 * MINUTE_MS, 30 * MINUTE_MS],
    ...[HOUR_MS, 2 * HOUR_MS, 4 * HOUR_MS, 6 * HOUR_MS, 10 * HOUR_MS],
  ],
  failuresInARow: 3,
  awayMs: [5 * SECOND_MS, 5 * MINUTE_MS],
  answerWithinMs: 10 * SECOND_MS,
}

/** Undefined: it was the last try. `attempts`: that have been made. `askedMs`: what the receiver asks for. */
export function pauseBefore({ pausesMs }: WebhookPatience, attempts: number, askedMs = 0): number | undefined {
  const pause = pausesMs[attempts - 1]
  return pause === undefined ? undefined : Math.max(pause, askedMs)
}

/** For how long further events wait after so many failures in a row; 0: they do not. */
export function awayFor({ failuresInARow, awayMs: [first, longest] }: WebhookPatience, failures: number): number {
  const beyond = failures - failuresInARow
  return beyond < 0 ? 0 : Math.min(first * 2 ** Math.min(beyond, 20), longest)
}
