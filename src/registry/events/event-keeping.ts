import { deleteEventsBefore, deleteOldestEvents, eventBytes, oldestEventMs } from '../../metadata/events/events.ts'
import type { Metadata } from '../../metadata/query.ts'

/** So many rows hold up no other write for long. */
const ROWS_AT_ONCE = 500

/** How long events stay, whether or not they were told. */
export interface EventLimits {
  readonly keepMs: number
  readonly sizeBytes: number
}

/** Where nothing listens any more. */
export const NO_EVENTS: EventLimits = { keepMs: 0, sizeBytes: 0 }

/**
 * Removes what is too old, and then what is too much: the oldest pulls first. No write waits for that: the table may be larger for a moment.
 * Throws the reason of the signal.
 */
export async function removeOldEvents(
  metadata: Metadata,
  { keepMs, sizeBytes }: EventLimits,
  signal: AbortSignal,
): Promise<void> {
  const beforeMs = Date.now() - keepMs
  while (((await oldestEventMs(metadata.read)) ?? beforeMs) < beforeMs) {
    signal.throwIfAborted()
    await metadata.write((query) => deleteEventsBefore(query, beforeMs, ROWS_AT_ONCE))
  }
  while ((await eventBytes(metadata.read)) > sizeBytes) {
    signal.throwIfAborted()
    const removed = await metadata.write((query) => deleteOldestEvents(query, ROWS_AT_ONCE))
    if (removed === 0) return
  }
}
