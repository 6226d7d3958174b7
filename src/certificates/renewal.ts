import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { ServerCertificate } from './server-certificate.ts'

/** The last third of a certificate's life is for renewing it. */
export function isDue({ chain }: Pick<ServerCertificate, 'chain'>, now: Date): boolean {
  const { validFromDate, validToDate } = new X509Certificate(chain)
  const lifeMs = validToDate.getTime() - validFromDate.getTime()
  return validToDate.getTime() - now.getTime() < lifeMs / 3
}

/** True when clients that use any of these names and addresses accept the certificate. */
export function speaksFor({ chain }: Pick<ServerCertificate, 'chain'>, hosts: readonly string[]): boolean {
  const certificate = new X509Certificate(chain)
  const { subjectAltName = '' } = certificate
  return hosts.every((host) => {
    if (isIP(host) !== 0) return certificate.checkIP(host) !== undefined
    return host.startsWith('*.') ? subjectAltName.split(', ').includes(`DNS:${host}`) : certificate.checkHost(host) !== undefined
  })
}
