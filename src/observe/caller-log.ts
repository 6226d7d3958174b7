import type { Log, LogFields } from './log.ts'

/** `log.reportcaller`: each line names the function and the file that wrote it. Takes a stack for each line, so for debugging. */
export class CallerLog implements Log {
  readonly #log: Log

  constructor(log: Log) {
    this.#log = log
  }

  debug(message: string, fields?: LogFields): void {
    this.#log.debug(message, { ...fields, ...caller() })
  }

  info(message: string, fields?: LogFields): void {
    this.#log.info(message, { ...fields, ...caller() })
  }

  warn(message: string, fields?: LogFields): void {
    this.#log.warn(message, { ...fields, ...caller() })
  }

  error(message: string, fields?: LogFields): void {
    this.#log.error(message, { ...fields, ...caller() })
  }

  child(fields: LogFields): Log {
    return new CallerLog(this.#log.child(fields))
  }
}

/** `    at name (file:line:column)`, without a name `    at file:line:column`. */
const FRAME = /^\s+at (?:(?:async )?(.+) \()?(.+):(\d+):\d+\)?$/
/** The lines above the caller: the message, this function, and the method of the log. */
const ABOVE = 3

function caller(): LogFields {
  const frame = FRAME.exec(new Error('caller').stack?.split('\n')[ABOVE] ?? '')
  return frame === null ? {} : { func: frame[1], file: `${frame[2]}:${frame[3]}` }
}
