import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { PAGE_ENDPOINTS } from '../../src/http/page/page-endpoints.ts'
import { pushImage } from '../collect/rows/row.ts'
import { AccessRegistry } from '../support/access-registry.ts'
import { makeImage } from '../support/images.ts'
import { signIn } from '../support/page-session.ts'
import type { RegistryClient } from '../support/registry-client.ts'

setDefaultTimeout(120_000)

const ACCESS = `  admins: ['user:operator']
  rules:
    - {who: [anonymous], repositories: ['public/**'], can: [pull, list]}
    - {who: ['user:operator'], repositories: ['**'], can: [pull, push, delete, list]}
    - {who: ['user:reader'], repositories: ['team/**', 'public/**'], can: [pull, list]}
    - {who: ['robot:ci'], repositories: ['team/**'], can: [pull, push, list]}
`
const PAGE = { accept: 'text/html' }
/** One that is public, one that a reader sees, one that is hidden from a reader, and one that is not there. */
const REPOSITORIES = ['public/app', 'team/app', 'secret/app', 'secret/none']
const SCREENS = ['', ':v1', ':v1/history', ':none']
const image = makeImage('image')

let registry: AccessRegistry
let client: RegistryClient
let robot: string

beforeAll(async () => {
  registry = await AccessRegistry.start({ access: ACCESS })
  client = registry.client()
  for (const user of ['operator', 'reader']) await registry.addUser(user, `${user}-secret`)
  robot = await registry.addRobot('ci')
  for (const repository of REPOSITORIES.slice(0, 3))
    await pushImage(registry.basic('operator', 'operator-secret'), image, 'v1', repository)
})
afterAll(async () => await registry[Symbol.asyncDispose]())

async function headersOf(caller: string): Promise<Readonly<Record<string, string>>> {
  if (caller === 'anonymous') return PAGE
  const [name, password] = caller === 'robot' ? ['ci', robot] : [caller, `${caller}-secret`]
  return (await signIn(client, { name, password })).headers
}

/** A browser sends the cookies of all ports of a host to each. */
function cookieName(): string {
  return `berth_session_${new URL(registry.url).port}`
}

async function get(path: string, headers: Readonly<Record<string, string>>): Promise<Response> {
  return await client.request('GET', path, { headers })
}

test.each([
  ['anonymous', [200, 401, 401, 401]],
  ['reader', [200, 200, 404, 404]],
  ['robot', [404, 200, 404, 404]],
  ['operator', [200, 200, 200, 404]],
] as const)('%s sees each screen of a repository, or none: %j', async (caller, statuses) => {
  const headers = await headersOf(caller)

  for (const screen of SCREENS.slice(0, 3)) {
    const answers = await Promise.all(REPOSITORIES.map((repository) => get(`/ui/${repository}${screen}`, headers)))
    expect(answers.map(({ status }) => status)).toEqual([...statuses])
  }
})

test('what is hidden looks the same as what is not there, but for its name and the id of the request', async () => {
  const headers = await headersOf('reader')
  const shownOf = async (repository: string, screen: string) => {
    const answer = await get(`/ui/${repository}${screen}`, headers)
    const text = (await answer.text()).replaceAll(repository, 'NAME').replace(answer.headers.get('x-request-id') ?? '', 'ID')
    return { status: answer.status, text, names: [...answer.headers.keys()].sort() }
  }

  for (const screen of [
    ...SCREENS,
    `@${image.manifest.digest}`,
    `@${image.manifest.digest}/manifest`,
    `@${image.manifest.digest}/config`,
    '/-/inside?of=v1',
    '/-/files?of=v1',
  ])
    expect(await shownOf('secret/app', screen)).toEqual(await shownOf('secret/none', screen))
})

test.each([
  ['anonymous', ['public/app']],
  ['reader', ['public/app', 'team/app']],
  ['robot', ['team/app']],
  ['operator', ['public/app', 'secret/app', 'team/app']],
])('%s finds %j in the list, and in a search', async (caller, names) => {
  const headers = await headersOf(caller)
  const namesIn = async (path: string) => {
    const text = await (await get(path, headers)).text()
    return [...text.matchAll(/href="\/ui\/([a-z]+\/[a-z]+)"/g)].map(([, name]) => name)
  }

  expect(await namesIn('/')).toEqual([...names])
  expect(await namesIn('/?q=app')).toEqual([...names])
})

test('how much there is in all is told to an admin, and to no other caller', async () => {
  const shown = async (caller: string) => await (await get('/ui/-/space', await headersOf(caller))).text()

  expect(await shown('operator')).toContain('<dt>In all</dt>')
  for (const caller of ['anonymous', 'reader', 'robot']) expect(await shown(caller)).not.toContain('In all')
})

describe('a session', () => {
  test('is a cookie that no code of a page reads and no form of another site brings, and of no answer that a browser keeps', async () => {
    const { status, cookie, location, headers } = await signIn(client, { name: 'reader', password: 'reader-secret' })
    const page = await get('/', headers)

    expect([status, location]).toEqual([303, '/'])
    expect(cookie).toMatch(/^berth_session_\d+=[\w.-]+; Path=\/; Max-Age=43[12]\d\d; HttpOnly; SameSite=Lax$/)
    expect(cookie).toStartWith(`${cookieName()}=`)
    expect(page.headers.get('cache-control')).toBe('no-store')
    expect(page.headers.get('vary')).toBe('Accept, Cookie')
    expect(await page.text()).toContain('<span class="caller">reader</span>')
  })

  test('is Secure where the browser speaks HTTPS to a proxy in front', async () => {
    const headers = {
      origin: 'https://registry.example.com',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'registry.example.com',
    }

    const { status, cookie } = await signIn(client, { name: 'reader', password: 'reader-secret', headers })

    expect(status).toBe(303)
    expect(cookie).toMatch(/^__Host-berth_session=[\w.-]+; Path=\/; /)
    expect(cookie).toEndWith('; HttpOnly; SameSite=Lax; Secure')
  })

  test('is good for the page and its API, and not for /v2/', async () => {
    const { headers } = await signIn(client, { name: 'operator', password: 'operator-secret' })

    expect((await get('/api/v1/repositories/secret/app/tags', headers)).status).toBe(200)
    for (const path of ['/v2/', '/v2/secret/app/tags/list'])
      expect([path, (await get(path, headers)).status]).toEqual([path, 401])
  })

  test('begins with no wrong password, which has its line in the audit, and no body tells of the name', async () => {
    const wrong = await signIn(client, { name: 'reader', password: 'wrong' })
    const unknown = await signIn(client, { name: 'stranger', password: 'wrong' })

    expect([wrong.status, unknown.status, wrong.cookie, unknown.cookie]).toEqual([401, 401, '', ''])
    expect(registry.program.output).toContain('wrong password')
  })

  test('ends with a new password of its user', async () => {
    await registry.addUser('changing', 'first-secret')
    const { headers } = await signIn(client, { name: 'changing', password: 'first-secret' })
    const before = await (await get('/', headers)).text()

    await registry.berth(['user', 'passwd', 'changing', '--password-stdin'], 'second-secret')

    expect(before).toContain('<span class="caller">changing</span>')
    expect(await (await get('/', headers)).text()).not.toContain('changing')
  })

  test('that was made up, or is an access token, is none', async () => {
    const token = await registry.token([], 'operator', 'operator-secret')

    for (const session of ['a', 'a.b.c', token]) {
      const answer = await get('/ui/secret/app', { ...PAGE, cookie: `${cookieName()}=${session}` })
      expect(answer.status).toBe(401)
    }
    const { headers } = await signIn(client, { name: 'operator', password: 'operator-secret' })
    const session = (headers.cookie ?? '').split('=')[1]
    expect((await client.request('GET', '/v2/', { headers: { authorization: `Bearer ${session}` } })).status).toBe(401)
  })

  test('of another registry on this host, by another port or by HTTPS, stands beside it', async () => {
    const { headers } = await signIn(client, { name: 'reader', password: 'reader-secret' })
    const others = ['berth_session=a', 'berth_session_1=b', '__Host-berth_session=c', 'other=d']

    const answer = await get('/ui/team/app', { ...PAGE, cookie: [...others, headers.cookie, 'last=e'].join('; ') })

    expect(answer.status).toBe(200)
    expect((await get('/ui/team/app', { ...PAGE, cookie: others.join('; ') })).status).toBe(401)
  })

  test('is over when its user signs out', async () => {
    const { headers } = await signIn(client, { name: 'reader', password: 'reader-secret' })

    const out = await client.request('POST', '/ui/-/sign-out', { headers: { ...headers, origin: new URL(client.url).origin } })

    expect([out.status, out.headers.get('location')]).toEqual([303, '/'])
    expect(out.headers.get('set-cookie')).toStartWith(`${cookieName()}=; Path=/; Max-Age=0; `)
  })
})

/** All that changes something, as the table of endpoints has it, with fields that would do it. */
const FORMS: Readonly<Record<string, readonly (readonly [path: string, fields: Readonly<Record<string, string>>])[]>> = {
  'page-sign-in': [['/ui/-/sign-in', { name: 'reader', password: 'reader-secret' }]],
  'page-sign-out': [['/ui/-/sign-out', {}]],
  'page-star': [['/ui/team/app/-/star', { star: 'give' }]],
  'page-description': [['/ui/team/app/-/description', { text: 'taken' }]],
  'page-deletion': [['/ui/team/app/-/delete?tag=v1', { token: '' }]],
  'page-deleted': [['/ui/team/app/-/deleted', { id: '' }]],
  'page-account': [['/ui/-/account', { do: 'password', old: 'operator-secret', new: 'taken' }]],
  'page-users': [['/ui/-/users', { do: 'add', name: 'taken', password: 'taken' }]],
  'page-groups': [['/ui/-/groups', { do: 'add', group: 'taken', user: 'operator' }]],
  'page-webhooks': [['/ui/-/webhooks', { do: 'add', name: 'taken', url: 'https://taken.example.com/' }]],
  'page-history': [['/ui/team/app:v1/history', { digest: image.manifest.digest }]],
}

describe('a form that another site sends', () => {
  test('is known of each screen that changes something', () => {
    const changing = Object.entries(PAGE_ENDPOINTS).flatMap(([name, { POST }]) => (POST === undefined ? [] : [name]))

    expect(changing.toSorted()).toEqual(Object.keys(FORMS).toSorted())
    const methods = Object.values(PAGE_ENDPOINTS).flatMap((endpoints) => Object.keys(endpoints))
    expect([...new Set(methods)].toSorted()).toEqual(['GET', 'POST'])
  })

  test.each([
    ['with its Origin', { origin: 'https://evil.example' }],
    ['with no Origin', {}],
    ['with an Origin that is none', { origin: 'null' }],
    ['from another port', { origin: 'http://127.0.0.1:1' }],
    ['from a host beside this one', { 'sec-fetch-site': 'same-site' }],
    ['as Sec-Fetch-Site says', { 'sec-fetch-site': 'cross-site' }],
  ] as const)('%s changes nothing, for whom it may be sent', async (_, headers) => {
    const { cookie } = (await signIn(client, { name: 'operator', password: 'operator-secret' })).headers
    const operator = registry.basic('operator', 'operator-secret')
    const known = async () => await (await operator.request('GET', '/api/v1/repositories/team/app')).text()
    const before = await known()

    for (const [path, fields] of Object.values(FORMS).flat()) {
      const answer = await client.request('POST', path, {
        headers: { accept: 'text/html', cookie: cookie ?? '', ...headers },
        body: new URLSearchParams(fields),
      })
      expect([path, answer.status, answer.headers.get('set-cookie')]).toEqual([path, 403, null])
      expect(await answer.text()).toContain('The request came from another site')
    }
    expect(await known()).toBe(before)
  })

  test('is told from one of this host, which a proxy has given another name', async () => {
    const { status } = await signIn(client, {
      name: 'reader',
      password: 'reader-secret',
      headers: { origin: 'https://a.example', 'sec-fetch-site': 'same-origin' },
    })

    expect(status).toBe(303)
  })
})

test.each([
  ['/ui/team/app:v1', '/ui/team/app:v1'],
  ['/?q=app', '/?q=app'],
  ['//evil.example/', '/'],
  ['/.//evil.example/', '/'],
  ['/ui/..//evil.example/', '/'],
  ['//a.example//evil.example/', '/'],
  ['/\\evil.example/', '/'],
  ['https://evil.example/', '/'],
  ['https://evil.example/ui/team/app', '/'],
  ['javascript:alert(1)', '/'],
  ['/\t/evil.example', '/'],
])('after signing in, %p leads to %p', async (to, location) => {
  expect((await signIn(client, { name: 'reader', password: 'reader-secret', to })).location).toBe(location)
})

test('a screen that needs a name shows the form for it in its place, and no window of the browser', async () => {
  const answer = await get('/ui/team/app?after=v0', PAGE)
  const text = await answer.text()

  expect(answer.status).toBe(401)
  expect(answer.headers.get('www-authenticate')).toBeNull()
  expect(text).toContain('action="/ui/-/sign-in?to=%2Fui%2Fteam%2Fapp%3Fafter%3Dv0"')
})

test('a name and a password that come with a request count as everywhere', async () => {
  const answer = await registry.basic('operator', 'operator-secret').request('GET', '/ui/secret/app', { headers: PAGE })

  expect(answer.status).toBe(200)
})
