import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { appendFile } from 'node:fs/promises'
import { libtrustKeyId } from '../../src/access/foreign-tokens/key-id.ts'
import { basic } from '../support/app-in-test.ts'
import { OperatedRegistry } from '../support/operated-registry.ts'
import { PEER_PROGRAM } from '../support/peer.ts'
import { poll } from '../support/processes.ts'
import type { Dialect } from '../support/registry-under-test.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { encode, inSeconds, TokenIssuer } from '../support/token-issuer.ts'

setDefaultTimeout(120_000)

const DIGEST = `sha256:${'0'.repeat(64)}`

/** What clients ask; what is there does not matter, because nothing is. */
const REQUESTS: readonly (readonly [method: string, path: string])[] = [
  ['GET', '/v2/'],
  ['HEAD', '/v2/'],
  ['GET', '/v2/_catalog'],
  ['GET', '/v2/team/app/tags/list'],
  ['GET', '/v2/team/app/manifests/v1'],
  ['HEAD', '/v2/team/app/manifests/v1'],
  ['DELETE', `/v2/team/app/manifests/${DIGEST}`],
  ['GET', `/v2/team/app/blobs/${DIGEST}`],
  ['DELETE', `/v2/team/app/blobs/${DIGEST}`],
  ['POST', '/v2/team/app/blobs/uploads/'],
  ['PUT', '/v2/team/app/manifests/v1'],
  ['GET', '/v2/other/manifests/v1'],
  ['POST', '/v2/other/blobs/uploads/'],
  ['GET', '/'],
]

let clients = 0

type Credentials = Readonly<Record<string, string>>

/** Status and challenge of each request; only 401 is about access, so that other answers count as 'let in'. */
async function answersOf(registry: OperatedRegistry, credentials: Credentials): Promise<readonly string[]> {
  const answers: string[] = []
  // From an address of its own: Berth slows down those that are wrong too often, registry:2 nobody.
  clients += 1
  const headers = { ...credentials, 'x-forwarded-for': `192.0.2.${clients}` }
  for (const [method, path] of REQUESTS) {
    const response = await registry.client.request(method, path, { headers })
    await response.bytes()
    const version = response.headers.get('docker-distribution-api-version') ?? 'no version'
    const outcome = response.status === 401 ? `401 ${challengeOf(response)} (${version})` : 'let in'
    answers.push(`${method} ${path}: ${outcome}`)
  }
  return answers
}

async function statusFor(registry: OperatedRegistry, headers: Credentials): Promise<number> {
  const response = await registry.client.request('GET', '/v2/', { headers })
  await response.bytes()
  return response.status
}

/** The peer takes the actions of a scope in any order. */
function challengeOf(response: Response): string {
  const challenge = response.headers.get('www-authenticate') ?? 'no challenge'
  return challenge.replace(/scope="([^"]*)"/, (_, scopes: string) => {
    return `scope="${scopes.split(' ').map(sortedActions).sort().join(' ')}"`
  })
}

function sortedActions(scope: string): string {
  const [type, name, actions = ''] = scope.split(':')
  return `${type}:${name}:${actions.split(',').sort().join(',')}`
}

describeWith({ programs: [PEER_PROGRAM, 'openssl'] }, 'With the same auth, registry:2 and Berth let in the same', () => {
  const resources = new AsyncDisposableStack()
  let folder: TemporaryFolder

  beforeAll(() => {
    folder = resources.use(new TemporaryFolder())
  })
  afterAll(async () => await resources.disposeAsync())

  async function both(more: string): Promise<readonly OperatedRegistry[]> {
    const dialects: readonly Dialect[] = ['registry:2', 'Berth']
    return await Promise.all(dialects.map(async (dialect) => resources.use(await OperatedRegistry.start(dialect, { more }))))
  }

  /** Both answer the same, and this is whether they let one in. */
  async function expectSame(registries: readonly OperatedRegistry[], headers: Credentials, isLetIn: boolean): Promise<void> {
    const [peer, berth] = await Promise.all(registries.map((registry) => answersOf(registry, headers)))

    expect(berth).toEqual(peer ?? [])
    expect(peer?.[0]).toStartWith(isLetIn ? 'GET /v2/: let in' : 'GET /v2/: 401')
  }

  test('htpasswd', async () => {
    const hash = await Bun.password.hash('secret', { algorithm: 'bcrypt', cost: 4 })
    const kinds = { y: '$2y$', a: '$2a$', b: '$2b$' }
    const lines = Object.entries(kinds).map(([user, kind]) => `${user}:${kind}${hash.slice(4)}\n`)
    const commented = `third:${hash}:Comment of the operator\nlonger:${hash}abc\n`
    const path = await folder.file(
      'htpasswd',
      `# users\n\n${lines.join('')}${commented}sha:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\nplain:secret\n`,
    )
    const registries = await both(`auth: {htpasswd: {realm: 'a "b" c', path: ${path}}}\n`)

    await expectSame(registries, {}, false)
    for (const user of [...Object.keys(kinds), 'third', 'longer']) await expectSame(registries, basic(user, 'secret'), true)
    for (const user of ['y', 'nobody']) await expectSame(registries, basic(user, 'wrong'), false)
    for (const user of ['sha', 'plain', '']) await expectSame(registries, basic(user, 'secret'), false)
    for (const authorization of ['Bearer x', 'Basic', 'Basic !', 'basic eTpzZWNyZXQ=', `Basic ${btoa('y')}`]) {
      await expectSame(registries, { authorization }, authorization.startsWith('basic '))
    }
    await appendFile(path, `new:$2y$${hash.slice(4)}\n`)
    await poll('the new user is known', 90_000, async () => {
      const statuses = await Promise.all(registries.map((registry) => statusFor(registry, basic('new', 'secret'))))
      return statuses.every((status) => status === 200) ? true : undefined
    })
    await expectSame(registries, basic('new', 'secret'), true)
  })

  test('silly', async () => {
    const registries = await both('auth: {silly: {realm: "http://a/token", service: b}}\n')

    await expectSame(registries, { authorization: 'anything' }, true)
    const [peer, berth] = await Promise.all(registries.map((registry) => answersOf(registry, {})))
    // registry:2 writes a scope for each action here, where it writes one for all in other challenges.
    const joined = peer?.map((answer) => answer.replace(/(repository:[^ ":]+):pull \1:push/, '$1:pull,push'))
    expect(berth).toEqual(joined ?? [])
  })

  test('token', async () => {
    const issuer = await TokenIssuer.create(folder, 'ES256')
    const rsa = await TokenIssuer.create(folder, 'RS256', { by: issuer })
    const stranger = await TokenIssuer.create(folder, 'ES256')
    const token = `{realm: "https://auth.example.com/token", service: registry, issuer: auth, rootcertbundle: ${issuer.certificatePath}}`
    const registries = await both(`auth: {token: ${token}}\n`)
    const kid = { kid: libtrustKeyId(issuer.certificate.publicKey) }
    const access = [{ type: 'repository', name: 'team/app', actions: ['push', 'pull'] }]
    const claims = (more: object = {}) => {
      return { iss: 'auth', aud: 'registry', sub: 'alice', nbf: inSeconds(-1), exp: inSeconds(300), access, ...more }
    }
    const bearer = (text: string) => ({ authorization: `Bearer ${text}` })
    const good = issuer.token(kid, claims())

    await expectSame(registries, {}, false)
    await expectSame(registries, basic('alice', 'secret'), false)
    for (const grants of [
      access,
      [],
      [{ type: 'repository', name: 'team/app', actions: ['*'] }],
      [{ type: 'registry', name: 'catalog', actions: ['*'] }],
    ]) {
      await expectSame(registries, bearer(issuer.token(kid, claims({ access: grants }))), true)
    }
    await expectSame(registries, bearer(rsa.token({ x5c: [rsa.x5c] }, claims())), true)
    await expectSame(registries, bearer(issuer.token(kid, claims({ exp: inSeconds(-30) }))), true)
    for (const more of [{ exp: inSeconds(-90) }, { nbf: inSeconds(90) }, { iss: 'x' }, { aud: 'x' }, { exp: undefined }]) {
      await expectSame(registries, bearer(issuer.token(kid, claims(more))), false)
    }
    for (const text of [
      stranger.token(kid, claims()),
      stranger.token({ x5c: [stranger.x5c] }, claims()),
      `${encode({ alg: 'none', typ: 'JWT', ...kid })}.${encode(claims())}.`,
      `${good.slice(0, -8)}AAAAAAAA`,
      'no.token.atall',
    ]) {
      await expectSame(registries, bearer(text), false)
    }
  })
})
