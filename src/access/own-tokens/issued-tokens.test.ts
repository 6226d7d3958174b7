import { afterEach, beforeEach, describe, expect, setSystemTime, test } from 'bun:test'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { OperatedAccounts } from '../../../test/support/operated-accounts.ts'
import { DamagedRecordError } from '../accounts/account.ts'
import { BadTokenError, IssuedTokens, isCurrent, type TokenClaims } from './issued-tokens.ts'
import { SigningKeys } from './signing-keys.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const NOW = new Date('2026-06-01T12:00:00Z')
const CLAIMS: TokenClaims = {
  subject: 'user:alice',
  revision: 'r1',
  access: [{ type: 'repository', name: 'team/app', actions: ['pull'] }],
  issuedAt: NOW,
  expiresAt: new Date(NOW.getTime() + 900_000),
}

let operated: OperatedAccounts

beforeEach(async () => {
  operated = await OperatedAccounts.open()
  setSystemTime(NOW)
})
afterEach(() => {
  setSystemTime()
  operated[Symbol.dispose]()
})

describe('tokens', () => {
  test('what one process signs every other one believes, before and after a restart', async () => {
    const [one, other] = [process('berth'), process('berth')]
    const token = await one.sign('access', CLAIMS)

    expect(await other.read('access', token)).toEqual(CLAIMS)
    expect(await process('berth').read('access', token)).toEqual(CLAIMS)
    expect(await one.read('access', await other.sign('access', CLAIMS))).toEqual(CLAIMS)
  })

  test('processes that need a first key at once make one', async () => {
    await Promise.all(Array.from({ length: 5 }, () => process('berth').sign('access', CLAIMS)))

    expect(await readdir(`${operated.directory}/keys`)).toHaveLength(1)
  })

  test('an access token is no refresh token, nor the other way round', async () => {
    const tokens = process('berth')

    await expect(tokens.read('refresh', await tokens.sign('access', CLAIMS))).rejects.toThrow(BadTokenError)
    await expect(tokens.read('access', await tokens.sign('refresh', CLAIMS))).rejects.toThrow(BadTokenError)
  })

  test('a token that was changed, cut, signed by another, unsigned, or for another registry is not believed', async () => {
    const tokens = process('berth')
    const token = await tokens.sign('access', CLAIMS)
    const [header = '', payload = '', signature = ''] = token.split('.')
    const more = encoded({ ...decoded(payload), sub: 'user:root' })
    const { kid } = decoded(header)
    const stranger = await generateKeyPair('ES256')
    const sign = (claims: object, head: object) =>
      new SignJWT({ ...decoded(payload), ...claims })
        .setProtectedHeader({ alg: 'ES256', typ: 'JWT', ...head })
        .sign(stranger.privateKey)
    const publicKey = await exportJWK(stranger.publicKey)
    const bad: readonly [string, string][] = [
      ['other claims', `${header}.${more}.${signature}`],
      ['no signature', `${header}.${payload}.`],
      ['alg none', `${encoded({ alg: 'none', typ: 'JWT', kid })}.${payload}.`],
      ['alg none with the signature', `${encoded({ alg: 'none', typ: 'JWT', kid })}.${payload}.${signature}`],
      ['the public key as a secret', `${encoded({ alg: 'HS256', typ: 'JWT', kid })}.${payload}.${signature}`],
      ['half of it', token.slice(0, token.length / 2)],
      ['two parts', `${header}.${payload}`],
      ['another key under our id', await sign({}, { kid })],
      ['another key under its own id', await sign({}, { kid: crypto.randomUUID() })],
      ['another key that it brings along', await sign({}, { jwk: publicKey })],
      ['a key id that is a path', await sign({}, { kid: '../store' })],
      ['another registry', await process('other').sign('access', CLAIMS)],
      ['text', 'not a token'],
      ['nothing', ''],
    ]

    for (const [what, forged] of bad) {
      const failure = await tokens.read('access', forged).catch((error: unknown) => error)
      expect([what, failure instanceof BadTokenError]).toEqual([what, true])
    }
    expect(await tokens.read('access', token)).toEqual(CLAIMS)
  })

  test('claims of another form are not believed, even with our signature', async () => {
    const keys = new SigningKeys(keyOptions())
    const { id, privateKey } = await keys.current()
    const sign = (claims: Record<string, unknown>) =>
      new SignJWT({ sub: 'user:alice', revision: 'r1', access: [], iat: 1, exp: 2, iss: 'berth', aud: 'berth', ...claims })
        .setProtectedHeader({ alg: 'ES256', typ: 'JWT', kid: id })
        .sign(privateKey)

    const changes = [
      { access: 'all' },
      { access: [{ type: 'repository' }] },
      { revision: 7 },
      { exp: 'never' },
      { iss: 'x' },
      { aud: ['x'] },
    ]
    for (const claims of changes) {
      await expect(process('berth').read('access', await sign(claims))).rejects.toThrow(BadTokenError)
    }
    expect((await process('berth').read('access', await sign({}))).subject).toBe('user:alice')
  })

  test('a token is current from its making, with a little patience for other clocks, to its end', () => {
    const at = (ms: number) => isCurrent(CLAIMS, NOW.getTime() + ms)

    expect([at(-31_000), at(-20_000), at(0), at(899_999), at(900_000)]).toEqual([false, true, true, true, false])
  })
})

describe('keys', () => {
  test('a new one is made each month; the old one is believed for as long as what it signed may be good, and goes then', async () => {
    const tokens = process('berth')
    const first = await tokens.sign('access', CLAIMS)

    setSystemTime(new Date(NOW.getTime() + 31 * DAY_MS))
    const second = await tokens.sign('access', CLAIMS)
    const afterAMonth = await readdir(`${operated.directory}/keys`)
    const believed = await process('berth').read('access', first)
    setSystemTime(new Date(NOW.getTime() + 200 * DAY_MS))
    await process('berth').sign('access', CLAIMS)

    expect(keyOf(second)).not.toBe(keyOf(first))
    expect(afterAMonth).toHaveLength(2)
    expect(believed).toEqual(CLAIMS)
    expect(await readdir(`${operated.directory}/keys`)).toHaveLength(1)
  })

  test('a key that was just made elsewhere is found, whoever sends unknown ones', async () => {
    const [reader, signer] = [process('berth'), process('berth')]
    await signer.sign('access', CLAIMS)
    const flood = Array.from({ length: 200 }, async () => {
      const header = encoded({ alg: 'ES256', typ: 'JWT', kid: crypto.randomUUID() })
      return await reader.read('access', `${header}.${encoded({})}.AAAA`).catch((error: unknown) => error)
    })
    const outcomes = await Promise.all(flood)
    setSystemTime(new Date(NOW.getTime() + 31 * DAY_MS))
    const token = await signer.sign('access', CLAIMS)
    operated.calls.length = 0

    const claims = await reader.read('access', token)

    expect(outcomes.every((outcome) => outcome instanceof BadTokenError)).toBe(true)
    expect(claims).toEqual(CLAIMS)
    expect(operated.calls.filter((call) => call.startsWith('list'))).toHaveLength(1)
  })

  test('where no new key can be written, the old one goes on; where there is none, that is a failure', async () => {
    const tokens = process('berth')
    const first = await tokens.sign('access', CLAIMS)
    setSystemTime(new Date(NOW.getTime() + 31 * DAY_MS))
    operated.failOn('place berth/v1/access/keys')

    expect(keyOf(await tokens.sign('access', CLAIMS))).toBe(keyOf(first))
    expect(keyOf(await process('berth').sign('access', CLAIMS))).toBe(keyOf(first))
    await rm(`${operated.directory}/keys`, { recursive: true })
    await expect(process('berth').sign('access', CLAIMS)).rejects.toThrow('failed')
  })

  test('a key that cannot be read is a failure with a name', async () => {
    await process('berth').sign('access', CLAIMS)
    const [id = ''] = await readdir(`${operated.directory}/keys`)
    await writeFile(`${operated.directory}/keys/${id}`, '{}')

    await expect(process('berth').sign('access', CLAIMS)).rejects.toThrow(DamagedRecordError)
    await rm(`${operated.directory}/keys/${id}`)
    expect(await process('berth').sign('access', CLAIMS)).toBeString()
  })
})

/** Another process of the same storage. */
function process(service: string): IssuedTokens {
  return new IssuedTokens({ keys: new SigningKeys(keyOptions()), service })
}

function keyOptions() {
  return { storage: operated.storage, exclusively: operated.exclusively, keepForMs: 90 * DAY_MS }
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function decoded(text: string) {
  return JSON.parse(Buffer.from(text, 'base64url').toString())
}

function keyOf(token: string): string {
  return decoded(token.split('.')[0] ?? '').kid
}
