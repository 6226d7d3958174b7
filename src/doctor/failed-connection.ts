/** Why nothing was answered, from what the program that tried calls it: what is wrong, and what to do. */

interface Reason {
  readonly pattern: RegExp
  readonly advice: string
}

const REASONS: readonly Reason[] = [
  {
    pattern: /CERT_HAS_EXPIRED/,
    advice:
      'The certificate has expired, or the clock of this machine is ahead: compare `date -u` with a clock that is right, then renew the certificate.',
  },
  {
    pattern: /CERT_NOT_YET_VALID/,
    advice:
      'The certificate is not valid yet, so a clock is wrong: compare `date -u` here and on the machine that made it with one that is right.',
  },
  {
    pattern: /ALTNAME|HOSTNAME_MISMATCH/,
    advice:
      'The certificate speaks for other names: use one of those, or make one with this name (berth certificate create --host NAME, or --ip ADDRESS).',
  },
  {
    pattern: /SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)|ISSUER|CERT_UNTRUSTED|unknown certificate/i,
    advice:
      'Clients do not trust the authority of the certificate: tell them (berth client setup), or give it to this examination with --ca FILE. If the authority is a public one, the server does not show the certificates between its own and the authority: put the whole chain into its certificate file.',
  },
  {
    pattern: /CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE/,
    advice: 'The server wants a certificate of the client (--cert, --key), or an older version of TLS than clients speak.',
  },
  {
    pattern: /EPROTO|WRONG_VERSION|PACKET_LENGTH|HTTP_REQUEST|does the server speak TLS/i,
    advice:
      'Something answers there, but not by TLS: use http:// if the registry speaks plain HTTP, or the port where TLS ends. Or it wants a certificate of the client: give it with --cert and --key.',
  },
  {
    pattern: /ConnectionRefused|ECONNREFUSED/,
    advice: 'Nothing listens there, or a firewall refuses: is the server or the proxy running?',
  },
  {
    pattern: /ENOTFOUND|getaddrinfo|EAI_|FailedToOpenSocket|DNS/i,
    advice: 'The name leads nowhere from here: look at DNS, and at the spelling.',
  },
  {
    pattern: /Timeout|ETIMEDOUT/i,
    advice: 'Nothing came back in time: a firewall swallows the packets, or the address leads nowhere from here.',
  },
  {
    pattern: /ConnectionClosed|ECONNRESET|socket connection was closed|EPIPE/i,
    advice:
      'The connection was closed without an answer: plain HTTP where TLS is spoken, or a proxy that cannot reach the registry.',
  },
]

export function adviceFor(error: unknown): string {
  const text = describeError(error)
  return REASONS.find(({ pattern }) => pattern.test(text))?.advice ?? 'Nothing is known about this failure.'
}

/** With its code, which says more than most messages. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : ''
  return `${error.name === 'Error' || error.name === 'TypeError' ? '' : `${error.name}: `}${error.message.split('\n')[0]}${code}`
}
