import { type Logger, type LoggerOptions, pino, stdSerializers } from 'pino'
import type { Log, LogFields, LogLevel, LogOutput } from './log.ts'

interface JsonLogOptions {
  readonly level: LogLevel
  readonly formatter: 'json' | 'logstash'
  readonly output: LogOutput
}

/** One JSON object a line, for machines. */
export class JsonLog implements Log {
  readonly #logger: Logger

  static create({ level, formatter, output }: JsonLogOptions): Log {
    const options: LoggerOptions = {
      level,
      base: null,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: stdSerializers.errWithCause },
    }
    return new JsonLog(pino({ ...options, ...KEYS[formatter] }, output))
  }

  private constructor(logger: Logger) {
    this.#logger = logger
  }

  debug(message: string, fields?: LogFields): void {
    this.#logger.debug(fields, message)
  }

  info(message: string, fields?: LogFields): void {
    this.#logger.info(fields, message)
  }

  warn(message: string, fields?: LogFields): void {
    this.#logger.warn(fields, message)
  }

  error(message: string, fields?: LogFields): void {
    this.#logger.error(fields, message)
  }

  child(fields: LogFields): Log {
    return new JsonLog(this.#logger.child(fields))
  }
}

/** Logstash names the same things in its own way. */
const KEYS: Readonly<Record<JsonLogOptions['formatter'], LoggerOptions>> = {
  json: { messageKey: 'msg', timestamp: () => `,"time":"${new Date().toISOString()}"` },
  logstash: { messageKey: 'message', timestamp: () => `,"@timestamp":"${new Date().toISOString()}","@version":"1"` },
}
