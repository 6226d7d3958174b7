import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { isIP } from 'node:net'
import fc from 'fast-check'
import type { AccessController, AccessRequest } from '../../src/access/access.ts'
import { TokenVerifier } from '../../src/access/foreign-tokens/token-verifier.ts'
import { readTrustedKeys } from '../../src/access/foreign-tokens/trusted-keys.ts'
import { HtpasswdAccess } from '../../src/access/htpasswd-access.ts'
import { findBasicCredentials } from '../../src/access/passwords/basic-credentials.ts'
import { FailureLimit } from '../../src/access/passwords/failure-limit.ts'
import { PasswordLogin } from '../../src/access/passwords/password-login.ts'
import type { PasswordBook } from '../../src/access/passwords/passwords.ts'
import { TokenAccess } from '../../src/access/token-access.ts'
import type { Connection } from '../../src/http/pipeline.ts'
import { withForwarding } from '../../src/http/request/forwarding.ts'
import { RegistryError } from '../../src/oci/errors.ts'
import { PROPERTY_TIMEOUT_MS, runs } from '../support/property-runs.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { TokenIssuer } from '../support/token-issuer.ts'
import { byThumbprint, claims } from '../support/token-registry.ts'

setDefaultTimeout(PROPERTY_TIMEOUT_MS)

/** What a header may hold: bytes, one character each. */
const headerValues = fc
  .array(fc.integer({ min: 0x20, max: 0xff }), { maxLength: 60 })
  .map((codes) => String.fromCharCode(...codes).trim())

/** 'let in', or the code of the refusal; anything else that is thrown fails the test. */
async function outcome(access: AccessController, authorization: string): Promise<string> {
  const request: AccessRequest = { authorization, client: undefined, wanted: { kind: 'base' }, origin: () => 'http://registry' }
  try {
    await access.permit(request)
    return 'let in'
  } catch (error) {
    if (error instanceof RegistryError) return error.code
    throw error
  }
}

describe('a password', () => {
  const users = fc.string({ minLength: 1, maxLength: 10 }).filter((name) => !name.includes(':'))

  test('arrives as it was sent, whatever is in it', () => {
    fc.assert(
      fc.property(users, fc.string({ unit: 'binary', maxLength: 20 }), (name, password) => {
        const credentials = findBasicCredentials(`Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`)
        expect(credentials).toEqual({ name, password: Buffer.from(password) })
      }),
      runs(500),
    )
  })

  test('lets in its user alone, and no header makes the registry fail', async () => {
    const hash = await Bun.password.hash('secret', { algorithm: 'bcrypt', cost: 4 })
    const book: PasswordBook = {
      find: async (name) => (name === 'alice' ? { name, passwordHash: hash, revision: '1' } : undefined),
      highestCost: () => 4,
    }
    // A guess of somebody else each time: nobody is slowed.
    const access = () => new HtpasswdAccess(book, new PasswordLogin({ book, checksAtOnce: 4, failures: new FailureLimit() }), 'a')
    const pairs = fc.tuple(
      fc.constantFrom('alice', 'Alice', 'alice ', 'bob', ''),
      fc.constantFrom('secret', 'Secret', 'secret\0', ''),
    )
    const sent = fc.oneof(
      headerValues,
      headerValues.map((text) => `Basic ${text}`),
      headerValues.map((text) => `Basic ${Buffer.from(text, 'latin1').toString('base64')}`),
      pairs.map((pair) => `Basic ${btoa(pair.join(':'))}`),
    )

    await fc.assert(
      fc.asyncProperty(sent, async (authorization) => {
        const credentials = findBasicCredentials(authorization)
        const isRight = credentials?.name === 'alice' && credentials.password.toString() === 'secret'
        expect(await outcome(access(), authorization)).toBe(isRight ? 'let in' : 'UNAUTHORIZED')
      }),
      runs(200),
    )
  })
})

describeWith({ programs: ['openssl'] }, 'a token', () => {
  const resources = new AsyncDisposableStack()
  let access: AccessController
  let token: string
  beforeAll(async () => {
    const folder = resources.use(new TemporaryFolder())
    const issuer = await TokenIssuer.create(folder, 'ES256')
    const keys = await readTrustedKeys({ rootCertBundle: issuer.certificatePath, jwks: undefined })
    const names = { issuer: 'auth.example.com', service: 'registry.example.com' }
    const verifier = new TokenVerifier({ ...names, keys: { current: async () => keys }, algorithms: ['ES256', 'HS256'] })
    access = new TokenAccess({ realm: 'http://a', service: names.service, autoRedirectPath: undefined, verifier })
    token = issuer.token(await byThumbprint(issuer), claims())
  })
  afterAll(async () => await resources.disposeAsync())

  test('with one letter changed, taken out or put in is refused', async () => {
    expect(await outcome(access, `Bearer ${token}`)).toBe('let in')
    // The last letter of a signature has bits that mean nothing.
    const places = fc.nat(token.length - 2)
    const letters = fc.constantFrom(...'ABCabc019-_.')

    await fc.assert(
      fc.asyncProperty(places, letters, fc.nat(2), async (place, letter, removed) => {
        const changed = token.slice(0, place) + letter + token.slice(place + removed)
        fc.pre(changed !== token && changed.slice(0, -1) !== token.slice(0, -1))
        expect(await outcome(access, `Bearer ${changed}`)).toBe('UNAUTHORIZED')
      }),
      runs(500),
    )
  })

  test('that is none is refused, and no header of a token makes the registry fail', async () => {
    const values = fc.oneof(fc.jsonValue(), fc.constantFrom('ES256', 'HS256', 'none', 'RS256'))
    const names = fc.constantFrom('alg', 'kid', 'x5c', 'jwk', 'crit', 'b64', 'typ', 'jku', 'x5u', 'enc', 'zip')
    const headers = fc.dictionary(names, values).map((header) => ({ alg: 'ES256', ...header }))
    const parts = fc.tuple(fc.oneof(headers, fc.jsonValue()), fc.jsonValue(), fc.string({ maxLength: 90 }))
    const madeUp = parts.map(([header, payload, signature]) => {
      return [JSON.stringify(header), JSON.stringify(payload), signature]
        .map((part) => Buffer.from(part).toString('base64url'))
        .join('.')
    })

    await fc.assert(
      fc.asyncProperty(fc.oneof(headerValues, madeUp), async (text) => {
        expect(await outcome(access, `Bearer ${text}`)).toBe('UNAUTHORIZED')
      }),
      runs(1000),
    )
  })
})

test('whatever a proxy is said to have said, the client has an address, and the host is one', async () => {
  const heard: Connection[] = []
  const handler = withForwarding(
    { ranges: [{ address: '10.0.0.0', family: 'ipv4', prefix: 8 }], areNamed: true },
    async (_, connection) => {
      heard.push(connection)
      return new Response()
    },
  )
  const addresses = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('10.0.0.2', 'unknown', '_x', '"[::1]:80"', '1.2.3.4:5', ''))
  const lists = fc.oneof(
    headerValues,
    fc.array(addresses, { maxLength: 5 }).map((list) => list.join(', ')),
  )
  const names = ['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-forwarded-port', 'forwarded'] as const
  const sent = fc.uniqueArray(fc.tuple(fc.constantFrom(...names), lists), { selector: ([name]) => name })

  await fc.assert(
    fc.asyncProperty(sent, fc.constantFrom('10.0.0.1', '192.0.2.1'), async (headers, peer) => {
      await handler(new Request('http://registry/v2/', { headers }), { client: peer })
      const { client, proxy, forwarded } = heard.pop() ?? { client: undefined }

      expect(isIP(client ?? '')).not.toBe(0)
      expect(client === peer || proxy === peer).toBe(true)
      if (peer !== '10.0.0.1') expect({ client, forwarded }).toEqual({ client: peer, forwarded: undefined })
      expect(forwarded?.host ?? 'none').toMatch(/^[A-Za-z0-9._:[\]-]+$/)
    }),
    runs(500),
  )
})
