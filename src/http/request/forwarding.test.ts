import { describe, expect, test } from 'bun:test'
import type { Connection, Forwarded } from '../pipeline.ts'
import { withForwarding } from './forwarding.ts'

const PROXIES = [
  { address: '10.0.0.0', family: 'ipv4', prefix: 8 },
  { address: 'fd00::', family: 'ipv6', prefix: 8 },
] as const

/** What the handler hears of a request from this peer with these headers. */
async function connectionOf(
  peer: string | undefined,
  headers: Record<string, string>,
  { areNamed = true } = {},
): Promise<Connection> {
  const heard: Connection[] = []
  const handler = withForwarding({ ranges: PROXIES, areNamed }, async (_, connection) => {
    heard.push(connection)
    return new Response()
  })
  await handler(new Request('http://registry.test/v2/', { headers }), { client: peer })
  const [connection] = heard
  if (connection === undefined) throw new Error('the handler was not called')
  return connection
}

async function clientOf(peer: string | undefined, headers: Record<string, string>): Promise<string | undefined> {
  return (await connectionOf(peer, headers)).client
}

async function forwardedOf(headers: Record<string, string>): Promise<Forwarded | undefined> {
  return (await connectionOf('10.0.0.1', headers)).forwarded
}

describe('the client', () => {
  test('is whom a trusted proxy names, and the proxy is known as such', async () => {
    expect(await connectionOf('10.0.0.1', { 'x-forwarded-for': '192.0.2.7' })).toMatchObject({
      client: '192.0.2.7',
      proxy: '10.0.0.1',
    })
    expect(await clientOf('fd00::1', { forwarded: 'for="[2001:db8::7]:4711";proto=https' })).toBe('2001:db8::7')
    expect(await clientOf(undefined, { 'x-forwarded-for': '192.0.2.7' })).toBe('192.0.2.7')
  })

  test('is the peer when that is no trusted proxy, whatever it says', async () => {
    const headers = { 'x-forwarded-for': '10.0.0.9', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'evil.example.com' }

    expect(await connectionOf('192.0.2.1', headers)).toEqual({ client: '192.0.2.1' })
    expect(await connectionOf('2001:db8::1', { forwarded: 'for=10.0.0.9' })).toEqual({ client: '2001:db8::1' })
  })

  test('is the nearest address that is no proxy: what stands to its left it wrote itself', async () => {
    expect(await clientOf('10.0.0.1', { 'x-forwarded-for': '203.0.113.5, 192.0.2.7, 10.0.0.2' })).toBe('192.0.2.7')
    expect(await clientOf('10.0.0.1', { forwarded: 'for=203.0.113.5, for=192.0.2.7, for=10.0.0.2' })).toBe('192.0.2.7')
    expect(await clientOf('10.0.0.1', { 'x-forwarded-for': '10.0.0.9, 10.0.0.2' })).toBe('10.0.0.9')
  })

  test.each([
    ['192.0.2.7:4711', '192.0.2.7'],
    ['[2001:db8::7]:4711', '2001:db8::7'],
    ['2001:db8::7', '2001:db8::7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['unknown', '10.0.0.1'],
    ['', '10.0.0.1'],
    ['<script>', '10.0.0.1'],
    ['192.0.2.7, nonsense', '10.0.0.1'],
    ['192.0.2.7, _hidden, 10.0.0.2', '10.0.0.2'],
  ])('in X-Forwarded-For: %s is %s', async (header, client) => {
    expect(await clientOf('10.0.0.1', { 'x-forwarded-for': header })).toBe(client)
  })

  test('is not taken from Forwarded when the proxy writes X-Forwarded-For: it passes on what a client wrote there', async () => {
    const headers = { 'x-forwarded-for': '192.0.2.7', forwarded: 'for=203.0.113.5;host=evil.example.com;proto=http' }

    expect(await connectionOf('10.0.0.1', headers)).toMatchObject({
      client: '192.0.2.7',
      forwarded: { host: undefined, scheme: undefined },
    })
  })
})

describe('a peer of a private network that the operator has not named', () => {
  const clientOfOneHop = async (headers: Record<string, string>) =>
    (await connectionOf('10.0.0.1', headers, { areNamed: false })).client

  test('is believed about its own peer alone: that may have written everything to the left', async () => {
    expect(await clientOfOneHop({ 'x-forwarded-for': '192.0.2.7' })).toBe('192.0.2.7')
    expect(await clientOfOneHop({ 'x-forwarded-for': '192.0.2.7, 10.0.0.9' })).toBe('10.0.0.9')
    expect(await clientOfOneHop({ 'x-forwarded-for': '203.0.113.5, 192.0.2.7, 10.0.0.2' })).toBe('10.0.0.2')
    expect(await clientOfOneHop({ forwarded: 'for=192.0.2.7, for=10.0.0.9' })).toBe('10.0.0.9')
  })

  test('is the client itself when what it appended is no address', async () => {
    expect(await clientOfOneHop({ 'x-forwarded-for': '192.0.2.7, unknown' })).toBe('10.0.0.1')
  })
})

describe('scheme and host', () => {
  test.each([
    [{ 'x-forwarded-proto': 'https', 'x-forwarded-host': 'a.example.com' }, 'https', 'a.example.com'],
    [{ 'x-forwarded-proto': 'HTTPS, http', 'x-forwarded-host': 'a.example.com, b.local' }, 'https', 'a.example.com'],
    [{ 'x-forwarded-host': 'a.example.com', 'x-forwarded-port': '8443' }, undefined, 'a.example.com:8443'],
    [{ 'x-forwarded-proto': 'https', 'x-forwarded-host': 'a', 'x-forwarded-port': '443' }, 'https', 'a'],
    [{ 'x-forwarded-host': 'a:5000', 'x-forwarded-port': '8443' }, undefined, 'a:5000'],
    [{ 'x-forwarded-host': '[2001:db8::1]:5000' }, undefined, '[2001:db8::1]:5000'],
    [{ 'x-forwarded-host': 'a"b' }, undefined, undefined],
    [{ 'x-forwarded-host': 'a/b@c' }, undefined, undefined],
    [{ 'x-forwarded-proto': 'javascript' }, undefined, undefined],
    [{ forwarded: 'for=192.0.2.7;host="a.example.com:8443";proto=https, for=10.0.0.2;host=b' }, 'https', 'a.example.com:8443'],
  ])('are those of %j', async (headers, scheme, host) => {
    expect(await forwardedOf(headers as unknown as Record<string, string>)).toEqual({ scheme, host } as never)
  })

  test('are nobody’s business when nothing was forwarded', async () => {
    expect(await connectionOf('10.0.0.1', { host: 'a' })).toEqual({ client: '10.0.0.1' })
  })
})
