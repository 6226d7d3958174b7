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

/** What a request's line and headers took on the wire; a few bytes more, because its URL names the host once more. */
export function headerBytesOf({ method, url, headers }: Pick<Request, 'method' | 'url' | 'headers'>): number {
  let bytes = method.length + url.length
  // Bun gives each byte of a value as one character.
  for (const [name, value] of headers) bytes += name.length + value.length + SEPARATORS
  return bytes
}
