import { setSystemTime, spyOn } from 'bun:test'

/** Both clocks that a process has: of the day, and of the time that has passed. */
export class MovedClock implements Disposable {
  readonly #now = performance.now.bind(performance)
  readonly #spy = spyOn(performance, 'now')
  #movedMs = 0

  moveOn(ms: number): void {
    this.#movedMs += ms
    this.#spy.mockImplementation(() => this.#now() + this.#movedMs)
    setSystemTime(new Date(Date.now() + ms))
  }

  [Symbol.dispose](): void {
    this.#spy.mockRestore()
    setSystemTime()
  }
}
