import { CallerLog } from './caller-log.ts'
import { JsonLog } from './json-log.ts'
import type { Log, LogFields, LogLevel, LogOutput } from './log.ts'
import { TextLog } from './text-log.ts'

export interface LogOptions {
  readonly level: LogLevel
  readonly formatter: 'text' | 'json' | 'logstash'
  /** On every line. */
  readonly fields: LogFields
  /** Each line names the place in the program that wrote it. */
  readonly reportCaller?: boolean
}

export function createLog(options: LogOptions, output: LogOutput): Log {
  const log = createPlainLog(options, output)
  return options.reportCaller === true ? new CallerLog(log) : log
}

function createPlainLog({ level, formatter, fields }: LogOptions, output: LogOutput): Log {
  switch (formatter) {
    case 'text':
      return new TextLog(level, output).child(fields)
    case 'json':
    case 'logstash':
      return JsonLog.create({ level, formatter, output }).child(fields)
  }
}
