import { STATUS_CODES } from 'node:http'

/** What a receiver of events answered, as logs and lists name it: '200 OK'. */
export function statusText(status: number): string {
  return `${status} ${STATUS_CODES[status] ?? ''}`.trim()
}
