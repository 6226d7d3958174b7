import { within } from '../runtime/deadline.ts'

/** What came of a question to a part of the registry. */
export type Outcome<Value> = { readonly value: Value } | { readonly error: Error }

/** A part that has not answered by then is not there for a request either. */
const TIMEOUT_MS = 5_000

/** Never throws, and never takes longer than five seconds. */
export async function outcomeOf<Value>(ask: () => Promise<Value>): Promise<Outcome<Value>> {
  const late = { error: new Error(`no answer within ${TIMEOUT_MS / 1000} s`) }
  const outcome = ask().then(
    (value) => ({ value }),
    (reason: unknown) => ({ error: reason instanceof Error ? reason : new Error(String(reason)) }),
  )
  return await within(outcome, TIMEOUT_MS, late)
}
