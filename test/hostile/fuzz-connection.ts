import type { HangUp } from '../support/raw-http.ts'

const PATIENCE_MS = 30_000
/** An answer is told by its head; the rest is only counted. */
const KEPT_BYTES = 4096

/**
 * Sends these bytes over a connection of its own and gives the beginning of what comes back until it is closed, which is nothing when the client
 * goes away. `sendRaw` for many thousands of requests: the runtime's own sockets take a fifth of the time. Throws when nothing ends it.
 */
export async function sendOnce(url: string, request: Uint8Array, hangUp: HangUp): Promise<string> {
  const { hostname, port } = new URL(url)
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const timer = setTimeout(() => reject(new Error('nothing came for thirty seconds')), PATIENCE_MS)
  let left = request
  let received = ''
  const send = (socket: Bun.Socket) => {
    left = left.subarray(Math.max(0, socket.write(left)))
    if (left.length > 0 || hangUp === 'answer') return
    if (hangUp === 'fin') socket.end()
    else socket.terminate()
    resolve('')
  }
  try {
    await Bun.connect({
      hostname,
      port: Number(port),
      socket: {
        open: send,
        drain: send,
        data: (_, bytes) => {
          if (received.length < KEPT_BYTES) received += bytes.toString('latin1')
        },
        close: () => resolve(received),
        error: () => resolve(received),
      },
    })
    return await promise
  } finally {
    clearTimeout(timer)
  }
}

/** The status of the final answer, after `100 Continue`; 'closed' where there is none. */
export function statusOf(answer: string): string {
  return /^(?:HTTP\/1\.1 1\d\d[^\r]*\r\n\r\n)*HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 'closed'
}
