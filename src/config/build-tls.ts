import { join, resolve } from 'node:path'
import type { ConfigProblem } from './config-error.ts'
import type { ParsedConfig } from './schema/schema.ts'
import type { CertificateSource, ClientCertificates, TlsConfig } from './tls-config.ts'
import { isUnsafeSuite, openSslNames } from './words/cipher-suites.ts'

type ParsedTls = ParsedConfig['http']['tls']

/** What the file says, in the program's words; undefined for plain HTTP. The configuration has no contradictions. */
export function tlsConfig({ http, storage }: ParsedConfig): TlsConfig | undefined {
  const { tls } = http
  const source = certificateSource(tls, storage.filesystem?.rootdirectory)
  if (source === undefined) return undefined
  return {
    source,
    minimumVersion: tls.minimumtls,
    cipherSuites: openSslNames(tls.ciphersuites),
    clients: clientCertificates(tls),
  }
}

function certificateSource(tls: ParsedTls, root: string | undefined): CertificateSource | undefined {
  const { certificate, key, letsencrypt, selfsigned } = tls
  if (certificate && key) return { kind: 'files', certificate: resolve(certificate), key: resolve(key) }
  if (selfsigned.enabled) {
    const folder = selfsigned.folder ?? join(root ?? '.', 'berth/tls')
    return { kind: 'self-signed', folder: resolve(folder), hosts: selfsigned.hosts }
  }
  const { cachefile, email, hosts, directoryurl, challengeaddr } = letsencrypt
  if (!cachefile || challengeaddr.kind !== 'tcp') return undefined
  return { kind: 'acme', folder: resolve(cachefile), email, hosts, directoryUrl: directoryurl, challenge: challengeaddr }
}

function clientCertificates({ clientcas, clientauth }: ParsedTls): ClientCertificates {
  if (clientauth === 'request-client-cert') return { kind: 'asked' }
  if (clientcas.length === 0) return { kind: 'not asked' }
  return { kind: 'verified', authorities: clientcas.map((path) => resolve(path)) }
}

/** What each key of `http.tls` allows and the keys together do not. */
export function findTlsContradictions({ http, storage }: ParsedConfig): ConfigProblem[] {
  const { tls } = http
  const named = [
    tls.certificate && 'certificate',
    tls.letsencrypt.cachefile && 'letsencrypt',
    tls.selfsigned.enabled && 'selfsigned',
  ]
  const sources = named.filter((name) => Boolean(name))
  if (sources.length === 0) return withoutCertificate(tls)
  const problems: ConfigProblem[] = []
  const complain = (path: string, message: string) =>
    problems.push({ path: ['http.tls', path].filter(Boolean).join('.'), message })
  if (sources.length > 1) complain('', `takes its certificate from ${sources.join(' and ')}; leave one of them`)
  if (tls.certificate && !tls.key) complain('certificate', 'needs http.tls.key beside it')
  if (http.net === 'unix') complain('', 'is for network addresses; a socket serves this machine alone and needs no certificate')
  if (tls.selfsigned.enabled && !tls.selfsigned.folder && storage.filesystem === undefined) {
    complain('selfsigned.folder', 'is needed, because this storage has no folder for them')
  }
  if (tls.letsencrypt.cachefile && tls.letsencrypt.hosts.length === 0) {
    complain('letsencrypt.hosts', 'is empty; write the names to ask for')
  }
  if (tls.letsencrypt.challengeaddr.kind !== 'tcp') complain('letsencrypt.challengeaddr', 'must be host:port or :port')
  return [...problems, ...clientProblems(tls), ...suiteProblems(tls)]
}

/** To serve plain HTTP where TLS is configured would be worse than not to start. */
function withoutCertificate(tls: ParsedTls): ConfigProblem[] {
  const asked = [tls.key && 'key', tls.clientcas.length > 0 && 'clientcas', tls.clientauth && 'clientauth'].find(Boolean)
  if (!asked) return []
  return [{ path: `http.tls.${asked}`, message: 'asks for HTTPS, for which http.tls.certificate and http.tls.key are needed' }]
}

const CANNOT_SEE = "cannot be kept: Berth's HTTPS checks certificates for everyone or for nobody"

function clientProblems({ clientauth, clientcas }: ParsedTls): ConfigProblem[] {
  const problem = (message: string) => [{ path: 'http.tls.clientauth', message }]
  switch (clientauth) {
    case undefined:
    case 'request-client-cert':
      return []
    case 'require-and-verify-client-cert':
      return clientcas.length > 0 ? [] : problem('needs http.tls.clientcas, the authorities to verify with')
    case 'require-any-client-cert':
      return problem(`${CANNOT_SEE}; name the authorities in http.tls.clientcas and use require-and-verify-client-cert`)
    case 'verify-client-cert-if-given':
      return problem(`${CANNOT_SEE}; use require-and-verify-client-cert, or request-client-cert to let everyone in`)
  }
}

function suiteProblems({ ciphersuites, minimumtls }: ParsedTls): ConfigProblem[] {
  if (minimumtls === 'tls1.3' || ciphersuites.length === 0 || openSslNames(ciphersuites).length > 0) return []
  return [
    {
      path: 'http.tls.ciphersuites',
      message: 'leaves none for TLS 1.2; add one that is safe, or set http.tls.minimumtls to tls1.3',
    },
  ]
}

/** What has no effect, in sentences. */
export function tlsNotices(parsed: ParsedConfig): string[] {
  const { tls } = parsed.http
  const unsafe = tls.ciphersuites.filter(isUnsafeSuite)
  const notices = unsafe.length > 0 ? [`http.tls.ciphersuites: ${unsafe.join(', ')}: unsafe, and not offered.`] : []
  const { minimumtls, ciphersuites } = tls
  const isTuned = minimumtls !== 'tls1.2' || ciphersuites.length > 0
  if (tlsConfig(parsed) !== undefined || !isTuned) return notices
  return [...notices, 'http.tls: Berth serves plain HTTP, because there is no certificate; what stands here has no effect.']
}
