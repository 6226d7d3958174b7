import { afterAll, beforeAll, expect, test } from 'bun:test'
import { calculateJwkThumbprint } from 'jose'
import { libtrustKeyId } from '../../src/access/foreign-tokens/key-id.ts'
import { expectError, header } from '../support/answers.ts'
import { contentOf } from '../support/images.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { inSeconds, TokenIssuer } from '../support/token-issuer.ts'
import { byThumbprint, CHALLENGE, claims, hmacToken, TokenRegistry } from '../support/token-registry.ts'

describeWith({ programs: ['openssl'] }, 'auth.token', () => {
  const resources = new AsyncDisposableStack()
  let folder: TemporaryFolder
  let issuer: TokenIssuer
  let registry: TokenRegistry
  let kid: { readonly kid: string }

  beforeAll(async () => {
    folder = resources.use(new TemporaryFolder())
    issuer = await TokenIssuer.create(folder, 'ES256')
    kid = await byThumbprint(issuer)
    registry = resources.use(await TokenRegistry.start(folder, { rootcertbundle: issuer.certificatePath }))
  }, 120_000)
  afterAll(async () => await resources.disposeAsync())

  test('without a token the challenge says where to get which one', async () => {
    const base = await registry.berth.request('GET', '/v2/')
    const push = await registry.berth.request('POST', '/v2/team/app/blobs/uploads/')
    const remove = await registry.berth.request('DELETE', '/v2/team/app/manifests/v1')
    const catalog = await registry.berth.request('GET', '/v2/_catalog')

    expect(header(base, 'www-authenticate')).toBe(CHALLENGE)
    expect(header(push, 'www-authenticate')).toBe(`${CHALLENGE},scope="repository:team/app:pull,push"`)
    expect(header(remove, 'www-authenticate')).toBe(`${CHALLENGE},scope="repository:team/app:delete"`)
    expect(header(catalog, 'www-authenticate')).toBe(`${CHALLENGE},scope="registry:catalog:*"`)
    for (const response of [base, push, remove, catalog]) await expectError(response, 401, 'UNAUTHORIZED')
  })

  test('the key may be named by its thumbprint, by its libtrust name, by itself and by its certificate', async () => {
    const libtrust = { kid: libtrustKeyId(issuer.certificate.publicKey) }
    const { x5c, jwk } = issuer

    for (const key of [kid, libtrust, { jwk }, { x5c: [x5c] }, { jwk: { ...jwk, x5c: [x5c] } }]) {
      await registry.expectTaken(issuer.token(key, claims()))
    }
  })

  test('a certificate of the bundle vouches for others, also over one between', async () => {
    const between = await TokenIssuer.create(folder, 'RS256', { by: issuer, isAuthority: true })
    const direct = await TokenIssuer.create(folder, 'EdDSA', { by: issuer })
    const leaf = await TokenIssuer.create(folder, 'ES384', { by: between })

    await registry.expectTaken(direct.token({ x5c: [direct.x5c] }, claims()))
    await registry.expectTaken(leaf.token({ x5c: [leaf.x5c, between.x5c] }, claims()))
    await registry.expectRefused(
      leaf.token({ x5c: [leaf.x5c] }, claims()),
      'no certificate of rootcertbundle vouches for its certificate',
    )
    const underLeaf = await TokenIssuer.create(folder, 'ES256', { by: direct })
    await registry.expectRefused(
      underLeaf.token({ x5c: [underLeaf.x5c, direct.x5c] }, claims()),
      'of its x5c is not that of an authority',
    )
    await registry.expectRefused(leaf.token({ jwk: { ...leaf.jwk, x5c: [direct.x5c] } }, claims()), 'is for another key')
  }, 120_000)

  test('keys of a key set are known by their kid, in every algorithm', async () => {
    const secret = Buffer.alloc(32, 'k').toString('base64url')
    const [rsa, ed] = [await TokenIssuer.create(folder, 'RS256'), await TokenIssuer.create(folder, 'EdDSA')]
    const keys = [
      { ...rsa.jwk, kid: 'rsa' },
      { ...ed.jwk, kid: 'ed', alg: 'EdDSA' },
      { kty: 'oct', k: secret, kid: 'shared' },
    ]
    await using other = await TokenRegistry.start(folder, { jwks: await folder.file('jwks.json', JSON.stringify({ keys })) })

    await other.expectTaken(rsa.token({ kid: 'rsa' }, claims()))
    await other.expectTaken(ed.token({ kid: 'ed' }, claims()))
    await other.expectTaken(ed.token({ kid: await calculateJwkThumbprint(ed.jwk) }, claims()))
    await other.expectTaken(hmacToken({ kid: 'shared' }, claims(), Buffer.alloc(32, 'k')))
    await other.expectRefused(rsa.token({ kid: 'ed' }, claims()), 'its key is for "EdDSA", not RS256')
  }, 120_000)

  test('signingalgorithms are the only ones', async () => {
    await using other = await TokenRegistry.start(folder, {
      rootcertbundle: issuer.certificatePath,
      signingalgorithms: ['RS256'],
    })

    await other.expectRefused(issuer.token(kid, claims()), '"ES256" is not one of signingalgorithms')
  })

  test('the claims of registry:2 and registry:3 are read: one audience or several, and times with a leeway', async () => {
    await registry.expectTaken(issuer.token(kid, claims({ aud: ['another', 'registry.example.com'] })))
    await registry.expectTaken(issuer.token(kid, claims({ exp: inSeconds(-40) })))
    await registry.expectTaken(issuer.token(kid, claims({ nbf: inSeconds(40) })))
    await registry.expectTaken(issuer.token(kid, claims({ nbf: undefined, sub: undefined, access: null })))
  })

  test('what the token does not grant is 401 and asks for a token that does; the log says what was wanted and what it grants', async () => {
    const token = issuer.token(kid, claims())
    const lacking = async (method: string, at: string, scope: string) => {
      const response = await registry.ask(token, { method, at })
      expect(header(response, 'www-authenticate')).toBe(`${CHALLENGE},scope="${scope}",error="insufficient_scope"`)
      await expectError(response, 401, 'UNAUTHORIZED')
      return header(response, 'x-request-id')
    }

    expect((await registry.ask(token, { method: 'POST', at: '/v2/team/app/blobs/uploads/' })).status).toBe(202)
    expect((await registry.ask(token, { at: '/v2/team/app/manifests/v1' })).status).toBe(404)
    const requestId = await lacking('DELETE', '/v2/team/app/manifests/v1', 'repository:team/app:delete')
    await lacking('GET', '/v2/_catalog', 'registry:catalog:*')
    for (const name of ['team', 'team/app2', 'team/app/x', 'other/team/app', 'team/a', 'other']) {
      await lacking('GET', `/v2/${name}/manifests/v1`, `repository:${name}:pull`)
    }
    const line = await registry.berth.log.line(({ message, fields }) => message === 'denied' && fields.requestId === requestId)
    expect(line.fields).toMatchObject({
      user: 'alice',
      reason: 'may not delete in team/app: its token grants repository:team/app:pull,push',
    })
  })

  test('an upload that was begun while the token was good may be finished after it has expired, and nothing else', async () => {
    const content = contentOf('application/octet-stream', Buffer.from('slow'))
    const over = issuer.token(kid, claims({ iat: inSeconds(-360), nbf: inSeconds(-361), exp: inSeconds(-61) }))
    const headers = { authorization: `Bearer ${over}` }
    const upload = async (begun: number) => {
      const location = `/v2/team/app/blobs/uploads/${idOf(begun)}`
      return await registry.berth.request('PUT', `${location}?digest=${content.digest}`, { headers, body: content.bytes.slice() })
    }

    // Ids that nobody was given: let in, these are unknown.
    await expectError(await upload(inSeconds(-100)), 404, 'BLOB_UPLOAD_UNKNOWN')
    for (const begun of [inSeconds(0), inSeconds(60), inSeconds(-1000)])
      await expectError(await upload(begun), 401, 'UNAUTHORIZED')
    expect((await registry.ask(over, { at: '/v2/team/app/manifests/v1' })).status).toBe(401)
    expect((await registry.ask(over, { method: 'POST', at: '/v2/team/app/blobs/uploads/' })).status).toBe(401)
    const started = await registry.ask(issuer.token(kid, claims()), { method: 'POST', at: '/v2/team/app/blobs/uploads/' })
    expect(header(started, 'docker-upload-uuid')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/)
  })

  test('a star is every action, and the catalog needs one', async () => {
    const token = issuer.token(
      kid,
      claims({
        access: [
          { type: 'repository', class: '', name: 'team/app', actions: ['*'] },
          { type: 'registry', name: 'catalog', actions: ['*'] },
        ],
      }),
    )

    expect((await registry.ask(token, { method: 'DELETE', at: '/v2/team/app/manifests/v1' })).status).toBe(404)
    expect((await registry.ask(token, { at: '/v2/_catalog' })).status).toBe(200)
    const reading = issuer.token(kid, claims({ access: [{ type: 'registry', name: 'catalog', actions: ['pull'] }] }))
    expect((await registry.ask(reading, { at: '/v2/_catalog' })).status).toBe(401)
  })

  test('other credentials than a token ask for one', async () => {
    for (const authorization of [
      'Basic YTpi',
      'Bearer',
      'Bearer ',
      'Negotiate x',
      `Bearer ${issuer.token(kid, claims())}, Bearer x`,
    ]) {
      const response = await registry.berth.request('GET', '/v2/', { headers: { authorization } })
      expect(header(response, 'www-authenticate')).toBe(CHALLENGE)
      expect(response.status).toBe(401)
    }
  })

  test('autoredirect sends clients to the host that they asked', async () => {
    await using other = await TokenRegistry.start(folder, {
      rootcertbundle: issuer.certificatePath,
      autoredirect: true,
      autoredirectpath: '/here',
    })

    const response = await other.berth.request('GET', '/v2/', { headers: { host: 'registry.example.com:8443' } })

    expect(header(response, 'www-authenticate')).toBe(
      'Bearer realm="https://registry.example.com:8443/here",service="registry.example.com"',
    )
  })

  test.each([
    [
      'a bundle that is not there',
      { rootcertbundle: '/nowhere/bundle.pem' },
      'The file of auth.token.rootcertbundle cannot be read',
    ],
    ['a bundle without a certificate', { rootcertbundle: '/dev/null' }, 'hold no key'],
    ['a key set that is none', { jwks: '/dev/null' }, 'is not a JSON Web Key Set'],
  ])('Berth does not start with %s', async (_, keys, sentence) => {
    await expect(TokenRegistry.start(folder, keys)).rejects.toThrow(sentence)
  })
})

/** A version 7 UUID of this second. */
function idOf(seconds: number): string {
  const time = (seconds * 1000).toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-000000000000`
}
