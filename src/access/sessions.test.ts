import { expect, test } from 'bun:test'
import { OPEN_PERMIT } from './access.ts'
import { BadTokenError, type IssuedTokens, type TokenClaims, type TokenUse } from './own-tokens/issued-tokens.ts'
import { SESSION_MS, type SessionHolder, Sessions } from './sessions.ts'

const ALICE: SessionHolder = { subject: 'user:alice', revision: '1', expiresAt: undefined, permit: OPEN_PERMIT }
const FROM = { client: undefined }

/** Signs by remembering. */
function tokensThat(signed: Map<string, { use: TokenUse; claims: TokenClaims }>): IssuedTokens {
  const sign = async (use: TokenUse, claims: TokenClaims) => {
    const token = `token-${signed.size}`
    signed.set(token, { use, claims })
    return token
  }
  const read = async (use: TokenUse, token: string) => {
    const known = signed.get(token)
    if (known?.use !== use) throw new BadTokenError('it is none')
    return known.claims
  }
  return { sign, read } as unknown as IssuedTokens
}

function sessionsOf(holder: SessionHolder, resumed: SessionHolder | undefined = holder) {
  const signed = new Map<string, { use: TokenUse; claims: TokenClaims }>()
  const attempts: string[] = []
  const accounts = {
    signIn: async ({ authorization }: { authorization: string }) => {
      attempts.push(authorization)
      return holder
    },
    resume: async (subject: string, revision: string) =>
      resumed?.subject === subject && resumed.revision === revision ? resumed : undefined,
  }
  return { sessions: new Sessions({ accounts, tokens: async () => tokensThat(signed) }), signed, attempts }
}

test('a session is for the account that signed in, by its password as HTTP Basic has it', async () => {
  const { sessions, attempts } = sessionsOf(ALICE)

  const { token, lifetimeSeconds } = await sessions.begin('alice', 'a:secret', FROM)

  expect(attempts).toEqual([`Basic ${btoa('alice:a:secret')}`])
  expect(lifetimeSeconds).toBe(SESSION_MS / 1000)
  expect(await sessions.permit(token)).toBe(OPEN_PERMIT)
})

test('it ends with the account, and with each change of it', async () => {
  const gone = sessionsOf(ALICE, { ...ALICE, revision: '2' })

  const { token } = await gone.sessions.begin('alice', 'secret', FROM)

  expect(await gone.sessions.permit(token)).toBeUndefined()
})

test('it ends when its time is over, and no later than the account', async () => {
  const soon = new Date(Date.now() + 60_000)
  const { sessions, signed } = sessionsOf({ ...ALICE, expiresAt: soon })

  const { token, lifetimeSeconds } = await sessions.begin('ci', 'token', FROM)
  const { use, claims } = signed.get(token) ?? { use: 'access', claims: undefined }
  signed.set('over', { use, claims: { ...(claims as TokenClaims), expiresAt: new Date(Date.now() - 1) } })

  expect(lifetimeSeconds).toBeLessThanOrEqual(60)
  expect(claims?.expiresAt).toEqual(soon)
  expect(await sessions.permit('over')).toBeUndefined()
})

test('what is none, what is too long, and what names no account is none', async () => {
  const { sessions, signed } = sessionsOf({ ...ALICE, subject: '' })
  const { token } = await sessions.begin('', '', FROM)
  signed.set('x'.repeat(5_000), signed.get(token) as never)

  expect(await sessions.permit('nonsense')).toBeUndefined()
  expect(await sessions.permit('x'.repeat(5_000))).toBeUndefined()
  expect(await sessions.permit(token)).toBeUndefined()
})

test('accounts that cannot be read are a failure, not the end of a session', async () => {
  const { sessions } = sessionsOf(ALICE)
  const { token } = await sessions.begin('alice', 'secret', FROM)
  const failing = new Sessions({
    accounts: {
      signIn: async () => ALICE,
      resume: async () => {
        throw new Error('the storage is away')
      },
    },
    tokens: async () => tokensThat(new Map([[token, { use: 'session', claims: claimsOfAlice() }]])),
  })

  await expect(failing.permit(token)).rejects.toThrow('the storage is away')
})

function claimsOfAlice(): TokenClaims {
  const issuedAt = new Date()
  return { subject: 'user:alice', revision: '1', access: [], issuedAt, expiresAt: new Date(issuedAt.getTime() + 60_000) }
}
