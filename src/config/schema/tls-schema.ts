import { isCipherSuite } from '../words/cipher-suites.ts'
import { exact, key, list, optionalKey, section } from './keys.ts'
import { boolean, certificateHost, listenAddress, oneOf, text, webUrl } from './values.ts'

const CLIENT_AUTH_MODES = [
  'request-client-cert',
  'require-any-client-cert',
  'verify-client-cert-if-given',
  'require-and-verify-client-cert',
] as const

const cipherSuite = text.refine(isCipherSuite, {
  error: 'is not the name of a cipher suite; write it as Go does, for example TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
})

const letsencrypt = section({
  cachefile: optionalKey(text, {
    about: "The folder for the certificates that Let's Encrypt gives; one of registry:3 is used as it is. Switches it on.",
    example: '/var/lib/berth/letsencrypt',
  }),
  email: optionalKey(text, { about: "Where Let's Encrypt may write to.", example: 'operator@example.com' }),
  hosts: list(text, { about: 'The names to ask for; each gets a certificate of its own.', example: '[registry.example.com]' }),
  directoryurl: optionalKey(webUrl, {
    about: "The ACME directory to ask; Let's Encrypt's when left out.",
    example: 'https://acme-staging-v02.api.letsencrypt.org/directory',
  }),
  challengeaddr: key(listenAddress, {
    default: ':80',
    example: ':8080',
    about:
      'Where Berth answers the question that proves the names are its own (HTTP-01); requests to port 80 of each name must arrive here. Everything else is sent on to HTTPS.',
  }),
})

const selfsigned = exact(
  section({
    enabled: key(boolean, {
      default: 'false',
      example: 'true',
      about:
        'Makes an authority and a certificate on the first start, and renews the certificate; what `serve --tls self-signed` sets.',
    }),
    folder: optionalKey(text, {
      about: 'Where they are kept; berth/tls below the root folder when left out.',
      example: '/etc/berth/tls',
    }),
    hosts: list(certificateHost, {
      about: 'The names and addresses that clients use, beside those of this machine.',
      example: '[registry.example.com, 10.0.0.1]',
    }),
  }),
)

/** HTTPS. */
export const tls = section({
  certificate: optionalKey(text, {
    about: 'The file with the certificate and, after it, those that lead to the authority. Switches HTTPS on.',
    example: '/certs/registry.crt',
  }),
  key: optionalKey(text, { about: 'The file with the key of the certificate.', example: '/certs/registry.key' }),
  clientcas: list(text, {
    about: 'Files with the authorities of client certificates; who shows none of theirs is refused.',
    example: '[/certs/clients.crt]',
  }),
  clientauth: optionalKey(oneOf(...CLIENT_AUTH_MODES), {
    about:
      'What is asked of clients: require-and-verify-client-cert (when left out and clientcas is set) or request-client-cert, which asks and lets everyone in.',
    example: 'require-and-verify-client-cert',
  }),
  minimumtls: key(oneOf('tls1.0', 'tls1.1', 'tls1.2', 'tls1.3'), {
    default: 'tls1.2',
    example: 'tls1.3',
    about: 'The oldest version of TLS that is spoken.',
  }),
  ciphersuites: list(cipherSuite, {
    about:
      'The cipher suites for TLS 1.2 and older, by the names of Go; good ones when left out. Those of TLS 1.3 are always there.',
    example: '[TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]',
  }),
  letsencrypt,
  selfsigned,
})
