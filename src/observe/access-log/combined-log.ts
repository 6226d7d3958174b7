import type { Exchange, RequestObserver } from '../exchange.ts'
import type { LogOutput } from '../log.ts'
import { quote } from './quote.ts'

/** A line for each request in Apache's combined form, as registry:2 prints it. */
export class CombinedLog implements RequestObserver {
  readonly #output: LogOutput
  #second = -1
  #time = ''

  constructor(output: LogOutput) {
    this.#output = output
  }

  /** `<client> - <user> [<time>] "<method> <target> HTTP/1.1" <status> <bytes> "<referer>" "<user agent>"` */
  ended(exchange: Exchange): void {
    const { request, target, client, caller, status, startedAtMs } = exchange
    const user = caller === undefined ? '-' : quote(caller).replaceAll(' ', '%20')
    // The version is always 1.1: an HTTP/1.0 request cannot be told apart here, and is answered with 1.1.
    const line = `${request.method} ${quote(target)} HTTP/1.1`
    const bytes = exchange.answeredBytes ?? '-'
    const referer = quote(headerText(request, 'referer'))
    const userAgent = quote(headerText(request, 'user-agent'))
    this.#output.write(
      `${client ?? '-'} - ${user} [${this.#timeAt(startedAtMs)}] "${line}" ${status} ${bytes} "${referer}" "${userAgent}"\n`,
    )
  }

  /** The text of a second is made once. */
  #timeAt(ms: number): string {
    const second = Math.floor(ms / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#time = timeText(new Date(ms))
    }
    return this.#time
  }
}

const BEYOND_ASCII = /[\u0080-\u00ff]/

/** Header bytes come as one character each; clients write UTF-8. */
function headerText(request: Request, name: string): string {
  const text = request.headers.get(name) ?? ''
  return BEYOND_ASCII.test(text) ? Buffer.from(text, 'latin1').toString('utf8') : text
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `22/Nov/2026:06:16:29 +0000`, in the time zone of the process. */
function timeText(date: Date): string {
  const offset = -date.getTimezoneOffset()
  const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`
  const day = `${two(date.getDate())}/${MONTHS[date.getMonth()]}/${date.getFullYear()}`
  return `${day}:${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())} ${zone}`
}

function two(number: number): string {
  return String(number).padStart(2, '0')
}
