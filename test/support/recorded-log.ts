import type { Log, LogFields, LogLevel } from '../../src/observe/log.ts'

export interface RecordedLine {
  readonly level: LogLevel
  readonly message: string
  readonly fields: LogFields
}

/** A log that tests read, and wait for: a line is the sign that the server is done with a request whose client has gone. */
export class RecordedLog implements Log {
  readonly lines: RecordedLine[] = []
  readonly #waiting = new Set<() => void>()

  debug = (message: string, fields?: LogFields) => this.#add('debug', message, fields)
  info = (message: string, fields?: LogFields) => this.#add('info', message, fields)
  warn = (message: string, fields?: LogFields) => this.#add('warn', message, fields)
  error = (message: string, fields?: LogFields) => this.#add('error', message, fields)
  child = () => this

  /** The first line that fits, written already or still to come. Fails after ten seconds. */
  async line(fits: (line: RecordedLine) => boolean): Promise<RecordedLine> {
    const found = this.lines.find(fits)
    if (found !== undefined) return found
    const { promise, resolve, reject } = Promise.withResolvers<RecordedLine>()
    const look = () => {
      const line = this.lines.find(fits)
      if (line !== undefined) resolve(line)
    }
    this.#waiting.add(look)
    const timer = setTimeout(() => reject(new Error('the line was not written within ten seconds')), 10_000)
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.#waiting.delete(look)
    }
  }

  /** Does something again and again until a line with this message is written. */
  async lineAfter(again: () => Promise<unknown>, message: string): Promise<void> {
    const deadline = Date.now() + 10_000
    while (!this.lines.some((line) => line.message === message)) {
      if (Date.now() > deadline) throw new Error(`'${message}' was not written within ten seconds`)
      await again()
      await Bun.sleep(10)
    }
  }

  #add(level: LogLevel, message: string, fields: LogFields = {}): void {
    this.lines.push({ level, message, fields })
    for (const look of this.#waiting) look()
  }
}
