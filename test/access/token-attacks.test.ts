import { afterAll, beforeAll, expect, test } from 'bun:test'
import { expectError, header } from '../support/answers.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { encode, inSeconds, TokenIssuer } from '../support/token-issuer.ts'
import { byThumbprint, CHALLENGE, claims, hmacToken, TokenRegistry } from '../support/token-registry.ts'

describeWith({ programs: ['openssl'] }, 'auth.token against whoever would like more', () => {
  const resources = new AsyncDisposableStack()
  let folder: TemporaryFolder
  let issuer: TokenIssuer
  let stranger: TokenIssuer
  let registry: TokenRegistry
  let kid: { readonly kid: string }

  beforeAll(async () => {
    folder = resources.use(new TemporaryFolder())
    issuer = await TokenIssuer.create(folder, 'ES256')
    stranger = await TokenIssuer.create(folder, 'ES256')
    kid = await byThumbprint(issuer)
    registry = resources.use(await TokenRegistry.start(folder, { rootcertbundle: issuer.certificatePath }))
  }, 120_000)
  afterAll(async () => await resources.disposeAsync())

  test.each([
    ['that has expired', { exp: inSeconds(-70) }, 'it expired, with the leeway, at 20'],
    ['that never expires', { exp: undefined }, 'its claim exp is missing or wrong'],
    ['that is not valid yet', { nbf: inSeconds(90) }, 'it is not valid before 20'],
    ['of another issuer', { iss: 'mallory' }, 'its issuer is "mallory", not "auth.example.com"'],
    [
      'for another service',
      { aud: 'other.example.com' },
      'it is for the service "other.example.com", not "registry.example.com"',
    ],
    ['for no service', { aud: undefined }, 'it is for the service nothing'],
    ['whose access is no list', { access: { type: 'repository' } }, 'its claim access is not a list'],
    [
      'whose access cannot be read',
      { access: [{ type: 'repository', name: 'a', actions: 'pull' }] },
      'its claim access has an entry',
    ],
  ])('a token %s is refused', async (_, more, reason) => {
    await registry.expectRefused(issuer.token(kid, claims(more)), reason)
  })

  test('a token that was tampered with is refused', async () => {
    const [head = '', , signature = ''] = issuer.token(kid, claims()).split('.')
    const access = [{ type: 'repository', name: 'secret', actions: ['*'] }]

    await registry.expectRefused(`${head}.${encode(claims({ access }))}.${signature}`, 'its signature is wrong')
    await registry.expectRefused(`${head}.${encode(claims())}.${signature.slice(0, -4)}AAAA`, 'its signature is wrong')
    await registry.expectRefused(`${head}.${encode(claims())}.`, 'its signature is wrong')
  })

  test('a token without a signature, or with a public key as the secret of one, is refused', async () => {
    const none = `${encode({ alg: 'none', ...kid })}.${encode(claims())}.`
    const pem = issuer.certificate.publicKey.export({ format: 'pem', type: 'spki' })

    await registry.expectRefused(none, 'its algorithm "none" is not one of signingalgorithms')
    await registry.expectRefused(none.replace(encode({ alg: 'none', ...kid }), encode({ alg: 'nOnE', ...kid })), '"nOnE"')
    await registry.expectRefused(hmacToken(kid, claims(), pem), 'its key does not fit its algorithm')
    await registry.expectRefused(
      hmacToken({ x5c: [issuer.x5c] }, claims(), issuer.certificate.raw),
      'its key does not fit its algorithm',
    )
  })

  test('a token of a key that nobody trusts is refused, however it names that key', async () => {
    const own = await byThumbprint(stranger)

    await registry.expectRefused(stranger.token(own, claims()), 'is not one of rootcertbundle or jwks')
    await registry.expectRefused(stranger.token(kid, claims()), 'its signature is wrong')
    await registry.expectRefused(stranger.token({ jwk: stranger.jwk }, claims()), 'the jwk that it brings is not one of')
    await registry.expectRefused(
      stranger.token({ jwk: { ...stranger.jwk, ...kid } }, claims()),
      'the jwk that it brings is not one of',
    )
    await registry.expectRefused(stranger.token({ x5c: [stranger.x5c] }, claims()), 'no certificate of rootcertbundle vouches')
    await registry.expectRefused(stranger.token({ x5c: [issuer.x5c] }, claims()), 'its signature is wrong')
    await registry.expectRefused(
      stranger.token({ x5c: [stranger.x5c, issuer.x5c] }, claims()),
      'no certificate of rootcertbundle vouches',
    )
    await registry.expectRefused(stranger.token({}, claims()), 'it does not say which key signed it')
    await registry.expectRefused(issuer.token({ crit: ['x'], x: 1, ...kid }, claims()), 'it cannot be read')
  })

  test('a token with ten certificates that could have signed each other in any order is refused at once', async () => {
    // Every order of ten has been tried for over a minute.
    const x5c = Array(10).fill(stranger.x5c)

    await registry.expectRefused(stranger.token({ x5c }, claims()), 'no certificate of rootcertbundle vouches')
    await registry.expectRefused(
      stranger.token({ jwk: { ...stranger.jwk, x5c } }, claims()),
      'no certificate of rootcertbundle vouches',
    )
  })

  test.each(['x', 'a.b', 'a.b.c', 'a.b.c.d', '..', `${encode({})}..`, `${encode({ alg: 'ES256' })}.e30.AA`, '%00', '🜲'])(
    '%s is no token',
    async (text) => {
      const response = await registry.ask(Buffer.from(text).toString('latin1'))

      expect(header(response, 'www-authenticate')).toBe(`${CHALLENGE},error="invalid_token"`)
      await expectError(response, 401, 'UNAUTHORIZED')
    },
  )

  test.each([
    ['x5c', 'text'],
    ['x5c', []],
    ['x5c', [1]],
    ['x5c', ['AAAA']],
    ['x5c', Array(11).fill('AAAA')],
    ['jwk', 'text'],
    ['jwk', {}],
    ['jwk', { kty: 'oct', k: 'AAAA' }],
    ['jwk', { kty: 'EC', crv: 'P-256', x: 1, y: 2 }],
    ['jwk', { kty: 'EC', x5c: 'text' }],
    ['kid', 7],
    ['kid', '__proto__'],
    ['kid', null],
  ])('a token whose %s is %j is refused', async (name, value) => {
    await registry.expectRefused(issuer.token({ [name]: value }, claims()), 'the token is refused because')
  })

  test('what a token grants on a thing of another type, or on no action, is nothing', async () => {
    const grants = [
      [{ type: 'registry', name: 'team/app', actions: ['*'] }],
      [{ type: 'repository', name: 'team/app', actions: [] }],
      [{ type: 'repository', name: 'team/app', actions: null }],
      [{ type: 'repository', name: '*', actions: ['*'] }],
      [{ type: 'repository', name: 'TEAM/APP', actions: ['*'] }],
      [{ type: 'repository', name: 'team/app', actions: ['push'] }],
    ]
    for (const access of grants) {
      const token = issuer.token(kid, claims({ access }))
      expect((await registry.ask(token, { method: 'POST', at: '/v2/team/app/blobs/uploads/' })).status).toBe(401)
    }
  })

  test('an accepted token is not accepted any longer than it is valid', async () => {
    const token = issuer.token(kid, claims({ exp: inSeconds(-59) }))
    await registry.expectTaken(token)

    await Bun.sleep(Math.max(0, inSeconds(0) * 1000 + 2_100 - Date.now()))

    await registry.expectRefused(token, 'it expired, with the leeway, at')
  })
})
