import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { API_CALLERS, type ApiCaller, ApiLab } from '../support/api-lab.ts'
import { makeImage } from '../support/images.ts'
import { debianLayer, imageOf, untilRead } from '../support/inside-image.ts'
import { poll } from '../support/processes.ts'
import { someServers } from '../support/wire.ts'

setDefaultTimeout(120_000)

/** One that the callers may see as far as their rules go, one that is hidden from all of them, and one that is not there. */
const [VISIBLE, HIDDEN, NONE] = ['team/app', 'secret/app', 'secret/none'] as const

const IMAGE = imageOf([[...debianLayer('app-common 1'), { path: '0.txt', bytes: 'a file' }]], { Labels: { name: 'image' } })

interface Row {
  /** Behind the path, for a request that changes nothing where the caller is let in. */
  readonly query?: string
  readonly body?: unknown
  /** Statuses of the repository that may be seen and of the hidden one; one alone where a path is about none. In the order of `API_CALLERS`. */
  readonly statuses: Readonly<Record<ApiCaller, readonly [number, number] | number>>
}

function row(...statuses: readonly (readonly [number, number] | number)[]): Row['statuses'] {
  return Object.fromEntries(API_CALLERS.map((caller, index) => [caller, statuses[index] ?? 0])) as Row['statuses']
}

const LOGIN: readonly [number, number] = [401, 401]
/** A push is refused, and not hidden: 'unknown' would send a client looking for another mistake. */
const REFUSED: readonly [number, number] = [403, 403]
const READ = row(LOGIN, [200, 404], [200, 404], [200, 404], [200, 404])
const FOR_WRITERS = row(LOGIN, REFUSED, [200, 403], [200, 403], [200, 403])
const FOR_ALL = row(401, 200, 200, 200, 200)
const FOR_ADMINS = row(401, 403, 403, 200, 403)
const NO_WEBHOOK = row(401, 403, 403, 404, 403)
const REPOSITORY = '/api/v1/repositories/{name}'

/** What each caller gets from each method of each path. A path without a row fails the test below. */
const ROWS: Readonly<Record<string, Row>> = {
  'get /api/v1/openapi.json': { statuses: FOR_ALL },
  'get /v1/_ping': { statuses: row(200, 200, 200, 200, 200) },
  'get /v1/search': { query: 'q=app', statuses: FOR_ALL },
  'get /api/v1/repositories': { statuses: FOR_ALL },
  'get /api/v1/activity': { statuses: FOR_ALL },
  'get /api/v1/progress': { statuses: FOR_ALL },
  'get /api/v1/files': { query: 'path=/0.txt', statuses: FOR_ALL },
  'get /api/v1/packages': { query: 'name=app*', statuses: FOR_ALL },
  'get /api/v1/events': { statuses: FOR_ALL },
  'get /api/v1/deployments': { statuses: FOR_ALL },
  'put /api/v1/deployments/{host}': { body: {}, statuses: row(401, 400, 400, 400, 400) },
  'delete /api/v1/deployments/{host}': { statuses: row(401, 404, 404, 404, 404) },
  'get /api/v1/collection': { statuses: FOR_ADMINS },
  'get /api/v1/storage': { statuses: FOR_ADMINS },
  'get /api/v1/deletion': { query: 'repositories=**&tags=v1', statuses: row(401, 403, 403, 200, 200) },
  'post /api/v1/deletion': { query: 'repositories=**&tags=v1&token=none', statuses: row(401, 403, 403, 409, 409) },
  [`get ${REPOSITORY}`]: { statuses: READ },
  [`put ${REPOSITORY}/star`]: { statuses: row(LOGIN, [200, 404], [200, 404], [200, 404], [403, 404]) },
  [`delete ${REPOSITORY}/star`]: { statuses: row(LOGIN, [200, 404], [200, 404], [200, 404], [403, 404]) },
  [`put ${REPOSITORY}/description`]: { query: 'text=Service', statuses: FOR_WRITERS },
  [`delete ${REPOSITORY}/description`]: { statuses: FOR_WRITERS },
  [`get ${REPOSITORY}/storage`]: { query: 'n=10', statuses: READ },
  [`get ${REPOSITORY}/compare`]: { query: 'from=v1&to=v1', statuses: READ },
  [`get ${REPOSITORY}/tags`]: { statuses: READ },
  [`get ${REPOSITORY}/inside`]: { query: 'tag=v1', statuses: READ },
  [`get ${REPOSITORY}/packages`]: { query: 'tag=v1', statuses: READ },
  [`get ${REPOSITORY}/files`]: { query: 'tag=v1', statuses: READ },
  [`get ${REPOSITORY}/file`]: { query: 'tag=v1&path=/0.txt', statuses: READ },
  [`get ${REPOSITORY}/diff`]: { query: 'from=v1&to=v1', statuses: READ },
  [`get ${REPOSITORY}/sbom`]: { query: 'tag=v1', statuses: READ },
  [`get ${REPOSITORY}/image`]: { query: 'tag=v1', statuses: READ },
  // A caller who may delete nowhere is told so, whatever the name.
  [`get ${REPOSITORY}/deletion`]: { query: 'tag=v1', statuses: row(LOGIN, REFUSED, REFUSED, [200, 404], [200, 404]) },
  [`post ${REPOSITORY}/deletion`]: {
    query: 'tag=v1&token=none',
    statuses: row(LOGIN, REFUSED, REFUSED, [409, 404], [409, 404]),
  },
  [`get ${REPOSITORY}/deleted`]: { statuses: FOR_WRITERS },
  [`post ${REPOSITORY}/undelete`]: { query: 'tag=none', statuses: row(LOGIN, REFUSED, [404, 403], [404, 403], [404, 403]) },
  [`get ${REPOSITORY}/history`]: { query: 'tag=v1', statuses: READ },
  [`post ${REPOSITORY}/restore`]: {
    query: 'tag=none&back=1',
    statuses: row(LOGIN, REFUSED, [404, 403], [404, 403], [404, 403]),
  },
  [`get ${REPOSITORY}/quotas`]: { statuses: FOR_WRITERS },
  [`get ${REPOSITORY}/retention`]: { statuses: FOR_WRITERS },
  'get /api/v1/account': { statuses: row(200, 200, 200, 200, 200) },
  'get /api/v1/permissions': { query: 'repository=secret/app', statuses: row(200, 200, 200, 200, 200) },
  'get /api/v1/rules': { statuses: FOR_ADMINS },
  'get /api/v1/users': { statuses: FOR_ADMINS },
  'post /api/v1/users': { body: {}, statuses: row(401, 403, 403, 400, 403) },
  'put /api/v1/users/{user}/password': { body: { password: 'x' }, statuses: row(401, 403, 403, 404, 403) },
  'delete /api/v1/users/{user}': { statuses: row(401, 403, 403, 404, 403) },
  'get /api/v1/groups': { statuses: FOR_ADMINS },
  'put /api/v1/groups/{group}/members/{user}': { statuses: FOR_ADMINS },
  'delete /api/v1/groups/{group}/members/{user}': { query: 'none=1', statuses: row(401, 403, 403, 400, 403) },
  'delete /api/v1/groups/{group}': { query: 'none=1', statuses: row(401, 403, 403, 400, 403) },
  'get /api/v1/robots': { statuses: row(401, 200, 200, 200, 403) },
  'post /api/v1/robots': { body: {}, statuses: row(401, 400, 400, 400, 403) },
  'delete /api/v1/robots/{robot}': { statuses: row(401, 404, 404, 404, 403) },
  'get /api/v1/webhooks': { statuses: FOR_ADMINS },
  'post /api/v1/webhooks': { body: {}, statuses: row(401, 403, 403, 400, 403) },
  'put /api/v1/webhooks/{webhook}': { body: {}, statuses: NO_WEBHOOK },
  'delete /api/v1/webhooks/{webhook}': { statuses: NO_WEBHOOK },
  'post /api/v1/webhooks/{webhook}/test': { statuses: NO_WEBHOOK },
  'get /api/v1/webhooks/{webhook}/deliveries': { statuses: NO_WEBHOOK },
  'post /api/v1/webhooks/{webhook}/replay': { body: { aside: true }, statuses: NO_WEBHOOK },
}

describe.each(someServers('rights'))('the rights at %s:', (_, server) => {
  let lab: ApiLab

  beforeAll(async () => {
    lab = await ApiLab.start(server)
    for (const repository of [VISIBLE, HIDDEN]) {
      await lab.push(IMAGE, 'v1', repository)
      // Searches find it when its layers are read.
      await untilRead({ request: async (method, path) => await lab.ask('keeper', method, path) }, repository, 'v1')
    }
  })
  afterAll(() => lab[Symbol.asyncDispose]())

  /** Of one caller; the id of the request and the name of the repository are taken out. */
  async function answerTo(caller: ApiCaller, operation: string, repository: string) {
    const [method = '', path = ''] = operation.split(' ')
    const { query, body } = ROWS[operation] ?? {}
    const filled = path.replace('{name}', repository).replace(/\{(\w+)\}/g, 'none-such')
    const answer = await lab.ask(caller, method.toUpperCase(), `${filled}${query === undefined ? '' : `?${query}`}`, body)
    const id = answer.headers.get('x-request-id') ?? ''
    const isStream = answer.headers.get('content-type') === 'text/event-stream'
    if (isStream) await answer.body?.cancel()
    const text = (isStream ? '' : await answer.text()).replaceAll(id, 'ID').replaceAll(repository, 'NAME')
    const challenge = answer.headers.get('www-authenticate')?.replaceAll(repository, 'NAME')
    return { status: answer.status, text, challenge }
  }

  test('each method of each path that openapi.json describes has a row', async () => {
    const document = (await (await lab.ask('admin', 'GET', '/api/v1/openapi.json')).json()) as {
      paths: Record<string, Record<string, unknown>>
    }
    const described = Object.entries(document.paths).flatMap(([path, { parameters: _parameters, ...methods }]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    )

    const others = ['get /api/v1/openapi.json', 'get /v1/_ping', 'get /v1/search']
    expect(Object.keys(ROWS).toSorted()).toEqual([...described, ...others].toSorted())
  })

  test.each(Object.keys(ROWS))('%s', async (operation) => {
    const { statuses } = ROWS[operation] ?? {}
    for (const caller of API_CALLERS) {
      const expected = statuses?.[caller]
      if (typeof expected === 'number') {
        const { status, text } = await answerTo(caller, operation, VISIBLE)
        expect(`${caller} ${status}`).toBe(`${caller} ${expected}`)
        if (!operation.includes('permissions')) expect(text).not.toContain(HIDDEN)
        continue
      }
      const [visible, hidden, none] = [
        await answerTo(caller, operation, VISIBLE),
        await answerTo(caller, operation, HIDDEN),
        await answerTo(caller, operation, NONE),
      ]
      expect([caller, visible.status, hidden.status]).toEqual([caller, ...(expected ?? [])])
      expect(hidden).toEqual(none)
    }
  })

  test('lists and searches show what the caller may list, and nothing else', async () => {
    const names = async (caller: ApiCaller | 'keeper', path: string, list: string) => {
      const answer = (await (await lab.ask(caller, 'GET', path)).json()) as Record<string, Record<string, string>[]>
      return answer[list]?.map(({ name, repository }) => name ?? repository).toSorted()
    }
    await poll(
      'the moves are there',
      30_000,
      async () => (await names('keeper', '/api/v1/activity', 'activity'))?.length === 2 || undefined,
    )

    for (const [path, list] of [
      ['/api/v1/activity', 'activity'],
      ['/api/v1/repositories', 'repositories'],
      ['/api/v1/repositories?q=app', 'repositories'],
      ['/api/v1/repositories?q=image', 'repositories'],
      ['/v1/search?q=ap', 'results'],
    ] as const) {
      for (const caller of API_CALLERS.slice(1)) expect(await names(caller, path, list)).toEqual([VISIBLE])
      expect(await names('keeper', path, list)).toEqual([HIDDEN, VISIBLE])
    }
  })

  test('a pattern means the repositories from which its caller may delete, and is silent about others', async () => {
    for (const repository of [VISIBLE, HIDDEN]) await lab.push(makeImage('image'), 'old', repository)
    const path = '/api/v1/deletion?repositories=**&tags=old'

    const { token, ...seen } = (await (await lab.ask('admin', 'GET', path)).json()) as { token: string }
    const deleted = await (await lab.ask('admin', 'POST', `${path}&token=${token}`)).json()

    expect(seen).toMatchObject({ repositories: 1, tags: 1, goes: [{ repository: VISIBLE, tag: 'old' }] })
    expect(deleted).toEqual({ tags: 1, manifests: 0, changed: 0, kept: 0 })
    const left = (repository: string) => lab.ask('keeper', 'HEAD', `/v2/${repository}/manifests/old`)
    expect([(await left(VISIBLE)).status, (await left(HIDDEN)).status]).toEqual([404, 200])
  })

  test('a token for a repository opens its paths to a caller who may delete there, and to no other; nor does it open accounts', async () => {
    const tokenOf = async (caller: ApiCaller, scope: string) => {
      const answer = await lab.ask(caller, 'GET', `/v2/token?service=berth&scope=${scope}`)
      return ((await answer.json()) as { token: string }).token
    }
    const statusWith = async (token: string, path: string) =>
      (await lab.berth.request('GET', path, { headers: { authorization: `Bearer ${token}` } })).status
    const look = `/api/v1/repositories/${VISIBLE}/deletion?tag=v1`
    const [scope, accounts] = [`repository:${VISIBLE}:delete`, 'registry:accounts:*']

    expect(await statusWith(await tokenOf('admin', scope), look)).toBe(200)
    expect(await statusWith(await tokenOf('writer', scope), look)).toBe(403)
    expect(await statusWith(await tokenOf('admin', scope), '/api/v1/users')).toBe(401)
    expect(await statusWith(await tokenOf('admin', scope), '/api/v1/robots')).toBe(401)
    expect(await statusWith(await tokenOf('admin', accounts), '/api/v1/users')).toBe(200)
    expect(await statusWith(await tokenOf('reader', accounts), '/api/v1/users')).toBe(403)
    expect(await statusWith(await tokenOf('reader', accounts), '/api/v1/robots')).toBe(200)
    expect(await statusWith(await tokenOf('robot', accounts), '/api/v1/robots')).toBe(403)
    const unnamed = await lab.ask('anonymous', 'GET', '/api/v1/users')
    expect(unnamed.headers.get('www-authenticate')).toContain(`scope="${accounts}"`)
  })
})
