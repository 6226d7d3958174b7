import { createLog } from '../create-log.ts'
import type { RequestObserver } from '../exchange.ts'
import type { Log, LogFields, LogLevel, LogOutput } from '../log.ts'
import { CombinedLog } from './combined-log.ts'
import { FieldLog, RefusalLog } from './field-log.ts'

export interface AccessLogOptions {
  readonly level: LogLevel
  readonly formatter: 'text' | 'json' | 'logstash'
  /** On every line that has fields. */
  readonly fields: LogFields
  /** `log.accesslog`: a line for each request. */
  readonly accessLog: boolean
}

/**
 * What is written about requests. Access lines go to `output`: the combined form with the text formatter, else an object a line. To
 * the log of the application go the refusals, where the access line cannot name their request id, and at level debug every request.
 */
export function accessLogs(options: AccessLogOptions, log: Log, output: LogOutput): readonly RequestObserver[] {
  const { level, formatter, fields, accessLog } = options
  if (!accessLog) return [new RefusalLog((message, facts) => log.info(message, facts))]
  if (formatter !== 'text') {
    const lines = createLog({ level: 'info', formatter, fields }, output)
    return [withoutRoot(new FieldLog((message, facts) => lines.info(message, facts)))]
  }
  const combined = withoutRoot(new CombinedLog(output))
  if (level === 'debug') return [combined, new FieldLog((message, facts) => log.debug(message, facts))]
  return [combined, new RefusalLog((message, facts) => log.info(message, facts))]
}

/** Load balancers ask for `/` all day. */
function withoutRoot(observer: RequestObserver): RequestObserver {
  return {
    ended: (exchange) => {
      if (exchange.handler !== 'root') observer.ended(exchange)
    },
  }
}
