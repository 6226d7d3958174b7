const LOOK_EVERY_MS = 10_000

interface SlowReaderOptions {
  /** What Bun is asked for at each look. */
  readonly idleSeconds: number
  readonly lookEveryMs?: number
}

/**
 * Bun's server cuts a connection on which no byte of an answer has left for its idle timeout, which is 255 s at most. Answers that a slow
 * client may keep waiting are extended until they are as old as the patience; from then on the idle timeout alone counts.
 */
export class SlowReaders {
  readonly #patienceMs: number
  readonly #idleSeconds: number
  readonly #lookEveryMs: number
  /** When each answer began. A request is forgotten at the first look after its answer has ended. */
  readonly #answers = new Map<Request, { readonly bun: Bun.Server<undefined>; readonly since: number }>()
  #timer: Timer | undefined

  constructor(patienceMs: number, { idleSeconds, lookEveryMs = LOOK_EVERY_MS }: SlowReaderOptions) {
    this.#patienceMs = patienceMs
    this.#idleSeconds = idleSeconds
    this.#lookEveryMs = lookEveryMs
  }

  get size(): number {
    return this.#answers.size
  }

  add(request: Request, bun: Bun.Server<undefined>): void {
    this.#answers.set(request, { bun, since: performance.now() })
    this.#timer ??= setInterval(() => this.#extend(), this.#lookEveryMs)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#answers.clear()
  }

  #extend(): void {
    const now = performance.now()
    for (const [request, { bun, since }] of this.#answers) {
      // Bun knows the address of a request for as long as its answer has not ended; on a unix socket there is none, and no extension.
      const isOver = bun.requestIP(request) === null || now - since > this.#patienceMs
      if (isOver) this.#answers.delete(request)
      else bun.timeout(request, this.#idleSeconds)
    }
    if (this.#answers.size === 0) this.stop()
  }
}
