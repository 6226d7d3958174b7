import { isIP } from 'node:net'
import type { ListenAddress } from '../config/words/listen-address.ts'

/** The address that a setting names cannot be listened on. The message says why and what to do. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
}

export interface Listening {
  /** The key, as in `http.addr`. */
  readonly setting: string
  readonly address: ListenAddress
}

/** What the system says about an address, in a sentence for the operator; whatever else failed is given back as it is. */
export function listenErrorOf(error: unknown, { setting, address }: Listening): unknown {
  if (!(error instanceof Error)) return error
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  const sentence = address.kind === 'tcp' ? tcpSentence(code, error, address) : socketSentence(code, address.path)
  return sentence === undefined ? error : new ListenError(`${sentence} The setting is ${setting}.`, { cause: error })
}

function tcpSentence(code: string | undefined, error: Error, { hostname, port }: Extract<ListenAddress, { kind: 'tcp' }>) {
  const place = hostname === undefined ? `port ${port}` : `${hostname.includes(':') ? `[${hostname}]` : hostname}:${port}`
  switch (code) {
    case 'EADDRINUSE':
      return `The address is in use: something else listens on ${place}. Stop it, or choose another port.`
    case 'EACCES':
    case 'EPERM':
      return `User ${user()} may not listen on ${place}: choose a port above 1023, or allow it (CAP_NET_BIND_SERVICE).`
    case 'EADDRNOTAVAIL':
      return `This machine has no address ${hostname}: write one that it has, or :${port} for all of them.`
    case 'EAFNOSUPPORT':
      return `This machine has no addresses of the kind of ${place}: write :${port} for those that it has.`
    case 'EMFILE':
    case 'ENFILE':
    case 'ENOBUFS':
    case 'ENOMEM':
      return undefined
    default:
      // For a name that is unknown node:http has ENOTFOUND. Bun's server has no code, or that of an earlier error: ENOENT mostly, also EINVAL.
      return hostname !== undefined && isIP(hostname) === 0 && (code === 'ENOTFOUND' || isOfListening(error))
        ? `The name ${hostname} is unknown to this machine: correct it, or write :${port} for every address of this machine.`
        : undefined
  }
}

function isOfListening({ message }: Error): boolean {
  return message.startsWith('Failed to listen at') || message.endsWith(', listen')
}

function socketSentence(code: string | undefined, path: string): string | undefined {
  switch (code) {
    case 'EADDRINUSE':
      return `The address is in use: something else listens on the socket ${path}. Stop it, or choose another path.`
    case 'ENOENT':
      return `The socket ${path} cannot be made, because its folder is not there: make the folder.`
    case 'ENOTDIR':
      return `The socket ${path} cannot be made, because its folder is a file: choose another path.`
    case 'ENAMETOOLONG':
      return `The socket ${path} cannot be made, because the path is longer than the system allows (107 bytes): choose a shorter one.`
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return `User ${user()} may not make the socket ${path}: change the owner of its folder, or choose another path.`
    default:
      return undefined
  }
}

function user(): string {
  return String(process.getuid?.() ?? 'of this process')
}
