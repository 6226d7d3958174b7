import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { ApiLab } from '../support/api-lab.ts'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)

const DIGEST = `sha256:${'a'.repeat(64)}`
const WANTED = `sha256:${'b'.repeat(64)}`

let lab: ApiLab
beforeAll(async () => {
  lab = await ApiLab.start()
})
afterAll(() => lab[Symbol.asyncDispose]())

function container(name: string, more: Readonly<Record<string, unknown>> = {}) {
  return { container: name, repository: 'team/app', digest: DIGEST, state: 'running', ...more }
}

async function list(caller: 'admin' | 'reader' | 'keeper', query = '') {
  const answer = await lab.ask(caller, 'GET', `/api/v1/deployments${query}`)
  return (await answer.json()) as { deployments: Record<string, unknown>[]; next: string | null }
}

test('a host reports what runs on it, once for all, and who may list the repository sees it', async () => {
  const first = [container('gone'), container('web', { tag: 'v1', since: '2026-11-29T12:00:00Z' })]
  const second = [container('web', { tag: 'v1', since: '2026-11-29T12:00:00Z', wanted: WANTED, problem: 'not healthy' })]

  const answers = [first, second].map(
    (containers) => async () => await lab.ask('robot', 'PUT', '/api/v1/deployments/web-1', { containers }),
  )
  for (const answer of answers) expect((await answer()).status).toBe(200)

  const { deployments, next } = await list('reader')
  expect(next).toBeNull()
  expect(deployments).toEqual([
    {
      ...{ host: 'web-1', container: 'web', repository: 'team/app', tag: 'v1', digest: DIGEST, state: 'running' },
      ...{ since: '2026-11-29T12:00:00.000Z', wanted: WANTED, problem: 'not healthy', seen: expect.any(String) },
    },
  ])
})

test('the page shows it, with what was to run in its place and why it does not', async () => {
  const shown = async (caller: 'reader' | 'anonymous') => {
    const headers = { ...lab.headers(caller), accept: 'text/html' }
    return await (await lab.berth.request('GET', '/ui/-/deployments', { headers })).text()
  }

  const text = await shown('reader')
  expect(text).toContain(`<a href="/ui/team/app@${DIGEST}"><code>team/app:v1</code></a>`)
  expect(text).toContain('<bdi>web-1</bdi>')
  expect(text).toMatch(/not <code title="sha256:b+">b{12}<\/code>: <bdi>not healthy<\/bdi>/)
  expect(await shown('anonymous')).not.toContain('web-1')
})

test('a host reports only what it may pull, and what another account reports of is not its own', async () => {
  const secret = await lab.ask('robot', 'PUT', '/api/v1/deployments/web-2', {
    containers: [container('web', { repository: 'secret/app' })],
  })
  const foreign = await lab.ask('writer', 'PUT', '/api/v1/deployments/web-1', { containers: [] })
  const odd = await lab.ask('robot', 'PUT', '/api/v1/deployments/..%2Fweb', { containers: [] })

  expect([secret.status, foreign.status, odd.status]).toEqual([403, 403, 400])
})

test('pages go on where they ended, and a host that is gone is forgotten by an admin', async () => {
  const containers = ['a', 'b', 'c'].map((name) => container(name))
  expect((await lab.ask('admin', 'PUT', '/api/v1/deployments/web-3', { containers })).status).toBe(200)

  const seen: unknown[] = []
  for (let next: string | null = ''; next !== null; ) {
    const page = await list('admin', `?n=2${next === '' ? '' : `&after=${encodeURIComponent(next)}`}`)
    seen.push(...page.deployments.map((row) => `${row.host}/${row.container}`))
    next = page.next
  }
  const refused = await lab.ask('writer', 'DELETE', '/api/v1/deployments/web-3')
  const forgotten = await lab.ask('admin', 'DELETE', '/api/v1/deployments/web-3')

  expect(seen).toEqual(['web-1/web', 'web-3/a', 'web-3/b', 'web-3/c'])
  expect([refused.status, forgotten.status]).toEqual([404, 200])
  expect((await list('admin')).deployments.map(({ host }) => host)).toEqual(['web-1'])
})

test('what runs of a repository that a caller may not list is not there for that caller, whatever the page', async () => {
  const names = ['a', 'b', 'c', 'd']
  const containers = names.map((name, place) => container(name, place === 3 ? {} : { repository: 'secret/app' }))
  expect((await lab.ask('keeper', 'PUT', '/api/v1/deployments/web-4', { containers })).status).toBe(200)

  const shown = async (caller: 'keeper' | 'reader', query: string) => {
    const { deployments, next } = await list(caller, query)
    return [deployments.flatMap((row) => (row.host === 'web-4' ? [row.container] : [])), next]
  }

  expect(await shown('keeper', '')).toEqual([names, null])
  expect(await shown('reader', '')).toEqual([['d'], null])
  expect(await shown('reader', '?n=1&after=web-4/a')).toEqual([['d'], null])
  expect(await shown('reader', '?repository=secret/app')).toEqual([[], null])
})

test('the last report of a host whose record cannot be read is not known, neither here nor on the page', async () => {
  using folder = new TemporaryFolder({ inMemory: true })
  await using berth = await BerthInProcess.start(folder.join('data'))
  const [path, headers] = ['/api/v1/deployments/web-1', { 'content-type': 'application/json' }]
  const body = JSON.stringify({ containers: [container('web', { since: '2026-11-29T12:00:00Z' })] })
  expect((await berth.client.request('PUT', path, { headers, body })).status).toBe(200)
  await berth.opened.metadata.write((query) => query.run('UPDATE deployment_host SET seen_ms = 0'))

  const answer = (await (await berth.client.request('GET', '/api/v1/deployments')).json()) as Awaited<ReturnType<typeof list>>
  const page = await berth.client.request('GET', '/ui/-/deployments', { headers: { accept: 'text/html' } })

  expect(answer.deployments.map(({ container: name, seen }) => [name, seen])).toEqual([['web', null]])
  expect((await page.text()).match(/<time datetime="[^"]*"/g)).toEqual(['<time datetime="2026-11-29T12:00:00.000Z"'])
})
