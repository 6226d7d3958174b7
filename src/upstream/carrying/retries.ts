import { pause } from '../../runtime/pause.ts'
import { UpstreamFailure } from '../upstream-failure.ts'

export interface RetriesOptions {
  /** How often a question is asked at most. */
  readonly tries?: number
  /** Is told why it waits, and for how long. */
  readonly onWait?: (failure: UpstreamFailure, ms: number) => void
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>
}

const TRIES = 8
/** Of a registry that is away: a run is repeated, and a person who waits hears of it soon. */
const TRIES_WHILE_AWAY = 4
const FIRST_PAUSE_MS = 500
/** A registry that wants more time than that is asked again by the next run. */
const LONGEST_PAUSE_MS = 60 * 60_000

/** Asks again what failed and may pass, after so long as the registry says. While it wants to be left alone, nothing else is asked there either. */
export class Retries {
  readonly #options: Required<RetriesOptions>
  #restsUntilMs = 0

  constructor({ tries = TRIES, onWait = () => undefined, wait = pause }: RetriesOptions = {}) {
    this.#options = { tries, onWait, wait }
  }

  async run<Result>(ask: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    const { tries, wait } = this.#options
    for (let tried = 1; ; tried += 1) {
      const restsMs = this.#restsUntilMs - performance.now()
      if (restsMs > 0) await wait(restsMs, signal)
      try {
        return await ask()
      } catch (error) {
        signal.throwIfAborted()
        if (!(error instanceof UpstreamFailure) || !error.mayPass) throw error
        if (tried >= (error.status === 429 ? tries : Math.min(tries, TRIES_WHILE_AWAY))) throw error
        await this.#rest(error, tried, signal)
      }
    }
  }

  async #rest(failure: UpstreamFailure, tried: number, signal: AbortSignal): Promise<void> {
    const { onWait, wait } = this.#options
    const saidMs = (failure.retryAfterSeconds ?? 0) * 1000
    if (saidMs > LONGEST_PAUSE_MS) throw failure
    const ms = Math.max(saidMs, FIRST_PAUSE_MS * 2 ** (tried - 1))
    if (failure.status === 429) this.#restsUntilMs = Math.max(this.#restsUntilMs, performance.now() + ms)
    onWait(failure, ms)
    await wait(ms, signal)
  }
}
