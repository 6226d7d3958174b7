import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { AppInTest, basic } from '../support/app-in-test.ts'
import { FakeUpstream } from '../support/fake-upstream.ts'
import { blobsOf, makeImage } from '../support/images.ts'
import { poll } from '../support/processes.ts'
import { AuthorizedClient } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { serveImages } from '../support/upstream-images.ts'
import { someServers } from '../support/wire.ts'

/**
 * Who gets what of mirrors: one that asks the other registry without credentials and that every caller may pull from, and one with
 * credentials that one user may pull from. Every caller has repositories to push to.
 */
const CALLERS = ['anonymous', 'reader', 'other'] as const
const MIRRORS = ['open', 'closed'] as const
type Caller = (typeof CALLERS)[number]
type Mirror = (typeof MIRRORS)[number]

/** As a browser says. */
const PAGE = { accept: 'text/html' }
const ROBOT = { username: 'robot', password: 'there' }
const IMAGES = { open: makeImage('open'), closed: makeImage('closed') }
/** Never pulled by the caller that may. */
const UNSEEN = makeImage('unseen')
const RULES = [
  { who: ['user:reader'], repositories: ['closed/**'], can: ['pull', 'list'] },
  { who: ['anonymous', 'authenticated'], repositories: ['open/**'], can: ['pull', 'list'] },
  ...CALLERS.map((name) => ({
    who: [name === 'anonymous' ? name : `user:${name}`],
    repositories: [`${name}/**`],
    can: ['pull', 'push', 'list'],
  })),
]

/** What an image consists of, by the paths under which a pull asks for it. */
function thingsOf(mirror: Mirror, repository = `${mirror}/team/app`): readonly { readonly path: string }[] {
  const image = IMAGES[mirror]
  const manifests = ['latest', image.manifest.digest].map((reference) => ({ path: `/v2/${repository}/manifests/${reference}` }))
  return [...manifests, ...blobsOf(image).map(({ digest }) => ({ path: `/v2/${repository}/blobs/${digest}` }))]
}

const cells = CALLERS.flatMap((caller) =>
  MIRRORS.map((mirror) => ({ caller, mirror, may: mirror === 'open' || caller === 'reader' })),
)

describe.each(someServers('isolation of mirrors'))('over %s:', (_, server) => {
  const resources = new AsyncDisposableStack()
  const clients = new Map<Caller, AuthorizedClient>()
  let upstreams: Readonly<Record<Mirror, FakeUpstream>>

  beforeAll(async () => {
    const folder = resources.use(new TemporaryFolder())
    const { authorization } = basic(ROBOT.username, ROBOT.password)
    upstreams = {
      open: resources.use(await FakeUpstream.start(serveImages({ 'team/app': IMAGES.open }))),
      closed: resources.use(
        await FakeUpstream.start(serveImages({ 'team/app': IMAGES.closed, 'team/unseen': UNSEEN }, { authorization })),
      ),
    }
    const users = CALLERS.map((name) => `${name}:${Bun.password.hashSync(name, { algorithm: 'bcrypt', cost: 5 })}\n`)
    const htpasswd = { realm: 'r', path: await folder.file('htpasswd', users.join('')) }
    const registry = resources.use(
      await AppInTest.start(
        folder,
        {
          storage: { filesystem: { rootdirectory: folder.join('data') } },
          auth: { htpasswd },
          access: { rules: RULES },
          mirrors: [
            { prefix: 'open', url: upstreams.open.url },
            { prefix: 'closed', url: upstreams.closed.url, ...ROBOT },
          ],
        },
        { server },
      ),
    )
    clients.set('anonymous', new AuthorizedClient(registry.url, {}))
    for (const name of ['reader', 'other'] as const) clients.set(name, new AuthorizedClient(registry.url, basic(name, name)))
    // Everything of both is here, and can be searched: what is refused is not refused for its absence.
    for (const mirror of MIRRORS)
      for (const { path } of thingsOf(mirror)) expect((await as('reader').request('GET', path)).status).toBe(200)
    await poll('the search has both', 60_000, async () => {
      const text = await (await as('reader').request('GET', '/v1/search?q=team')).text()
      return MIRRORS.every((mirror) => text.includes(`${mirror}/team/app`)) || undefined
    })
  })
  afterAll(async () => await resources.disposeAsync())

  function as(caller: Caller): AuthorizedClient {
    const client = clients.get(caller)
    if (client === undefined) throw new Error(`${caller} has no client`)
    return client
  }

  describe.each(cells)('$caller at the $mirror mirror, allowed: $may', ({ caller, mirror, may }) => {
    const refused = caller === 'anonymous' ? 401 : 404

    test('manifests and blobs, by prefix and by ns', async () => {
      const asked = [...upstreams[mirror].asked]
      const paths = [...thingsOf(mirror), ...thingsOf(mirror, 'team/app').map(({ path }) => ({ path: `${path}?ns=${mirror}` }))]

      for (const { path } of [...paths, { path: `/v2/${mirror}/team/app/tags/list` }])
        for (const method of ['GET', 'HEAD'])
          expect([method, path, (await as(caller).request(method, path)).status]).toEqual([method, path, may ? 200 : refused])

      // Nothing is asked for a caller that gets nothing.
      if (!may) expect(upstreams[mirror].asked).toEqual(asked)
    })

    test('blobs by their digest, through a repository of the caller, and through the other mirror', async () => {
      const other = mirror === 'open' ? 'closed' : 'open'
      for (const { digest } of [...blobsOf(IMAGES[mirror]), IMAGES[mirror].manifest])
        for (const repository of [`${caller}/app`, 'open/team/app', 'closed/team/app'].filter((name) => !name.startsWith(mirror)))
          for (const kind of ['blobs', 'manifests']) {
            const { status } = await as(caller).request('GET', `/v2/${repository}/${kind}/${digest}`)
            const isHidden = repository.startsWith(other) && other === 'closed' && caller === 'anonymous'
            expect([repository, kind, status]).toEqual([repository, kind, isHidden ? 401 : 404])
          }
    })

    test('mounts, from the mirror and from wherever the blob is', async () => {
      for (const [index, { digest }] of blobsOf(IMAGES[mirror]).entries()) {
        for (const from of [`&from=${mirror}/team/app`, '']) {
          const repository = `${caller}/mount-${mirror}-${index}${from === '' ? '-any' : ''}`
          const { status } = await as(caller).request('POST', `/v2/${repository}/blobs/uploads/?mount=${digest}${from}`)

          expect([from, status]).toEqual([from, may ? 201 : 202])
          expect((await as(caller).getBlob(repository, digest)).status).toBe(may ? 200 : 404)
        }
      }
    })

    test('pushes a manifest that names its blobs, without having them', async () => {
      const answer = await as(caller).putManifest(`${caller}/named-${mirror}`, 'latest', IMAGES[mirror].manifest)

      expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('MANIFEST_BLOB_UNKNOWN')])
    })

    test('the catalog', async () => {
      const answer = await as(caller).request('GET', '/v2/_catalog')

      const { repositories } = (await answer.json()) as { repositories: readonly string[] }
      expect([answer.status, repositories.includes(`${mirror}/team/app`)]).toEqual([200, may])
    })

    test('searches, the lists of the API, and those of the page', async () => {
      const name = `${mirror}/team/app`
      // By its name, by a part of it, and by what its image says.
      const searches = [name, 'team', mirror].flatMap((q) => [`/v1/search?q=${q}`, `/api/v1/repositories?q=${q}`, `/?q=${q}`])
      const listed = new RegExp(`"name":"${name}"|href="/ui/${name}"`)

      for (const path of [...searches, '/v1/search?q=', '/api/v1/repositories', '/', '/ui/', `/ui/${mirror}/`]) {
        const text = await (await as(caller).request('GET', path, { headers: PAGE })).text()
        expect([path, listed.test(text)]).toEqual([path, may])
      }
      if (!may) expect(await (await as(caller).request('GET', '/api/v1/activity')).text()).not.toContain(name)
    })

    test('what the API and the page show of it', async () => {
      const asked = [...upstreams[mirror].asked]
      const { digest } = IMAGES[mirror].manifest
      const api = ['', '/tags', '/storage', '/image?tag=latest', `/image?digest=${digest}`, `/compare?from=latest&to=${digest}`]
      const screens = ['', ':latest', ':latest/history', `@${digest}`, `@${digest}/manifest`, `@${digest}/config`]
      const paths = [
        ...api.map((path) => `/api/v1/repositories/${mirror}/team/app${path}`),
        ...screens.map((path) => `/ui/${mirror}/team/app${path}`),
        ...screens.map((path) => `/ui/team/app${path}?ns=${mirror}`),
      ]

      for (const path of paths) {
        const { status } = await as(caller).request('GET', path, { headers: PAGE })
        expect([path, status]).toEqual([path, may ? 200 : refused])
      }
      // It is the same as of a repository that is not there.
      const history = async (app: string) =>
        (await as(caller).request('GET', `/api/v1/repositories/${mirror}/team/${app}/history?tag=latest`)).status
      if (!may) expect(await history('app')).toBe(await history('none'))
      // They show what is here.
      expect(upstreams[mirror].asked).toEqual(asked)
    })
  })

  test('a caller that may not pull makes nothing come, and a push below a prefix is refused before anything is told', async () => {
    const asked = [...upstreams.closed.asked]

    for (const caller of ['anonymous', 'other'] as const) {
      const { status } = await as(caller).getManifest('closed/team/unseen', 'latest')
      const push = await as(caller).request('POST', '/v2/closed/team/unseen/blobs/uploads/')
      expect([status, push.status]).toEqual(caller === 'anonymous' ? [401, 401] : [404, 403])
      expect(await push.text()).not.toContain(upstreams.closed.url)
    }

    expect(upstreams.closed.asked).toEqual(asked)
    expect((await as('reader').getManifest('closed/team/unseen', 'latest')).status).toBe(200)
  })
})

test('the password of a mirror goes to its own host: neither along with a redirect, nor to a token server of another site', async () => {
  const { authorization } = basic(ROBOT.username, ROBOT.password)
  const images = serveImages({ 'team/app': IMAGES.closed }, { authorization })
  using folder = new TemporaryFolder()
  await using store = await FakeUpstream.start(serveImages({ 'team/app': IMAGES.closed }))
  await using sending = await FakeUpstream.start((request, response) => {
    const isSent = request.headers.authorization === authorization && request.url?.includes('/blobs/') === true
    if (isSent) response.writeHead(307, { location: `${store.otherUrl}${request.url}` }).end()
    else return images(request, response)
  })
  await using asking = await FakeUpstream.start((_, response) => {
    response.writeHead(401, { 'www-authenticate': `Bearer realm="${store.otherUrl}/token",service="s"` }).end()
  })
  await using registry = await AppInTest.start(folder, {
    mirrors: [
      { prefix: 'sending', url: sending.url, ...ROBOT, public: true },
      { prefix: 'asking', url: asking.url, ...ROBOT, public: true },
    ],
  })

  expect((await registry.client.getManifest('sending/team/app', 'latest')).status).toBe(200)
  for (const { digest } of blobsOf(IMAGES.closed))
    expect((await registry.client.getBlob('sending/team/app', digest)).status).toBe(200)
  const refused = await registry.client.getManifest('asking/team/app', 'latest')

  expect(sending.shown).toContain(authorization)
  expect(store.asked).toHaveLength(blobsOf(IMAGES.closed).length)
  expect(store.shown.filter((shown) => shown !== undefined)).toEqual([])
  expect([refused.status, await refused.text()]).toEqual([401, expect.stringContaining('is not on its site')])
})
