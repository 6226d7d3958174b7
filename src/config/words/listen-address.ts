/** Where the server listens. */
export type ListenAddress = TcpAddress | UnixAddress

export interface TcpAddress {
  readonly kind: 'tcp'
  /** A name or an address without brackets; undefined is every interface, IPv4 and IPv6. */
  readonly hostname: string | undefined
  /** 0 takes a free port. */
  readonly port: number
}

export interface UnixAddress {
  readonly kind: 'unix'
  readonly path: string
}

const TCP_ADDRESS = /^(?:\[([0-9A-Fa-f:.%]+)\]|([A-Za-z0-9._-]*)):(\d{1,5})$/
const UNSPECIFIED: ReadonlySet<string> = new Set(['0.0.0.0', '::'])
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/

/** `host:port`, `:port` or `[address]:port`; undefined when the text is none of them. */
export function findTcpAddress(text: string): TcpAddress | undefined {
  const match = TCP_ADDRESS.exec(text)
  if (match === null) return undefined
  const [, bracketed, plain, port] = match
  if (Number(port) > 65_535) return undefined
  return { kind: 'tcp', hostname: bracketed ?? (plain || undefined), port: Number(port) }
}

/** As Go listens: on 0.0.0.0 and on :: alike, every interface means IPv4 and IPv6. */
export function findEveryInterface(address: TcpAddress | undefined): TcpAddress | undefined {
  return address !== undefined && UNSPECIFIED.has(address.hostname ?? '') ? { ...address, hostname: undefined } : address
}

/** True when only this machine can reach it. */
export function isLoopback(address: ListenAddress): boolean {
  return address.kind === 'unix' || LOOPBACK.test(address.hostname ?? '')
}
