/** What happened, for the operator: a message that never varies, and the facts in fields. */
export interface Log {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** The same log with these fields on every line. */
  child(fields: LogFields): Log
}

/** Facts beside a message. An Error goes under `error`. Never a secret, never a whole request. */
export type LogFields = Readonly<Record<string, unknown>>

export type LogLevel = 'error' | 'warn' | 'info' | 'debug'

/** Where lines go. */
export interface LogOutput {
  write(line: string): void
  /**
   * Takes no more lines. Resolves, never rejects, when every line has been handed to the system, or after a second given up because
   * they are not read.
   */
  end(): Promise<void>
}
