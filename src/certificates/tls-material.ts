import type { ClientCertificates, TlsConfig } from '../config/tls-config.ts'
import type { ServerCertificate } from './server-certificate.ts'
import { readAuthorities } from './server-certificate.ts'

/** All that a server needs to speak TLS: texts, nothing that must be read. */
export interface TlsMaterial {
  /** The first is for clients that name none of the others. */
  readonly certificates: readonly NamedCertificate[]
  readonly clients:
    | { readonly kind: 'not asked' | 'asked' }
    | { readonly kind: 'verified'; readonly authorities: readonly string[] }
  readonly minimumVersion: TlsConfig['minimumVersion']
  readonly cipherSuites: readonly string[]
}

export interface NamedCertificate extends ServerCertificate {
  /** The host that a client must name to get it; undefined: any. */
  readonly host: string | undefined
}

/** Reads the authorities that clients are verified with. Throws CertificateError. */
export async function readClients(clients: ClientCertificates): Promise<TlsMaterial['clients']> {
  if (clients.kind !== 'verified') return clients
  const read = await Promise.all(clients.authorities.map(readAuthorities))
  return { kind: 'verified', authorities: read.flat() }
}
