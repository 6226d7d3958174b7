/** How an answer begins: HTTP/1.1's status line and headers (RFC 9112 sections 4 and 5), as far as a store's GET needs them. */
export interface AnswerHead {
  readonly status: number
  readonly headers: Headers
  /** How the body ends: after so many bytes, after its last chunk, or else with the connection. */
  readonly body: { readonly kind: 'sized'; readonly length: number } | { readonly kind: 'chunked' } | { readonly kind: 'open' }
  /** Another request may follow on the connection once the body has been read. */
  readonly keepsAlive: boolean
}

const STATUS_LINE = /^HTTP\/1\.([01]) (\d{3})(?: |$)/
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/
/** No store writes more. */
const LONGEST_HEAD = 64 * 1024
const END = '\r\n\r\n'

/** The head at the beginning of what came, and where its body begins; undefined when it is not whole yet. Throws on what is no head. */
export function findHead(bytes: Buffer): { readonly head: AnswerHead; readonly end: number } | undefined {
  const at = bytes.indexOf(END)
  if (at > LONGEST_HEAD || (at < 0 && bytes.length > LONGEST_HEAD)) throw new Error('the head of the answer does not end')
  return at < 0 ? undefined : { head: parseHead(bytes.toString('latin1', 0, at)), end: at + END.length }
}

function parseHead(text: string): AnswerHead {
  const [statusLine = '', ...lines] = text.split('\r\n')
  const [, minor, status] = STATUS_LINE.exec(statusLine) ?? []
  if (status === undefined) throw new Error('the answer is not one of HTTP/1.1')
  const headers = new Headers()
  for (const line of lines) {
    const [, name, value] = FIELD.exec(line) ?? []
    if (name === undefined || value === undefined) throw new Error('the answer has a header that is none')
    headers.append(name, value)
  }
  const keepsAlive = minor === '1' && !/\bclose\b/i.test(headers.get('connection') ?? '')
  return { status: Number(status), headers, body: bodyOf(headers), keepsAlive }
}

function bodyOf(headers: Headers): AnswerHead['body'] {
  const encoding = headers.get('transfer-encoding')
  if (encoding !== null) return encoding.toLowerCase() === 'chunked' ? { kind: 'chunked' } : { kind: 'open' }
  const length = headers.get('content-length')
  if (length === null) return { kind: 'open' }
  if (/^\d{1,15}$/.test(length)) return { kind: 'sized', length: Number(length) }
  throw new Error('the answer has a length that is none')
}

/** The content of a chunked body (RFC 9112 section 7.1); undefined when it is not whole yet. Throws on what is none. */
export function findChunked(bytes: Buffer): Buffer | undefined {
  const parts: Buffer[] = []
  for (let at = 0; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    const [, hex] = /^([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?$/.exec(bytes.toString('latin1', at, lineEnd)) ?? []
    if (hex === undefined) throw new Error('the answer has a chunk without a size')
    const [start, size] = [lineEnd + 2, Number.parseInt(hex, 16)]
    if (size === 0) return Buffer.concat(parts)
    if (bytes.length < start + size + 2) return undefined
    parts.push(bytes.subarray(start, start + size))
    at = start + size + 2
  }
}
