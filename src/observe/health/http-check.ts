import type { HealthCheck, Repetition } from './health-check.ts'

export interface HttpCheckOptions extends Repetition {
  readonly uri: string
  readonly headers: Readonly<Record<string, readonly string[]>>
  readonly statusCode: number
  /** 0: no other limit than the interval. */
  readonly timeoutMs: number
}

/** Unhealthy when a HEAD is answered with another status, or not in time. Redirects are followed. */
export function httpCheck({ uri, headers, statusCode, timeoutMs, intervalMs, threshold }: HttpCheckOptions): HealthCheck {
  const name = withoutSecrets(uri)
  return {
    name,
    intervalMs,
    threshold,
    timeoutMs: timeoutMs || undefined,
    run: async (signal) => {
      const status = await statusOf({ uri, name, headers: headersOf(headers), signal })
      if (status !== statusCode) throw new Error(`downstream service returned unexpected status: ${status}`)
    },
  }
}

interface CheckedAddress {
  readonly uri: string
  readonly name: string
  readonly headers: Headers
  readonly signal: AbortSignal
}

async function statusOf({ uri, name, headers, signal }: CheckedAddress): Promise<number> {
  try {
    // Each look makes a connection of its own: an old one says nothing about whether the next can be had.
    const response = await fetch(uri, { method: 'HEAD', headers, signal, keepalive: false })
    return response.status
  } catch (cause) {
    throw new Error(`error while checking: ${name}`, { cause })
  }
}

function headersOf(configured: HttpCheckOptions['headers']): Headers {
  const headers = new Headers()
  for (const [name, values] of Object.entries(configured)) for (const value of values) headers.append(name, value)
  return headers
}

/** The name of the check stands in the log and in `/debug/health`: a password in the address, or a token behind its `?`, must not. */
function withoutSecrets(uri: string): string {
  const url = URL.canParse(uri) ? new URL(uri) : undefined
  if (url === undefined || (url.username === '' && url.password === '' && url.search === '')) return uri
  const login = url.username === '' && url.password === '' ? '' : '****@'
  const query = url.search.replace(/=[^&]*/g, '=****')
  return `${url.protocol}//${login}${url.host}${url.pathname}${query}`
}
