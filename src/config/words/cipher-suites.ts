/** Cipher suites by the names that Go, and therefore registry:2, gives them. */

/** What OpenSSL calls those for TLS 1.2 and older; undefined for those that Bun's TLS left out as unsafe. */
const OPENSSL_NAMES: Readonly<Record<string, string | undefined>> = {
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: 'ECDHE-ECDSA-AES128-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: 'ECDHE-ECDSA-AES256-SHA',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: 'ECDHE-RSA-AES128-SHA',
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: 'ECDHE-RSA-AES256-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256: 'ECDHE-ECDSA-AES128-SHA256',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256: 'ECDHE-RSA-AES128-SHA256',
  TLS_RSA_WITH_AES_128_GCM_SHA256: 'AES128-GCM-SHA256',
  TLS_RSA_WITH_AES_256_GCM_SHA384: 'AES256-GCM-SHA384',
  TLS_RSA_WITH_AES_128_CBC_SHA: 'AES128-SHA',
  TLS_RSA_WITH_AES_256_CBC_SHA: 'AES256-SHA',
  TLS_RSA_WITH_3DES_EDE_CBC_SHA: 'DES-CBC3-SHA',
  TLS_RSA_WITH_AES_128_CBC_SHA256: undefined,
  TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA: undefined,
  TLS_RSA_WITH_RC4_128_SHA: undefined,
  TLS_ECDHE_RSA_WITH_RC4_128_SHA: undefined,
  TLS_ECDHE_ECDSA_WITH_RC4_128_SHA: undefined,
}

/** Of TLS 1.3, which cannot be switched off one by one; not by registry:2 either. */
const TLS_1_3 = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256']

export function isCipherSuite(name: string): boolean {
  return Object.hasOwn(OPENSSL_NAMES, name) || TLS_1_3.includes(name)
}

/** Known, and left out of every build of Bun. */
export function isUnsafeSuite(name: string): boolean {
  return Object.hasOwn(OPENSSL_NAMES, name) && OPENSSL_NAMES[name] === undefined
}

/** OpenSSL's names of those that are offered for TLS 1.2 and older. */
export function openSslNames(names: readonly string[]): string[] {
  return names.flatMap((name) => OPENSSL_NAMES[name] ?? [])
}
