import { pause } from '../../runtime/pause.ts'

/** Ends a wait early. One that rings while nothing waits ends the next wait. */
export class Bell {
  #ringing = new AbortController()

  ring(): void {
    this.#ringing.abort(new Error('rung'))
  }

  /** Waits for so long, until it rings, or until the signal aborts. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    await pause(ms, AbortSignal.any([signal, this.#ringing.signal])).catch(() => undefined)
    if (this.#ringing.signal.aborted) this.#ringing = new AbortController()
  }
}
