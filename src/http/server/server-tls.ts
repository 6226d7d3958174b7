/** How a server speaks TLS: texts in PEM form, all of them checked. */
export interface ServerTls {
  /** The first is for clients that name no host, or none of these. */
  readonly certificates: readonly {
    readonly host: string | undefined
    /** The certificate, then those that lead to the authority. */
    readonly chain: string
    readonly key: string
  }[]
  readonly clients:
    | { readonly kind: 'not asked' | 'asked' }
    | { readonly kind: 'verified'; readonly authorities: readonly string[] }
  readonly minimumVersion: 'tls1.0' | 'tls1.1' | 'tls1.2' | 'tls1.3'
  /** OpenSSL's names of those for TLS 1.2 and older; empty: the usual ones. */
  readonly cipherSuites: readonly string[]
}

/** Numbers, although Bun's type wants words: a word makes it throw. */
const VERSIONS: Readonly<Record<ServerTls['minimumVersion'], number>> = {
  'tls1.0': 0x0301,
  'tls1.1': 0x0302,
  'tls1.2': 0x0303,
  'tls1.3': 0x0304,
}

/** As Bun wants it: a list, in which an entry without a name is for everyone. */
export function bunTls({ certificates, clients, minimumVersion, cipherSuites }: ServerTls): Bun.TLSOptions[] {
  const options = {
    minVersion: VERSIONS[minimumVersion],
    ...(cipherSuites.length === 0 ? {} : { ciphers: cipherSuites.join(':') }),
    ...clientOptions(clients),
  }
  return certificates.map(
    ({ host, chain, key }) =>
      ({ ...options, ...(host === undefined ? {} : { serverName: host }), cert: chain, key }) as object as Bun.TLSOptions,
  )
}

/** Bun refuses in the handshake a client without a certificate of these authorities: the handler never sees one. */
function clientOptions(clients: ServerTls['clients']) {
  switch (clients.kind) {
    case 'not asked':
      return {}
    case 'asked':
      return { requestCert: true, rejectUnauthorized: false }
    case 'verified':
      return { requestCert: true, rejectUnauthorized: true, ca: [...clients.authorities] }
  }
}
