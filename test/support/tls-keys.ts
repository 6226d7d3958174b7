import type { Config } from '../../src/config/config.ts'

/** What Berth makes of each key below `http.tls`, with what must stand beside it. */

type TlsRow = readonly [key: string, config: object, read: (config: Config) => unknown, expected: unknown]

const FILES = { certificate: '/c', key: '/k' }
const ACME = { cachefile: '/f', hosts: ['a.example'] }

export const TLS_KEYS: readonly TlsRow[] = [
  row('certificate', FILES, ({ source }) => source, { kind: 'files', certificate: '/c', key: '/k' }),
  row('key', FILES, ({ source }) => source, { kind: 'files', certificate: '/c', key: '/k' }),
  row('clientcas', { ...FILES, clientcas: ['/a'] }, ({ clients }) => clients, { kind: 'verified', authorities: ['/a'] }),
  row('clientauth', { ...FILES, clientauth: 'request-client-cert' }, ({ clients }) => clients, { kind: 'asked' }),
  row('minimumtls', { ...FILES, minimumtls: 'tls1.3' }, ({ minimumVersion }) => minimumVersion, 'tls1.3'),
  row('ciphersuites', { ...FILES, ciphersuites: ['TLS_RSA_WITH_AES_128_CBC_SHA'] }, ({ cipherSuites }) => cipherSuites, [
    'AES128-SHA',
  ]),
  ...['cachefile', 'hosts', 'email', 'directoryurl', 'challengeaddr'].map((key) =>
    row(
      `letsencrypt.${key}`,
      { letsencrypt: { ...ACME, email: 'a@a.example', directoryurl: 'https://d/', challengeaddr: ':8080' } },
      ({ source }) => source,
      {
        kind: 'acme',
        folder: '/f',
        email: 'a@a.example',
        hosts: ['a.example'],
        directoryUrl: 'https://d/',
        challenge: { kind: 'tcp', hostname: undefined, port: 8080 },
      },
    ),
  ),
  ...['enabled', 'folder', 'hosts'].map((key) =>
    row(
      `selfsigned.${key}`,
      { selfsigned: { enabled: true, folder: '/t', hosts: ['a.example', '::1'] } },
      ({ source }) => source,
      { kind: 'self-signed', folder: '/t', hosts: ['a.example', '::1'] },
    ),
  ),
]

type Tls = NonNullable<Config['http']['tls']>

function row(key: string, tls: object, read: (tls: Tls) => unknown, expected: unknown): TlsRow {
  return [`http.tls.${key}`, { http: { tls } }, ({ http }) => http.tls && read(http.tls), expected]
}
