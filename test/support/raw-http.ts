import { connect, type Socket } from 'node:net'

/** How the client ends: `answer` waits for the server to close, `fin` and `reset` go away once everything is written. */
export type HangUp = 'answer' | 'fin' | 'reset'

/**
 * Sends exactly these bytes over a connection of its own and gives what comes back until it is closed. For what fetch cannot send:
 * bodies that end early, headers that are wrong or double. With `answer` the request must say `Connection: close`.
 */
export async function sendRaw(url: string, request: string | Uint8Array, hangUp: HangUp = 'answer'): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.setTimeout(60_000, () => socket.destroy(new Error('nothing came for a minute')))
  const received = readAll(socket)
  socket.write(request, () => {
    if (hangUp === 'fin') socket.destroy()
    if (hangUp === 'reset') socket.resetAndDestroy()
  })
  return await received
}

/** The head of a request, to which a body may be appended. */
export function requestHead(method: string, path: string, headers: readonly string[] = []): string {
  return [`${method} ${path} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...headers, '', ''].join('\r\n')
}

export interface RawResponse {
  readonly status: number
  readonly headers: Headers
  readonly body: string
}

/** Reads an answer; a body in chunks is left as it is. */
export function parseRaw(text: string): RawResponse {
  const [head = '', ...rest] = text.split('\r\n\r\n')
  const [statusLine = '', ...lines] = head.split('\r\n')
  const headers = new Headers()
  for (const line of lines) headers.append(line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim())
  return { status: Number(statusLine.split(' ')[1]), headers, body: rest.join('\r\n\r\n') }
}

function readAll(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.on('error', reject)
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')))
  })
}
