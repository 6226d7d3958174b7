import { untilAborted } from '../runtime/until-aborted.ts'

export interface RepeatedTaskOptions {
  readonly everyMs: number
  /** Ends early when the signal aborts; it may throw the reason of the signal then. */
  readonly run: (signal: AbortSignal) => Promise<void>
  /** A run failed; the task runs again at its next time. */
  readonly onFailure: (error: unknown) => void
}

/** Runs a task now, and then at each interval at which its last run has ended. */
export class RepeatedTask {
  readonly #options: RepeatedTaskOptions
  readonly #stopping = new AbortController()
  readonly #timer: NodeJS.Timeout
  #running: Promise<void> | undefined
  #finishedAtMs: number | undefined
  #hasFailed = false

  constructor(options: RepeatedTaskOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#begin(), options.everyMs)
    this.#begin()
  }

  /** When the last run ended; undefined before the first has. */
  get finishedAtMs(): number | undefined {
    return this.#finishedAtMs
  }

  /** Whether the last run failed. */
  get hasFailed(): boolean {
    return this.#hasFailed
  }

  /** Aborts the run that is under way. Resolves when it has ended; no other one begins. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#stopping.abort()
    await this.#running
  }

  #begin(): void {
    if (this.#running !== undefined || this.#stopping.signal.aborted) return
    this.#running = this.#run().finally(() => {
      this.#running = undefined
    })
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    try {
      await untilAborted(signal, () => this.#options.run(signal))
      this.#hasFailed = false
    } catch (error) {
      this.#hasFailed = true
      this.#options.onFailure(error)
    }
    this.#finishedAtMs = Date.now()
  }
}
