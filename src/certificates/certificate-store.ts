import { readServerCertificate } from './server-certificate.ts'
import type { NamedCertificate } from './tls-material.ts'

/** Where certificates lie. */
export interface CertificateStore {
  /** The files to look at for changes. */
  readonly paths: readonly string[]
  /** Makes what is missing or due, if that is done here. May be repeated. Throws CertificateError. */
  prepare(): Promise<void>
  /** At least one. Throws CertificateError when they cannot be used. */
  read(): Promise<readonly NamedCertificate[]>
}

/** Files that someone else puts there. */
export function givenCertificate(certificate: string, key: string): CertificateStore {
  return {
    paths: certificate === key ? [certificate] : [certificate, key],
    prepare: async () => undefined,
    read: async () => [{ ...(await readServerCertificate(certificate, key)), host: undefined }],
  }
}
