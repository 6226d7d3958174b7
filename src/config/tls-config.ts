import type { TcpAddress } from './words/listen-address.ts'

/** How HTTPS is spoken. */
export interface TlsConfig {
  readonly source: CertificateSource
  readonly minimumVersion: 'tls1.0' | 'tls1.1' | 'tls1.2' | 'tls1.3'
  /** OpenSSL's names of those for TLS 1.2 and older; empty: the usual ones. */
  readonly cipherSuites: readonly string[]
  readonly clients: ClientCertificates
}

/** Where the certificate comes from. Paths are absolute. */
export type CertificateSource =
  | { readonly kind: 'files'; readonly certificate: string; readonly key: string }
  | { readonly kind: 'self-signed'; readonly folder: string; readonly hosts: readonly string[] }
  | ({ readonly kind: 'acme' } & AcmeConfig)

export interface AcmeConfig {
  readonly folder: string
  readonly email: string | undefined
  readonly hosts: readonly string[]
  readonly directoryUrl: string | undefined
  /** Where the HTTP-01 question arrives. */
  readonly challenge: TcpAddress
}

/** What clients must show. */
export type ClientCertificates =
  | { readonly kind: 'not asked' }
  /** They are asked, and let in whatever they show. */
  | { readonly kind: 'asked' }
  /** Files with the authorities that must have signed what they show. */
  | { readonly kind: 'verified'; readonly authorities: readonly string[] }
