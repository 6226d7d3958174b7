import type { Query } from '../query.ts'
import { ALL_EXPIRED } from './tables.ts'

/** The store refuses by now every request of the changes up to this number. */
export const EXPIRED = "(SELECT c.value FROM counter c WHERE c.name = 'expired')"

/** From now on what changes twice in a bucket is noted. A number that is there stays: changes of a process before this one may be repeated still. */
export async function noteFromNowOn(query: Query): Promise<void> {
  await query.run(`UPDATE counter SET value = 0 WHERE name = 'expired' AND value = ${ALL_EXPIRED}`)
}

/** The store refuses every request of the changes up to `upTo`, and did so when `since` was the number drawn last. */
export interface Passed {
  readonly upTo: number
  readonly since: number
}

/**
 * Notes the last of these, which are in the order of their numbers, without those that an operation is older than which is under way: a request of it may have
 * come before one of theirs. Undefined when there is none.
 */
export async function setExpired(query: Query, passed: readonly Passed[]): Promise<number | undefined> {
  const oldest = (await query.get<{ number: number | null }>('SELECT min(number) AS number FROM claim'))?.number ?? null
  const upTo = passed.findLast(({ since }) => oldest === null || since < oldest)?.upTo
  if (upTo !== undefined) await query.run("UPDATE counter SET value = max(value, ?) WHERE name = 'expired'", upTo)
  return upTo
}
