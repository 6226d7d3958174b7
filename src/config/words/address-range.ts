import { isIP } from 'node:net'

/** Addresses that have their first `prefix` bits in common. */
export interface AddressRange {
  readonly address: string
  readonly family: 'ipv4' | 'ipv6'
  /** Bits. */
  readonly prefix: number
}

/** `192.0.2.0/24`, or one address; undefined when the text is neither. */
export function findAddressRange(text: string): AddressRange | undefined {
  const [, address = '', bits] = /^([0-9A-Fa-f.:]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const version = isIP(address)
  if (version === 0) return undefined
  const longest = version === 4 ? 32 : 128
  const prefix = bits === undefined ? longest : Number(bits)
  return prefix > longest ? undefined : { address, family: version === 4 ? 'ipv4' : 'ipv6', prefix }
}

/** Addresses of this machine, and those that no client on the internet has (RFC 1918, RFC 3927, RFC 4193, RFC 4291, RFC 6598). */
export const PRIVATE_RANGES: readonly AddressRange[] = [
  ...['127.0.0.0/8', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16', '100.64.0.0/10'],
  ...['::1', 'fc00::/7', 'fe80::/10'],
].flatMap((text) => findAddressRange(text) ?? [])
