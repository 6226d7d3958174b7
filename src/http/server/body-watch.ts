import { Refusal } from '../answer/error-response.ts'
import { type DrainTimes, drain } from '../request/drain.ts'

/** Bun cuts a connection that is slower than 16 KiB/s over its idle timeout, and one whose handler thinks for longer. */

export interface BodyWatch {
  /** The request to hand on in place of the one that is watched. */
  readonly request: Request
  /** False: the client may still send something of the body. */
  readonly hasEnded: boolean
  /** Reads and drops what the handler has left of the body. False when the connection is of no use any more. */
  drain(times?: DrainTimes): Promise<boolean>
  stop(): void
}

export interface BodyWatchOptions {
  /** Keeps the connection from being cut for some more seconds. */
  readonly extend: () => void
  /** How long the client may send nothing while its bytes are waited for. */
  readonly writerMs: number
  /** What the handler leaves of the body waits for `drain`; left out: the runtime reads and drops it. */
  readonly keepsRest?: boolean
}

const INTERVAL_MS = 5000
/** A slow line brings a kilobyte a second, and may pause. A client that only keeps its place brings a byte now and then. */
const LEAST_BYTES = 8 * 1024
/** Of the time in which the handler waits for the client, without its pauses. */
const LEAST_BYTES_IN_MS = 60_000
/** Clients that copy between two registries are silent for minutes. */
const PAUSE_MS = 15_000
/** So much forgives all pauses before it. */
const FORGIVING_BYTES = 1024 * 1024

/**
 * Calls `extend` every few seconds as long as the request may go on. A client that sends nothing for too long, or less than 8 KiB in a
 * minute, is refused: the body ends with a Refusal of status 408, which is the handler's to pass on. The caller stops the
 * watch when the handler has answered.
 */
export function watchBody(request: Request, { extend, writerMs, keepsRest = false }: BodyWatchOptions): BodyWatch {
  const watched = request.body === null ? undefined : new WatchedBody(request.body, keepsRest)
  const look = () => {
    extend()
    watched?.endIfSilent(writerMs)
    watched?.endIfSlow()
  }
  const timer = setInterval(look, Math.min(INTERVAL_MS, writerMs / 4))
  return {
    request: watched === undefined ? request : withBody(request, watched.stream),
    get hasEnded() {
      return watched === undefined || watched.hasEnded
    },
    drain: async (times) => watched === undefined || (await watched.drain(times)),
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
  /** Since the last look at the pace: how long the client was waited for while it sent, and what it brought. */
  #waitedMs = 0
  #bytes = 0
  /** All pauses since so many bytes. */
  #pausedMs = 0
  #bytesSincePause = 0
  #end: ((reason: Refusal) => void) | undefined
  #hasEnded = false

  constructor(body: ReadableStream<Uint8Array>, keepsRest: boolean) {
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
          this.#noteWait()
          this.#hasEnded = done
          if (this.#end === undefined) return
          if (done) controller.close()
          else for (const chunk of value) this.#pass(chunk, controller)
        },
        cancel: (reason) => (keepsRest ? undefined : reader.cancel(reason)),
      },
      { highWaterMark: 0 },
    )
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  async drain(times?: DrainTimes): Promise<boolean> {
    return this.#hasEnded || (await drain(() => this.#reader.read().catch(() => undefined), times))
  }

  endIfSilent(writerMs: number): void {
    const waitingMs = this.#waitingSince === undefined ? 0 : performance.now() - this.#waitingSince
    if (waitingMs > 0 && this.#pausedMs + waitingMs >= writerMs) this.#refuse(silentClient(writerMs))
  }

  /** Only the time counts in which the client had something to do, and did it. */
  endIfSlow(): void {
    if (this.#waitedMs < LEAST_BYTES_IN_MS) return
    if (this.#bytes < LEAST_BYTES) this.#refuse(slowClient())
    this.#bytes = 0
    this.#waitedMs = 0
  }

  #pass(chunk: Uint8Array, controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#bytes += chunk.length
    this.#bytesSincePause += chunk.length
    if (this.#bytesSincePause >= FORGIVING_BYTES) this.#pausedMs = 0
    controller.enqueue(chunk)
  }

  #noteWait(): void {
    const waitedMs = this.#waitingSince === undefined ? 0 : performance.now() - this.#waitingSince
    this.#waitingSince = undefined
    if (waitedMs < PAUSE_MS) {
      this.#waitedMs += waitedMs
      return
    }
    this.#pausedMs += waitedMs
    this.#bytesSincePause = 0
  }

  #refuse(reason: Refusal): void {
    this.#hasEnded = true
    this.#end?.(reason)
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

function slowClient(): Refusal {
  return new Refusal('SIZE_INVALID', {
    status: 408,
    message: `The body comes more slowly than ${LEAST_BYTES / 1024} KiB a minute; send the request again over a faster connection.`,
    headers: { Connection: 'close' },
  })
}
