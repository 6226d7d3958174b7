import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { header } from '../support/answers.ts'
import { AppInTest, basic } from '../support/app-in-test.ts'
import { blobsOf, contentOf, makeImage } from '../support/images.ts'
import type { RecordedLine } from '../support/recorded-log.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const EVENTS = new Set(['authentication failed', 'denied', 'write'])
const CAN = ['pull', 'push', 'list', 'delete']
const IMAGE = makeImage('audited')

const resources = new AsyncDisposableStack()
let folder: TemporaryFolder
let htpasswd: object

beforeAll(async () => {
  folder = resources.use(new TemporaryFolder())
  const hash = await Bun.password.hash('secret', { algorithm: 'bcrypt', cost: 4 })
  htpasswd = { realm: 'a', path: await folder.file('htpasswd', `alice:${hash}\n`) }
})
afterAll(async () => await resources.disposeAsync())

/** The line about a request. */
function audited(berth: AppInTest, response: Response): RecordedLine | undefined {
  const lines = berth.log.lines.filter(({ message, fields }) => {
    return EVENTS.has(message) && fields.requestId === header(response, 'x-request-id')
  })
  expect(lines.length).toBeLessThan(2)
  return lines[0]
}

describe.each([
  ['auth.htpasswd', () => ({ auth: { htpasswd } })],
  ['rules', () => ({ auth: { htpasswd }, access: { rules: [{ who: ['user:alice'], repositories: ['team/**'], can: CAN }] } })],
])('with %s', (_, sections) => {
  let berth: AppInTest
  beforeAll(async () => {
    berth = resources.use(await AppInTest.start(folder, sections()))
  })

  test('each write has a line that says who, from where, what, and with which result', async () => {
    const headers = basic('alice', 'secret')
    const [first, ...others] = blobsOf(IMAGE)
    if (first === undefined) throw new Error('the image has no blobs')
    const opened = await berth.request('POST', '/v2/team/app/blobs/uploads/', { headers })
    const closed = await berth.request('PUT', `${header(opened, 'location')}?digest=${first.digest}`, {
      headers,
      body: first.bytes.slice(),
    })
    for (const { digest, bytes } of others) {
      const pushed = await berth.request('POST', `/v2/team/app/blobs/uploads/?digest=${digest}`, { headers, body: bytes.slice() })
      expect(audited(berth, pushed)).toMatchObject({ message: 'write', fields: { user: 'alice', method: 'POST', status: 201 } })
    }
    const { mediaType, bytes } = IMAGE.manifest
    const tagged = await berth.request('PUT', '/v2/team/app/manifests/v1', {
      headers: { ...headers, 'content-type': mediaType },
      body: bytes.slice(),
    })
    const mounted = await berth.request('POST', `/v2/team/b/blobs/uploads/?mount=${first.digest}&from=team/app`, { headers })
    const removed = await berth.request('DELETE', '/v2/team/app/manifests/v1', { headers })

    expect(audited(berth, opened)).toBeUndefined()
    expect([closed, tagged, mounted, removed].map(({ status }) => status)).toEqual([201, 201, 201, 202])
    for (const response of [closed, tagged, mounted, removed]) {
      const line = audited(berth, response)
      expect(line).toMatchObject({ level: 'info', message: 'write', fields: { user: 'alice', client: '127.0.0.1' } })
    }
    expect(audited(berth, removed)?.fields).toMatchObject({ method: 'DELETE', path: '/v2/team/app/manifests/v1', status: 202 })
  })

  test('a wrong password has a line with the name that was claimed, and its client learns no more than that it is wrong', async () => {
    const wrong = await berth.request('GET', '/v2/', { headers: basic('alice', 'hunter2') })
    const unknown = await berth.request('GET', '/v2/', { headers: basic('mallory', 'hunter2') })

    const failed = { message: 'authentication failed', fields: { client: '127.0.0.1', method: 'GET', path: '/v2/', status: 401 } }
    expect(audited(berth, wrong)).toMatchObject({ ...failed, fields: { claimed: 'alice', reason: 'wrong password' } })
    expect(audited(berth, unknown)).toMatchObject({ ...failed, fields: { claimed: 'mallory', reason: 'no such user' } })
    const bodies = await Promise.all([wrong, unknown].map((response) => response.text()))
    expect(new Set(bodies.map((body) => body.replace(/\(request [0-9a-f]+\)/, ''))).size).toBe(1)
    expect(JSON.stringify(berth.log.lines)).not.toContain('hunter2')
  })

  test('who asks how to log in has no line, and neither has who reads', async () => {
    const asking = await berth.request('GET', '/v2/')
    const reading = await berth.request('GET', '/v2/team/app/tags/list', { headers: basic('alice', 'secret') })

    expect(asking.status).toBe(401)
    expect(audited(berth, asking)).toBeUndefined()
    expect(audited(berth, reading)).toBeUndefined()
    const access = await berth.log.line(({ fields }) => fields.requestId === header(reading, 'x-request-id'))
    expect(access.fields.user).toBe('alice')
  })
})

test('a denial has a line, whatever its client is told', async () => {
  const rules = [{ who: ['user:alice'], repositories: ['team/**'], can: ['pull'] }]
  await using berth = await AppInTest.start(folder, { auth: { htpasswd }, access: { rules } })
  const headers = basic('alice', 'secret')

  const push = await berth.request('POST', '/v2/team/app/blobs/uploads/', { headers })
  const hidden = await berth.request('GET', '/v2/secret/manifests/v1', { headers })
  const referrers = await berth.request('GET', `/v2/secret/referrers/sha256:${'0'.repeat(64)}`, { headers })
  const catalog = await berth.request('GET', '/v2/_catalog', { headers })

  expect([push, hidden, referrers, catalog].map(({ status }) => status)).toEqual([403, 404, 200, 403])
  const denied = { message: 'denied', fields: { user: 'alice' } }
  expect(audited(berth, push)).toMatchObject({ ...denied, fields: { reason: 'may not push in team/app', code: 'DENIED' } })
  expect(audited(berth, hidden)).toMatchObject({
    ...denied,
    fields: { reason: 'may not pull in secret', code: 'MANIFEST_UNKNOWN' },
  })
  expect(audited(berth, referrers)).toMatchObject({ ...denied, fields: { reason: 'may not pull in secret', status: 200 } })
  expect(audited(berth, catalog)).toMatchObject({ ...denied, fields: { reason: 'may not list the catalog' } })
})

test('where everybody may do everything nobody is named', async () => {
  await using berth = await AppInTest.start(folder, {})
  const content = contentOf('application/octet-stream', Buffer.from('anybody'))

  const pushed = await berth.request('POST', `/v2/a/blobs/uploads/?digest=${content.digest}`, { body: content.bytes.slice() })

  expect(pushed.status).toBe(201)
  expect(audited(berth, pushed)).toBeUndefined()
})
