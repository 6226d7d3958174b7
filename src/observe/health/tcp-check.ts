import { connect } from 'node:net'
import type { HealthCheck, Repetition } from './health-check.ts'

export interface TcpCheckOptions extends Repetition {
  readonly addr: { readonly hostname: string | undefined; readonly port: number }
  /** 0: no other limit than the interval. */
  readonly timeoutMs: number
}

/** Unhealthy when nothing accepts a connection in time. */
export function tcpCheck({ addr, timeoutMs, intervalMs, threshold }: TcpCheckOptions): HealthCheck {
  const host = addr.hostname ?? 'localhost'
  const name = `${host.includes(':') ? `[${host}]` : (addr.hostname ?? '')}:${addr.port}`
  return {
    name,
    intervalMs,
    threshold,
    timeoutMs: timeoutMs || undefined,
    run: (signal) => dial(host, addr.port, name, signal),
  }
}

async function dial(host: string, port: number, name: string, signal: AbortSignal): Promise<void> {
  const socket = connect({ host, port })
  const abort = () => socket.destroy(new Error('no answer in time'))
  signal.addEventListener('abort', abort)
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', (cause) => reject(new Error(`connection to ${name} failed`, { cause })))
    })
  } finally {
    signal.removeEventListener('abort', abort)
    socket.destroy()
  }
}
