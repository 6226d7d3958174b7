import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { ConfigError } from './config-error.ts'
import type { Environment } from './environment.ts'
import { loadConfig } from './load-config.ts'

const FILES = { certificate: '/certs/registry.pem', key: '/certs/registry-key.pem' }
const VARIABLES = {
  REGISTRY_HTTP_TLS_CERTIFICATE: FILES.certificate,
  REGISTRY_HTTP_TLS_KEY: FILES.key,
}

const folder = mkdtempSync(join(tmpdir(), 'berth-tls-config-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('clients', () => {
  test('need no certificate when REGISTRY_HTTP_TLS_CLIENTCAS_0 alone asks for one, as in registry:2, and the operator is told', () => {
    const { config, notices } = load({}, { ...VARIABLES, REGISTRY_HTTP_TLS_CLIENTCAS_0: '/certs/ca.pem' })

    expect(config.http.tls?.clients).toEqual({ kind: 'not asked' })
    expect(notices).toEqual([
      expect.stringMatching(/^REGISTRY_HTTP_TLS_CLIENTCAS_0 HAS NO EFFECT, as in registry:2: clients need NO certificate\. /),
    ])
  })

  test.each<readonly [form: string, tls: object, environment: Environment]>([
    ['the file', { clientcas: ['/certs/ca.pem'] }, {}],
    ['a variable with a list', {}, { REGISTRY_HTTP_TLS_CLIENTCAS: '["/certs/ca.pem"]' }],
    [
      'a variable with a place, and clientauth beside it',
      {},
      { REGISTRY_HTTP_TLS_CLIENTCAS_0: '/certs/ca.pem', REGISTRY_HTTP_TLS_CLIENTAUTH: 'require-and-verify-client-cert' },
    ],
    [
      'a variable with a place, and clientauth in the file',
      { clientauth: 'require-and-verify-client-cert' },
      { REGISTRY_HTTP_TLS_CLIENTCAS_0: '/certs/ca.pem' },
    ],
    [
      'the file, whatever the variable with a place says',
      { clientcas: ['/certs/ca.pem'] },
      { REGISTRY_HTTP_TLS_CLIENTCAS_0: '/b' },
    ],
  ])('must show a certificate when %s says so', (_, tls, environment) => {
    const { config } = load({ ...FILES, ...tls }, environment)

    expect(config.http.tls?.clients).toEqual({ kind: 'verified', authorities: ['/certs/ca.pem'] })
  })

  test.each([
    ['require-any-client-cert', 'name the authorities in http.tls.clientcas and use require-and-verify-client-cert'],
    ['verify-client-cert-if-given', 'use require-and-verify-client-cert, or request-client-cert to let everyone in'],
  ])('cannot be asked by %s, which is refused with what to do', (clientauth, advice) => {
    const problems = problemsOf({ ...FILES, clientcas: ['/ca'], clientauth })

    expect(problems).toEqual([
      `http.tls.clientauth cannot be kept: Berth's HTTPS checks certificates for everyone or for nobody; ${advice}`,
    ])
  })
})

describe('http.tls', () => {
  test.each([
    [{ certificate: '/c' }, 'http.tls.certificate needs http.tls.key beside it'],
    [{ key: '/k' }, 'http.tls.key asks for HTTPS, for which http.tls.certificate and http.tls.key are needed'],
    [{ clientcas: ['/a'] }, 'http.tls.clientcas asks for HTTPS, for which http.tls.certificate and http.tls.key are needed'],
    [
      { ...FILES, clientauth: 'require-and-verify-client-cert' },
      'http.tls.clientauth needs http.tls.clientcas, the authorities to verify with',
    ],
    [
      { ...FILES, letsencrypt: { cachefile: '/l', hosts: ['a.example'] } },
      'http.tls takes its certificate from certificate and letsencrypt; leave one of them',
    ],
    [{ letsencrypt: { cachefile: '/l' } }, 'http.tls.letsencrypt.hosts is empty; write the names to ask for'],
    [
      { ...FILES, ciphersuites: ['TLS_RSA_WITH_RC4_128_SHA'] },
      'http.tls.ciphersuites leaves none for TLS 1.2; add one that is safe, or set http.tls.minimumtls to tls1.3',
    ],
    [
      { ...FILES, ciphersuites: ['AES128-SHA'] },
      'http.tls.ciphersuites.0 is not the name of a cipher suite; write it as Go does, for example TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
    ],
    [{ ...FILES, minimumtls: 'tls1.4' }, 'http.tls.minimumtls is not allowed; use tls1.0, tls1.1, tls1.2 or tls1.3'],
    [{ selfsigned: { enabled: true } }, 'http.tls.selfsigned.folder is needed, because this storage has no folder for them'],
    [
      { selfsigned: { enabled: true, hosts: ['https://a'] } },
      'http.tls.selfsigned.hosts.0 is neither a host name nor an address; write it as registry.example.com or 10.0.0.1',
    ],
  ])('%j is refused', (tls, sentence) => {
    expect(problemsOf(tls)).toEqual([sentence])
  })

  test('is for network addresses', () => {
    expect(problemsOf(FILES, { net: 'unix', addr: '/s.sock' })).toEqual([
      'http.tls is for network addresses; a socket serves this machine alone and needs no certificate',
    ])
  })

  test('tells which cipher suites are not offered because they are unsafe', () => {
    const ciphersuites = ['TLS_RSA_WITH_RC4_128_SHA', 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256']
    const { config, notices } = load({ ...FILES, ciphersuites })

    expect(config.http.tls?.cipherSuites).toEqual(['ECDHE-RSA-AES128-GCM-SHA256'])
    expect(notices).toEqual([
      expect.stringMatching(/\.yml:8: http\.tls\.ciphersuites: TLS_RSA_WITH_RC4_128_SHA: unsafe, and not offered\.$/),
    ])
  })

  test('tells that a minimum without a certificate has no effect', () => {
    const { config, notices } = load({ minimumtls: 'tls1.3' })

    expect(config.http.tls).toBeUndefined()
    expect(notices).toEqual([
      expect.stringMatching(
        /\.yml:5: http\.tls: Berth serves plain HTTP, because there is no certificate; what stands here has no effect\.$/,
      ),
    ])
  })
})

function load(tls: object, environment: Environment = {}, http: object = {}) {
  const path = join(folder, `${crypto.randomUUID()}.yml`)
  writeFileSync(path, stringify({ version: '0.1', storage: { inmemory: {} }, http: { ...http, tls } }))
  return loadConfig({ path, environment })
}

function problemsOf(tls: object, http: object = {}): string[] {
  try {
    load(tls, {}, http)
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map(({ path, message }) => `${path} ${message}`)
  }
}
