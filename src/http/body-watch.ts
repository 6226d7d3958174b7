/** Bun cuts a connection that is slower than 16 KiB/s over its idle timeout, and one whose handler thinks for longer. */

interface BodyWatch {
  /** The request to hand on in place of the one that is watched. */
  readonly request: Request
  stop(): void
}

const INTERVAL_MS = 5000

/**
 * Calls `extend` every few seconds as long as something moves: bytes have come, or the handler is at work and the client has
 * nothing to do. A client that stalls is not extended. The caller stops the watch when the handler has answered.
 */
export function watchBody(request: Request, extend: () => void): BodyWatch {
  const watched = request.body === null ? undefined : new WatchedBody(request.body)
  const timer = setInterval(() => {
    if (watched === undefined || watched.hasMoved()) extend()
  }, INTERVAL_MS)
  return {
    request: watched === undefined ? request : withBody(request, watched.stream),
    stop: () => clearInterval(timer),
  }
}

/** With a bad or missing Host header Bun hands over the raw target, of which it makes no second Request. */
function withBody(request: Request, body: ReadableStream<Uint8Array>): Request {
  const { url, method, headers, signal } = request
  return new Request(URL.canParse(url) ? url : `http://invalid${url}`, { method, headers, signal, body })
}

class WatchedBody {
  readonly stream: ReadableStream<Uint8Array>
  #waitsForClient = false
  #chunks = 0

  constructor(body: ReadableStream<Uint8Array>) {
    const reader = new ReadableStreamDefaultReader(body)
    // Nothing is read ahead: backpressure and the time of the first read stay the handler's. All that has come is taken at once: after
    // a single chunk the runtime would read the next one ahead, and 64 uploads that wait would hold 3 MiB each in place of 1.6.
    this.stream = new ReadableStream(
      {
        pull: async (controller) => {
          this.#waitsForClient = true
          const { done, value } = await reader.readMany()
          this.#waitsForClient = false
          this.#chunks += 1
          if (done) controller.close()
          else for (const chunk of value) controller.enqueue(chunk)
        },
        cancel: (reason) => reader.cancel(reason),
      },
      { highWaterMark: 0 },
    )
  }

  /** Whether the client sent something, or had nothing to send, since the last call. */
  hasMoved(): boolean {
    const moved = this.#chunks > 0 || !this.#waitsForClient
    this.#chunks = 0
    return moved
  }
}
