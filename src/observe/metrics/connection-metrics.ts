import type { MetricFamily } from './family.ts'

/** The connections of this process that were closed because there were too many. */
export class ConnectionMetrics {
  readonly #closed = { total: 0, address: 0 }

  /** `reason` is the bound that the connection was beyond. */
  closed(reason: 'total' | 'address'): void {
    this.#closed[reason] += 1
  }

  families(): MetricFamily[] {
    const help = 'Connections closed because there were too many: in all, or from their address.'
    const values = Object.entries(this.#closed).map(([reason, value]) => ({ value, labels: { reason } }))
    return [{ name: 'berth_http_connections_closed_total', help, type: 'counter', aggregator: 'sum', values }]
  }
}
