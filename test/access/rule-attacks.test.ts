import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { AccessRegistry, basic } from '../support/access-registry.ts'
import { blobsOf, type Image, makeImage } from '../support/images.ts'
import { parseRaw, sendRaw } from '../support/raw-http.ts'
import { expectStatus } from '../support/registry-client.ts'

setDefaultTimeout(120_000)

const ACCESS = `  rules:
    - {who: ['user:operator'], repositories: ['**'], can: [pull, push, delete, list]}
    - {who: ['user:eve'], repositories: [team/secret], can: []}
    - {who: ['user:eve'], repositories: ['team/**'], can: [pull, push, list]}
    - {who: [anonymous], repositories: [public], can: [pull]}
`

const SECRET = makeImage('secret')
const EVE = { authorization: basic('eve', 'eve-secret') }
/** Of one length, which Content-Length tells. */
const HIDDEN_AND_ABSENT = [
  ['secret/app', 'team/other'],
  ['secret/none', 'team/nobody'],
  ['team/secret', 'team/nobody'],
] as const
let registry: AccessRegistry

beforeAll(async () => {
  registry = await AccessRegistry.start({ access: ACCESS })
  await registry.addUser('operator', 'operator-secret')
  await registry.addUser('eve', 'eve-secret')
  await push('secret/app', SECRET)
  await push('team/secret', SECRET)
  await push('team/app', makeImage('team'))
})
afterAll(async () => await registry[Symbol.asyncDispose]())

describe('a repository that may not be seen', () => {
  const [layer] = SECRET.layers
  const things = [
    'manifests/v1',
    `manifests/${SECRET.manifest.digest}`,
    `blobs/${layer?.digest}`,
    'tags/list',
    `referrers/${SECRET.manifest.digest}`,
  ]

  test.each(things)('answers as one that does not exist, also as one that could be seen: %s', async (thing) => {
    for (const [hidden, absent] of HIDDEN_AND_ABSENT) {
      for (const method of ['GET', 'HEAD', 'DELETE'])
        expect(await rawAnswer(method, hidden, thing)).toBe(await rawAnswer(method, absent, thing))
    }
  })

  test('says nothing about itself to those who would change it', async () => {
    for (const [method, thing] of [
      ['PUT', 'manifests/v2'],
      ['POST', 'blobs/uploads/'],
      ['DELETE', 'manifests/v1'],
      ['DELETE', `blobs/${layer?.digest}`],
      ['PATCH', `blobs/uploads/${Bun.randomUUIDv7()}`],
    ] as const) {
      const [hidden, absent] = [await ask(method, `/v2/secret/app/${thing}`), await ask(method, `/v2/secret/none/${thing}`)]
      expect(hidden).toEqual(absent)
      expect([403, 404]).toContain(hidden.status)
    }
    expect(await registry.basic('operator', 'operator-secret').headManifest('secret/app', 'v1')).toHaveProperty('status', 200)
  })

  test('is in no page of the catalog, however it is asked for', async () => {
    for (const query of ['', '?n=1', '?last=secre', '?last=secret/ap&n=1', '?last=team/secre', '?n=1000&last=a']) {
      const { status, body } = await ask('GET', `/v2/_catalog${query}`)
      expect(status).toBe(200)
      expect(body).not.toContain('secret')
    }
  })

  test.each([
    'team/../secret/app',
    'team/%2e%2e/secret/app',
    'team/%2E%2E%2Fsecret/app',
    'team%2F..%2Fsecret%2Fapp',
    'secret%2Fapp',
    'secret%2fapp',
    '%73ecret/app',
    'secret%252Fapp',
    'Secret/App',
    'SECRET/app',
    '/secret/app',
    'secret//app',
    'team//../secret/app',
    './secret/app',
    'secret/./app',
    'secret/app/',
    'secret/app/.',
    'team/app/../../secret/app',
    'secret\\app',
    'team/..;/secret/app',
    'secret/app%00',
    'secret/app%20',
    'team/app%23/../../secret/app',
    'secret%c0%afapp',
    'team/app/manifests/../../../secret/app',
    'public/../secret/app',
  ])('cannot be reached as %s', async (name) => {
    for (const authorization of [EVE.authorization, '']) {
      for (const request of [
        `GET /v2/${name}/manifests/v1`,
        `HEAD /v2/${name}/manifests/v1`,
        `GET /v2/${name}/blobs/${layer?.digest}`,
        `GET /v2/${name}/tags/list`,
        `GET http://other.example/v2/${name}/manifests/v1`,
        `PUT /v2/${name}/manifests/v1`,
        `DELETE /v2/${name}/manifests/${SECRET.manifest.digest}`,
      ]) {
        const { status, text } = await rawRequest(request, authorization)
        expect([request, status >= 400 && status < 500]).toEqual([request, true])
        // What the manifest alone could tell.
        expect(text).not.toContain(SECRET.config.digest)
      }
    }
  })

  test.each([
    'Host: a b',
    'Host: secret/app',
    'X-Original-URL: /v2/team/app/manifests/v1',
    'X-Rewrite-URL: /v2/team/app/manifests/v1',
    'X-Forwarded-User: operator',
    'Remote-User: operator',
    'X-HTTP-Method-Override: GET',
    'X-Forwarded-For: 127.0.0.1',
  ])('is not opened by the header %s', async (header) => {
    const { status } = await rawRequest('GET /v2/secret/app/manifests/v1', EVE.authorization, header)
    expect([400, 404]).toContain(status)
  })
})

describe('a mount', () => {
  const blob = SECRET.config

  test.each([
    'from=secret/app',
    'from=secret%2Fapp',
    'from=secret%252Fapp',
    'from=Secret/App',
    'from=team/../secret/app',
    'from=/secret/app',
    'from=secret//app',
    'from=secret/app/',
    'from=%73ecret/app',
    'from=team/app&from=secret/app',
    'from=secret/app&from=team/app',
    'from=',
    'from',
    '',
    'origin=secret/app',
    'from=secret/app%00',
    'from=*',
    'from=**',
  ])('takes nothing out of a repository that the caller may not pull: ?%s', async (query) => {
    const { status } = await ask('POST', `/v2/team/taken/blobs/uploads/?mount=${blob.digest}&${query}`)

    expect(status).toBe(202)
    expect((await ask('HEAD', `/v2/team/taken/blobs/${blob.digest}`)).status).toBe(404)
  })

  test('takes nothing for a manifest either: it must be pushed whole', async () => {
    const { bytes, mediaType } = SECRET.manifest
    const response = await registry.client(EVE).request('PUT', '/v2/team/taken/manifests/v1', {
      headers: { 'content-type': mediaType },
      body: bytes.slice(),
    })

    expect(response.status).toBe(400)
    expect(await response.text()).toContain('MANIFEST_BLOB_UNKNOWN')
  })

  test('needs the right to push, wherever it would take from', async () => {
    const { status } = await ask('POST', `/v2/public/blobs/uploads/?mount=${blob.digest}&from=team/app`)

    expect(status).toBe(403)
  })
})

describe('an upload', () => {
  test('of one repository is not there in another', async () => {
    const location = await registry.basic('operator', 'operator-secret').startUpload('secret/app')
    const stolen = location.replace('/secret/app/', '/team/app/')

    for (const method of ['GET', 'PATCH', 'PUT', 'DELETE']) {
      expect((await ask(method, `${stolen}?digest=${SECRET.config.digest}`)).status).toBe(404)
    }
    expect((await registry.basic('operator', 'operator-secret').request('GET', location)).status).toBe(204)
  })
})

describe('a token', () => {
  test('for one repository is good for no other, however it is named in the scope or the path', async () => {
    const scopes = [
      'repository:team/app:pull,push',
      'repository:team/../secret/app:pull',
      'repository:secret/app:pull',
      'repository:**:pull',
      'repository:secret/*:*',
    ]
    const bearer = await registry.bearer(scopes, 'eve', 'eve-secret')

    expect((await bearer.getManifest('team/app', 'v1')).status).toBe(200)
    expect((await bearer.getManifest('team/app2', 'v1')).status).toBe(401)
    expect((await bearer.request('GET', '/v2/team%2Fapp/tags/list')).status).toBe(200)
    for (const name of ['secret/app', 'team/../secret/app', 'secret%2Fapp', 'team/app/../../secret/app']) {
      expect((await bearer.request('GET', `/v2/${name}/manifests/v1`)).status).toBe(404)
    }
  })

  test('of somebody else, or of nobody, is what its owner is', async () => {
    const nobody = await registry.bearer(['repository:secret/app:pull', 'repository:team/app:pull'])

    expect((await nobody.getManifest('secret/app', 'v1')).status).toBe(401)
    expect((await nobody.getManifest('team/app', 'v1')).status).toBe(401)
  })
})

describe('credentials', () => {
  test.each([
    ['no colon', `Basic ${Buffer.from('eve').toString('base64')}`],
    ['no password', basic('eve', '')],
    ['another case', basic('EVE', 'eve-secret')],
    ['a path', basic('../users/eve', 'eve-secret')],
    ['a path that ends well', basic('eve/', 'eve-secret')],
    ['a zero byte', basic('eve\0', 'eve-secret')],
    ['the name as in tokens', `Basic ${Buffer.from('user%3Aeve:eve-secret').toString('base64')}`],
    ['a blank behind the password', basic('eve', 'eve-secret ')],
    ['no Base64', 'Basic ****'],
    ['a robot that is not there', basic('eve', 'berth_robot_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA')],
    ['another scheme', 'Digest username="eve"'],
    ['a scheme alone', 'Bearer'],
    ['nothing', ''],
    ['two in one', `${EVE.authorization}, ${EVE.authorization}`],
    ['a long one', `Basic ${'A'.repeat(20_000)}`],
  ])('that are none are refused: %s', async (_, authorization) => {
    const { status } = await rawRequest('GET /v2/team/app/manifests/v1', authorization)

    expect(status).toBe(401)
  })
})

async function push(repository: string, image: Image): Promise<void> {
  const client = registry.basic('operator', 'operator-secret')
  for (const blob of blobsOf(image)) await client.pushBlob(repository, blob)
  await expectStatus(await client.putManifest(repository, 'v1', image.manifest), 201)
}

/** As eve; without what differs from request to request, and with one name for every repository. */
async function ask(method: string, path: string) {
  const response = await registry.client(EVE).request(method, path)
  const body = (await response.text()).replace(/\(request [0-9a-f]+\)/, '').replaceAll('secret/none', 'secret/app')
  return { status: response.status, body, challenge: response.headers.get('www-authenticate') }
}

/** As eve: all that is sent, without what differs from request to request and from name to name. */
async function rawAnswer(method: string, repository: string, thing: string): Promise<string> {
  const { text } = await rawRequest(`${method} /v2/${repository}/${thing}`, EVE.authorization)
  return text.replaceAll(/[0-9a-f]{16}(?=\)|\r)|Date: .*/g, '').replaceAll(repository, '')
}

/** One request with exactly this target, on a connection of its own. */
async function rawRequest(request: string, authorization: string, header = ''): Promise<{ status: number; text: string }> {
  const fields = [
    ...(header.startsWith('Host:') ? [] : ['Host: localhost']),
    ...(authorization === '' ? [] : [`Authorization: ${authorization}`]),
    ...(header === '' ? [] : [header]),
    ...['Content-Length: 0', 'Connection: close'],
  ]
  const text = await sendRaw(registry.url, `${request} HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n`)
  return { status: parseRaw(text).status, text }
}
