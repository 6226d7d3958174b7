import { Refusal } from './error-response.ts'

/** Bun cuts a connection that is slower than 16 KiB/s over its idle timeout, and one whose handler thinks for longer. */

interface BodyWatch {
  /** The request to hand on in place of the one that is watched. */
  readonly request: Request
  stop(): void
}

export interface BodyWatchOptions {
  /** Keeps the connection from being cut for some more seconds. */
  readonly extend: () => void
  /** How long the client may send nothing while its bytes are waited for. */
  readonly writerMs: number
}

const INTERVAL_MS = 5000

/**
 * Calls `extend` every few seconds as long as the request may go on. A client that sends nothing for too long is refused: the body ends
 * with a Refusal of status 408, which is the handler's to pass on. The caller stops the watch when the handler has answered.
 */
export function watchBody(request: Request, { extend, writerMs }: BodyWatchOptions): BodyWatch {
  const watched = request.body === null ? undefined : new WatchedBody(request.body)
  const look = () => {
    extend()
    watched?.endIfSilent(writerMs)
  }
  const timer = setInterval(look, Math.min(INTERVAL_MS, writerMs / 4))
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
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  /** Since when the client is waited for; undefined: it has nothing to do. */
  #waitingSince: number | undefined
  #end: ((reason: Refusal) => void) | undefined

  constructor(body: ReadableStream<Uint8Array>) {
    const reader = new ReadableStreamDefaultReader(body)
    this.#reader = reader
    // Nothing is read ahead: backpressure and the time of the first read stay the handler's. All that has come is taken at once: after
    // a single chunk the runtime would read the next one ahead, and 64 uploads that wait would hold 3 MiB each in place of 1.6.
    this.stream = new ReadableStream(
      {
        start: (controller) => {
          this.#end = (reason) => controller.error(reason)
        },
        pull: async (controller) => {
          this.#waitingSince = performance.now()
          const { done, value } = await reader.readMany()
          this.#waitingSince = undefined
          if (this.#end === undefined) return
          if (done) controller.close()
          else for (const chunk of value) controller.enqueue(chunk)
        },
        cancel: (reason) => reader.cancel(reason),
      },
      { highWaterMark: 0 },
    )
  }

  endIfSilent(writerMs: number): void {
    if (this.#waitingSince === undefined || performance.now() - this.#waitingSince < writerMs) return
    this.#end?.(silentClient(writerMs))
    this.#end = undefined
    this.#waitingSince = undefined
    // What the client may still send is dropped. That it cannot be cancelled any more means that nothing comes.
    this.#reader.cancel().catch(() => undefined)
  }
}

function silentClient(writerMs: number): Refusal {
  return new Refusal('SIZE_INVALID', {
    status: 408,
    message: `The body is not complete, and nothing has come for ${writerMs / 1000} s; send the request again.`,
    headers: { Connection: 'close' },
  })
}
