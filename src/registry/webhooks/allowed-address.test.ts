import { expect, test } from 'bun:test'
import { type AddressRules, allowedAddress, ForbiddenAddressError } from './allowed-address.ts'

const rules: AddressRules = { allowsLoopback: false, resolve: async () => [] }
const resolving = (...addresses: string[]): AddressRules => ({ ...rules, resolve: async () => addresses })

test.each([
  ...['169.254.169.254', '169.254.170.2', '100.100.100.200', '168.63.129.16', '192.0.0.192', '0.0.0.0', '0.1.2.3', '224.0.0.1'],
  ...['255.255.255.255', '[fd00:ec2::254]', '[fe80::1]', '[::]', '[ff02::1]', '127.0.0.1', '127.8.9.10', '[::1]'],
  // IPv4 in the clothes of IPv6: mapped, compatible, translated, 6to4.
  ...['[::ffff:169.254.169.254]', '[::ffff:7f00:1]', '[::127.0.0.1]', '[64:ff9b::a9fe:a9fe]', '[2002:7f00:1::]'],
  // The URL parser reads each of these as 127.0.0.1 or 169.254.169.254.
  ...['2130706433', '0x7f.1', '0177.0.0.1', '0xa9fea9fe', '169.254.43518'],
])('%s is refused', async (host) => {
  const { hostname } = new URL(`http://${host}/`)

  await expect(allowedAddress(hostname, rules)).rejects.toBeInstanceOf(ForbiddenAddressError)
})

test.each(['10.0.0.1', '192.168.1.1', '192.0.2.1', '[2001:db8::1]', '[fd12::1]', '[64:ff9b::c000:201]'])(
  '%s is allowed',
  async (host) => {
    expect(await allowedAddress(new URL(`http://${host}/`).hostname, rules)).toBe(host.replace(/[[\]]/g, ''))
  },
)

test('loopback is allowed where the configuration says so, and a metadata service never', async () => {
  const allowing = { ...rules, allowsLoopback: true }

  expect(await allowedAddress('127.0.0.1', allowing)).toBe('127.0.0.1')
  expect(await allowedAddress('[::1]', allowing)).toBe('::1')
  await expect(allowedAddress('169.254.169.254', allowing)).rejects.toBeInstanceOf(ForbiddenAddressError)
})

test('a name is refused when any of its addresses is, and its first address is the one to connect to', async () => {
  expect(await allowedAddress('hook.example.com', resolving('192.0.2.1', '2001:db8::1'))).toBe('192.0.2.1')
  await expect(allowedAddress('hook.example.com', resolving('192.0.2.1', '127.0.0.1'))).rejects.toThrow(
    'hook.example.com (127.0.0.1) is an address of the registry itself',
  )
  await expect(allowedAddress('hook.example.com', resolving())).rejects.toThrow('hook.example.com has no address')
})
