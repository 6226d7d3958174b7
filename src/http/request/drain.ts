import { Turns } from '../../registry/uploads/turns.ts'
import { within } from '../../runtime/deadline.ts'

const DRAINED_BYTES = 64 * 1024 * 1024
const PATIENCE_MS = 10_000
/** In all: a client may bring a byte now and then for ever. */
const DRAINED_MS = 60_000

/** What refused clients send together is read in turns with all other requests. */
const turns = new Turns()

/** The next bytes of a body, without any at its end; undefined when the client has gone. */
export type NextBytes = () => Promise<{ readonly value?: Uint8Array | undefined } | undefined>

export interface DrainTimes {
  /** In all. */
  readonly drainMs?: number
  /** For which the client may send nothing. */
  readonly patienceMs?: number
}

/**
 * Reads what a client still sends of a body that was refused, and drops it: a client that writes to a closed connection may never read
 * its answer. False when that is more than 64 MiB, or does not come: then the connection is of no use any more.
 */
export async function drain(
  nextBytes: NextBytes,
  { drainMs = DRAINED_MS, patienceMs = PATIENCE_MS }: DrainTimes = {},
): Promise<boolean> {
  const until = performance.now() + drainMs
  for (let dropped = 0; dropped <= DRAINED_BYTES; ) {
    const leftMs = until - performance.now()
    if (leftMs <= 0) return false
    const next = await within(nextBytes(), Math.min(patienceMs, leftMs), undefined)
    if (next === undefined) return false
    if (next.value === undefined) return true
    dropped += next.value.length
    await turns.pass(next.value.length, () => true)
  }
  return false
}
