import { estimateShallowMemoryUsageOf } from 'bun:jsc'
import http from 'node:http'

/** The longest header block, with the request line, on both servers: tokens of some clients are large. */
export const MOST_HEADER_BYTES = 64 * 1024

/**
 * The limit of the runtime, for all servers of the process that set none of their own. It is the higher one, because Bun's server answers
 * beyond it without a body, and no code of ours is called: up to here a refusal is ours, with a reason and a line in the log.
 */
const RUNTIME_HEADER_BYTES = 2 * MOST_HEADER_BYTES

/** Larger limits that were set from outside stay. */
export function allowLargeHeaders(): void {
  if (http.maxHeaderSize < RUNTIME_HEADER_BYTES) Object.assign(http, { maxHeaderSize: RUNTIME_HEADER_BYTES })
}

const SEPARATORS = ': \r\n'.length

/**
 * Whether a request's line and headers took more on the wire than they may; its URL names the host once more, so some bytes fewer are enough.
 * To add them up takes as long as ten looks at a header. What the runtime keeps of them in memory is known at once, and about as much: only
 * where that is half of the limit are they added up.
 */
export function areHeadersTooLarge({ method, url, headers }: Pick<Request, 'method' | 'url' | 'headers'>): boolean {
  let bytes = method.length + url.length
  if (bytes + 2 * estimateShallowMemoryUsageOf(headers) <= MOST_HEADER_BYTES) return false
  // Bun gives each byte of a value as one character.
  for (const [name, value] of headers) bytes += name.length + value.length + SEPARATORS
  return bytes > MOST_HEADER_BYTES
}
