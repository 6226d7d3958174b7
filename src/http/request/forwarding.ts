import { BlockList, isIP } from 'node:net'
import type { Connection, Forwarded, Handler } from '../pipeline.ts'
import { isHost } from './target.ts'

/** Addresses that have their first `prefix` bits in common. */
export interface ProxyRange {
  readonly address: string
  readonly family: 'ipv4' | 'ipv6'
  readonly prefix: number
}

/** Whom to believe about clients. */
export interface TrustedProxies {
  readonly ranges: readonly ProxyRange[]
  /** The operator's own list: what stands in a chain is then followed through all of them. */
  readonly areNamed: boolean
}

/**
 * Believes what proxies say about their clients: X-Forwarded-For, -Proto, -Host and -Port, and `Forwarded` (RFC 7239) where there is
 * no X-Forwarded-For. From an address that is not a trusted proxy's none of it counts. A unix socket is as trusted as its peer, who
 * may open it.
 */
export function withForwarding({ ranges, areNamed }: TrustedProxies, handler: Handler): Handler {
  const isTrusted = isWithin(ranges)
  return (request, connection) => {
    const { headers } = request
    const listed = headers.get('x-forwarded-for')
    const standard = listed === null ? headers.get('forwarded') : null
    const scheme = headers.get('x-forwarded-proto')
    const host = headers.get('x-forwarded-host')
    if (listed === null && standard === null && scheme === null && host === null) return handler(request, connection)
    const { client: peer } = connection
    if (peer !== undefined && !isTrusted(peer)) return handler(request, connection)
    const said = standard === null ? { scheme, host, port: headers.get('x-forwarded-port') } : elementsOf(standard)
    const hops = standard === null ? (listed ?? '').split(',') : forsOf(standard)
    // A peer of a private network that is not named is believed about its own peer, and nothing about those before it.
    const path = areNamed ? hops : hops.slice(-1)
    return handler(request, { ...connection, ...forwardedConnection(peer, path, { isTrusted, said }) })
  }
}

/** Says of an address whether it is in one of the ranges. */
export function isWithin(ranges: readonly ProxyRange[]): (address: string) => boolean {
  const all = new BlockList()
  for (const { address, prefix, family } of ranges) all.addSubnet(address, prefix, family)
  return (address) => all.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}

interface Said {
  readonly scheme: string | null
  readonly host: string | null
  readonly port: string | null
}

function forwardedConnection(
  peer: string | undefined,
  path: readonly string[],
  { isTrusted, said }: { readonly isTrusted: (address: string) => boolean; readonly said: Said },
): Connection {
  const client = clientOf(peer, path, isTrusted)
  const scheme = firstOf(said.scheme).toLowerCase()
  const forwarded: Forwarded = {
    scheme: scheme === 'http' || scheme === 'https' ? scheme : undefined,
    host: hostOf(firstOf(said.host), firstOf(said.port), scheme),
  }
  return { client, proxy: client === peer ? undefined : peer, forwarded }
}

/** From the right, which the nearest proxy wrote, to the first address that is not a trusted proxy's. What is no address ends the walk. */
function clientOf(
  peer: string | undefined,
  path: readonly string[],
  isTrusted: (address: string) => boolean,
): string | undefined {
  let client = peer
  for (const text of path.toReversed()) {
    const address = findAddress(text)
    if (address === undefined) return client
    client = address
    if (!isTrusted(address)) return client
  }
  return client
}

/** Some proxies add the port, and IPv6 stands in brackets then. */
function findAddress(text: string): string | undefined {
  const [, bracketed, plain] = /^\s*"?(?:\[([0-9A-Fa-f:.]+)\](?::\d+)?|([0-9A-Fa-f.:]+?))"?\s*$/.exec(text) ?? []
  const address = (bracketed ?? plain ?? '').replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1').replace(/^::ffff:(?=\d+\.)/i, '')
  return isIP(address) === 0 ? undefined : address
}

function hostOf(host: string, port: string, scheme: string): string | undefined {
  if (!isHost(host)) return undefined
  const usual = scheme === 'https' ? '443' : '80'
  const needsPort = /^\d{1,5}$/.test(port) && port !== usual && !/:\d+$/.test(host)
  return needsPort ? `${host}:${port}` : host
}

/** Of a list what the first proxy wrote: it knows what the client asked. */
function firstOf(list: string | null): string {
  return (list ?? '').split(',', 1).join('').trim()
}

const FOR = /(?:^|;)\s*for=("[^"]*"|[^;"\s]+)/i

/** The `for` of each element; an element without one is no address. */
function forsOf(forwarded: string): readonly string[] {
  return forwarded.split(',').map((element) => FOR.exec(element.trim())?.[1] ?? '')
}

function elementsOf(forwarded: string): Said {
  const [first = ''] = forwarded.split(',')
  const value = (name: string) => {
    return new RegExp(`(?:^|;)\\s*${name}=(?:"([^"]*)"|([^;"\\s]+))`, 'i').exec(first.trim())?.slice(1).find(Boolean) ?? null
  }
  return { scheme: value('proto'), host: value('host'), port: null }
}
