import type { MetricFamily } from './family.ts'

export interface ShownCertificate {
  /** The host that is shown it, or the first that it names; '' for one that names none. */
  readonly host: string
  readonly expiresAt: Date
}

/** When the certificates end that this process shows. */
export class CertificateMetrics {
  #shown: readonly ShownCertificate[] = []

  /** From now on these are shown. */
  show(certificates: readonly ShownCertificate[]): void {
    this.#shown = certificates
  }

  families(): MetricFamily[] {
    if (this.#shown.length === 0) return []
    const name = 'berth_certificate_expiry_timestamp_seconds'
    const help = 'When the certificate that is shown ends, in seconds since the epoch.'
    const values = this.#shown.map(({ host, expiresAt }) => ({ value: expiresAt.getTime() / 1000, labels: { host } }))
    // The process that has the oldest one is the one to worry about.
    return [{ name, help, type: 'gauge', aggregator: 'min', values }]
  }
}
