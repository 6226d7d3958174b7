import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'

/** All addresses of a host name. */
export type Resolve = (host: string) => Promise<readonly string[]>

export const resolveWithSystem: Resolve = async (host) => (await lookup(host, { all: true })).map(({ address }) => address)

/** An address that webhooks do not go to. */
export class ForbiddenAddressError extends Error {
  override readonly name = 'ForbiddenAddressError'
}

/** Where the data of a cloud's machines are told to whatever asks (link-local among them), and what is no address of a server. */
const NEVER = listOf([
  ...['169.254.0.0/16', 'fe80::/10', 'fd00:ec2::254/128', '100.100.100.200/32', '168.63.129.16/32', '192.0.0.192/32'],
  ...['0.0.0.0/8', '::/128', '224.0.0.0/4', '240.0.0.0/4', 'ff00::/8'],
])
const LOOPBACK = listOf(['127.0.0.0/8', '::1/128'])

export interface AddressRules {
  /** `events.webhooks.loopback`: receivers may be on this machine. */
  readonly allowsLoopback: boolean
  readonly resolve: Resolve
}

/**
 * The address to connect to for a host: its first one, when all that it has are allowed. It is looked up once for each request, and the connection is
 * made to just this address, so that a second look cannot give another one. Throws ForbiddenAddressError, and what the resolver says.
 */
export async function allowedAddress(hostname: string, { allowsLoopback, resolve }: AddressRules): Promise<string> {
  const host = hostname.replace(/^\[|\]$/g, '')
  const addresses = isIP(host) === 0 ? await resolve(host) : [host]
  for (const address of addresses) {
    const kind = forbiddenKind(address, allowsLoopback)
    if (kind !== undefined) throw new ForbiddenAddressError(`${host === address ? host : `${host} (${address})`} is ${kind}`)
  }
  const [first] = addresses
  if (first === undefined) throw new Error(`${host} has no address`)
  return first
}

function forbiddenKind(address: string, allowsLoopback: boolean): string | undefined {
  const plain = embeddedIpv4(address) ?? address
  if (contains(NEVER, plain)) return 'an address that webhooks never go to: link-local, of a metadata service, or of no server'
  if (contains(LOOPBACK, plain) && !allowsLoopback)
    return 'an address of the registry itself; events.webhooks.loopback: true allows it'
  return undefined
}

function contains(list: BlockList, address: string): boolean {
  return list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}

/** An IPv4 address in the clothes of IPv6 (RFC 4291, 6052, 3056) leads to that address. */
function embeddedIpv4(address: string): string | undefined {
  if (isIP(address) !== 6) return undefined
  const groups = groupsOf(address)
  const [first, second] = groups
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && (groups[5] === 0xffff || groups[5] === 0)
  const isTranslated = first === 0x64 && second === 0xff9b
  if (isMapped && !(groups[5] === 0 && groups[6] === 0)) return ipv4Of(groups[6], groups[7])
  if (isTranslated) return ipv4Of(groups[6], groups[7])
  return first === 0x2002 ? ipv4Of(groups[1], groups[2]) : undefined
}

function ipv4Of(high = 0, low = 0): string {
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

/** The eight groups. The URL parser writes every form of an address in the same way. */
function groupsOf(address: string): readonly number[] {
  const [text = ''] = address.split('%')
  const written = new URL(`http://[${text}]/`).hostname.slice(1, -1)
  const [left = '', right = ''] = written.includes('::') ? written.split('::') : [written, '']
  const [before, after] = [left, right].map((part) =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)),
  )
  const zeros = new Array<number>(8 - (before?.length ?? 0) - (after?.length ?? 0)).fill(0)
  return [...(before ?? []), ...zeros, ...(after ?? [])]
}

function listOf(ranges: readonly string[]): BlockList {
  const list = new BlockList()
  for (const range of ranges) {
    const [address = '', bits = ''] = range.split('/')
    list.addSubnet(address, Number(bits), address.includes(':') ? 'ipv6' : 'ipv4')
  }
  return list
}
