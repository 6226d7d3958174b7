import type { Log, LogFields, LogLevel, LogOutput } from '../../src/observe/log.ts'

const PATIENCE_MS = 90_000
const LAST_LINES = 20

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

  /** The first line that fits, written already or still to come. Fails after half a minute. */
  async line(fits: (line: RecordedLine) => boolean): Promise<RecordedLine> {
    const found = this.lines.find(fits)
    if (found !== undefined) return found
    const { promise, resolve, reject } = Promise.withResolvers<RecordedLine>()
    const look = () => {
      const line = this.lines.find(fits)
      if (line !== undefined) resolve(line)
    }
    this.#waiting.add(look)
    const timer = setTimeout(
      () => reject(new Error(`the line was not written within half a minute, only:\n${this.#shown()}`)),
      PATIENCE_MS,
    )
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.#waiting.delete(look)
    }
  }

  /** Does something again and again until a line with this message is written. */
  async lineAfter(again: () => Promise<unknown>, message: string): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS
    while (!this.lines.some((line) => line.message === message)) {
      if (Date.now() > deadline) throw new Error(`'${message}' was not written within half a minute, only:\n${this.#shown()}`)
      await again()
      await Bun.sleep(10)
    }
  }

  /** What `work` gives. Fails with the last lines when that takes longer than half a minute. */
  async within<Result>(what: string, work: Promise<Result>): Promise<Result> {
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => late.reject(new Error(`${what}: not within half a minute\n${this.#shown()}`)), PATIENCE_MS)
    try {
      return await Promise.race([work, late.promise])
    } finally {
      clearTimeout(timer)
    }
  }

  #shown(): string {
    return this.lines
      .slice(-LAST_LINES)
      .map((line) => Bun.inspect(line))
      .join('\n')
  }

  #add(level: LogLevel, message: string, fields: LogFields = {}): void {
    this.lines.push({ level, message, fields })
    for (const look of this.#waiting) look()
  }
}

/** Lines about requests, which are JSON here, as lines of the log. */
export function linesInto(log: RecordedLog): LogOutput {
  return { write: (line) => log.info('request', JSON.parse(line)), end: async () => undefined }
}
