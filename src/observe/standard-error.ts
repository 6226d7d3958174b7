import { destination } from 'pino'
import type { LogOutput } from './log.ts'

const STANDARD_ERROR = 2
/** A reader that has stopped reading costs at most this much memory; then lines are dropped. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024

/** Writes to standard error, off the event loop: lines that come while a write is under way leave together after it. */
export function standardError(): LogOutput {
  const stream = destination({ fd: STANDARD_ERROR, sync: false, maxLength: MAX_WAITING_BYTES })
  // Nobody is left to tell that nobody is listening: a closed pipe must not end the server.
  stream.on('error', () => undefined)
  return { write: (line) => stream.write(line), flush: () => stream.flushSync() }
}
