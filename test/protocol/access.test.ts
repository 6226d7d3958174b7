import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { ownWork } from '../../src/observe/actor.ts'
import { parseDigest } from '../../src/oci/digest.ts'
import { parseRepositoryName } from '../../src/oci/name.ts'
import { parseTag } from '../../src/oci/reference.ts'
import { expectError, header, nextPage } from '../support/answers.ts'
import { blobsOf, type Content, contentOf, makeImage, sha256 } from '../support/images.ts'
import { RestartableRegistry } from '../support/restartable-registry.ts'
import { tableAccess } from '../support/table-access.ts'

/** Where the protocol asks for permission, whoever gives it. */

const ALL = ['pull', 'push', 'delete', 'list'] as const
const image = makeImage('access')
const HELD = ['open', 'team', 'dropbox', 'secret']
const access = tableAccess({
  '': { may: { open: ['pull', 'list'] } },
  reader: { may: { team: ['pull', 'list'], open: ['pull'] } },
  writer: { may: { team: ALL, open: ['pull'], dropbox: ['push'] } },
  admin: { catalog: 'everything', may: Object.fromEntries(HELD.map((name) => [name, ALL])) },
  outsider: { catalog: 'nothing', may: {} },
})

let berth: RestartableRegistry

beforeAll(async () => {
  berth = await RestartableRegistry.start({ storage: 'inmemory', access })
  for (const name of HELD) {
    const repository = parseRepositoryName(name)
    for (const { digest, bytes } of blobsOf(image)) expect((await post(name, digest, bytes, 'admin')).status).toBe(201)
    await berth.registry.manifests.put(repository, {
      reference: parseTag('v1'),
      tags: [],
      contentType: image.manifest.mediaType,
      bytes: image.manifest.bytes,
      actor: ownWork('test'),
    })
  }
})
afterAll(async () => {
  await berth[Symbol.asyncDispose]()
})

async function ask(method: string, path: string, name: string, body?: Uint8Array): Promise<Response> {
  const headers = name === '' ? {} : { authorization: name }
  return await berth.request(method, path, { headers, ...(body === undefined ? {} : { body: body.slice() }) })
}

async function post(repository: string, digest: string, bytes: Uint8Array, name: string): Promise<Response> {
  return await ask('POST', `/v2/${repository}/blobs/uploads/?digest=${digest}`, name, bytes)
}

/** Every request of the API that reads from a repository or changes it, and what it needs. */
function requestsOf(repository: string): readonly (readonly [method: string, path: string, action: string])[] {
  const [blob] = blobsOf(image)
  return [
    ['GET', `/v2/${repository}/manifests/v1`, 'pull'],
    ['HEAD', `/v2/${repository}/manifests/${image.manifest.digest}`, 'pull'],
    ['GET', `/v2/${repository}/blobs/${blob?.digest}`, 'pull'],
    ['HEAD', `/v2/${repository}/blobs/${blob?.digest}`, 'pull'],
    ['GET', `/v2/${repository}/referrers/${image.manifest.digest}`, 'pull'],
    ['GET', `/v2/${repository}/tags/list`, 'pull'],
    ['POST', `/v2/${repository}/blobs/uploads/`, 'pull,push'],
    ['PUT', `/v2/${repository}/manifests/v2`, 'pull,push'],
    ['PATCH', `/v2/${repository}/blobs/uploads/none`, 'pull,push'],
    ['PUT', `/v2/${repository}/blobs/uploads/none?digest=${blob?.digest}`, 'pull,push'],
    ['GET', `/v2/${repository}/blobs/uploads/none`, 'pull,push'],
    ['DELETE', `/v2/${repository}/blobs/uploads/none`, 'pull,push'],
    ['DELETE', `/v2/${repository}/manifests/v1`, 'delete'],
    ['DELETE', `/v2/${repository}/blobs/${blob?.digest}`, 'delete'],
  ]
}

describe('without credentials', () => {
  test.each(requestsOf('secret'))('%s %s is 401 and says which token would be enough: %s', async (method, path, actions) => {
    const response = await ask(method, path, '')

    expect(response.status).toBe(401)
    expect(header(response, 'docker-distribution-api-version')).toBe('registry/2.0')
    expect(header(response, 'www-authenticate')).toBe(
      `Bearer realm="http://registry.test/token",service="test",scope="repository:secret:${actions}"`,
    )
  })

  test('/v2/ asks to log in, and so does the way to a mount, for both repositories', async () => {
    const base = await ask('GET', '/v2/', '')
    const mount = await ask('POST', `/v2/team/blobs/uploads/?mount=${image.config.digest}&from=secret`, '')

    await expectError(base, 401, 'UNAUTHORIZED')
    expect(header(base, 'www-authenticate')).toBe('Bearer realm="http://registry.test/token",service="test"')
    expect(header(mount, 'www-authenticate')).toContain('scope="repository:team:pull,push repository:secret:pull"')
  })

  test('what is open can be pulled, and nothing more', async () => {
    expect((await ask('GET', '/v2/open/manifests/v1', '')).status).toBe(200)
    await expectError(await ask('POST', '/v2/open/blobs/uploads/', ''), 401, 'UNAUTHORIZED')
  })

  test('the page for load balancers answers, and so does OPTIONS, which browsers send without credentials', async () => {
    expect((await ask('GET', '/', '')).status).toBe(200)
    expect((await ask('OPTIONS', '/v2/secret/tags/list', '')).status).toBe(200)
  })
})

describe('a caller with a name', () => {
  test('whom nobody knows is 401 everywhere', async () => {
    for (const [method, path] of [...requestsOf('open'), ['GET', '/v2/', ''] as const, ['GET', '/v2/_catalog', ''] as const]) {
      expect((await ask(method, path, 'mallory')).status).toBe(401)
    }
  })

  test('who may pull sees the tags, and is denied the rest with a sentence', async () => {
    expect((await ask('GET', '/v2/team/manifests/v1', 'reader')).status).toBe(200)
    const push = await expectError(await ask('POST', '/v2/team/blobs/uploads/', 'reader'), 403, 'DENIED')
    await expectError(await ask('DELETE', '/v2/team/manifests/v1', 'reader'), 403, 'DENIED')
    expect((await ask('GET', '/v2/open/tags/list', 'reader')).status).toBe(200)

    expect(push.message).toStartWith('You are not allowed to push to team;')
  })

  test('who may not see a repository gets the answers of one that does not exist', async () => {
    for (const repository of ['secret', 'none']) {
      const codes = await Promise.all(
        requestsOf(repository).map(async ([method, path]) => {
          const response = await ask(method, path, 'reader')
          return `${method} ${response.status}`
        }),
      )
      expect(codes).toEqual([
        ...['GET 404', 'HEAD 404', 'GET 404', 'HEAD 404', 'GET 200', 'GET 404'],
        ...['POST 403', 'PUT 403', 'PATCH 403', 'PUT 403', 'GET 403', 'DELETE 403', 'DELETE 404', 'DELETE 404'],
      ])
    }
    await expectError(await ask('GET', '/v2/secret/manifests/v1', 'reader'), 404, 'MANIFEST_UNKNOWN')
    await expectError(await ask('GET', '/v2/secret/tags/list', 'reader'), 404, 'NAME_UNKNOWN')
    await expectError(await ask('GET', `/v2/secret/blobs/${image.config.digest}`, 'reader'), 404, 'BLOB_UNKNOWN')
  })

  test('who may only push finds nothing there and can push a whole image', async () => {
    const other = makeImage('for the box')

    expect((await ask('HEAD', `/v2/dropbox/blobs/${image.config.digest}`, 'writer')).status).toBe(404)
    for (const { digest, bytes } of blobsOf(other)) expect((await post('dropbox', digest, bytes, 'writer')).status).toBe(201)
    const { mediaType, bytes } = other.manifest
    const headers = { authorization: 'writer', 'content-type': mediaType }
    const pushed = await berth.request('PUT', '/v2/dropbox/manifests/v2', { headers, body: bytes.slice() })
    expect(pushed.status).toBe(201)
  })

  test('cancels an upload with the right to push', async () => {
    const started = await ask('POST', '/v2/dropbox/blobs/uploads/', 'writer')

    expect((await ask('DELETE', header(started, 'location') ?? '', 'writer')).status).toBe(204)
  })
})

describe('a mount', () => {
  const query = (blob: Content, from = '') => `mount=${blob.digest}${from === '' ? '' : `&from=${from}`}`
  const mount = (repository: string, name: string, parameters: string) =>
    ask('POST', `/v2/${repository}/blobs/uploads/?${parameters}`, name)

  test('from a repository that the caller may pull is 201', async () => {
    expect((await mount('team', 'writer', query(image.config, 'open'))).status).toBe(201)
  })

  test('from any other is 202 and links nothing, whether the blob is there or not', async () => {
    const kept = contentOf('application/octet-stream', Buffer.from('kept in secret'))
    expect((await post('secret', kept.digest, kept.bytes, 'admin')).status).toBe(201)

    for (const from of ['secret', 'none', '../secret', 'SECRET', 'team%2F..%2Fsecret', 'dropbox', '']) {
      expect((await mount('team', 'writer', query(kept, from))).status).toBe(202)
    }
    expect((await ask('HEAD', `/v2/team/blobs/${kept.digest}`, 'writer')).status).toBe(404)
  })

  test('without from is found where the caller may pull, behind any number of repositories where not', async () => {
    const shared = contentOf('application/octet-stream', Buffer.from('shared by many'))
    for (let index = 0; index < 8; index++) await post('secret', shared.digest, shared.bytes, 'admin')
    for (let index = 0; index < 8; index++) {
      const repository = parseRepositoryName(`hidden-${index}`)
      const body = new Response(shared.bytes.slice()).body
      await berth.registry.uploads.push(repository, {
        digest: parseDigest(shared.digest),
        chunk: { body, start: undefined, length: undefined },
        actor: ownWork('test'),
      })
    }
    expect((await mount('team', 'writer', query(shared))).status).toBe(202)
    expect((await post('open', shared.digest, shared.bytes, 'admin')).status).toBe(201)

    expect((await mount('team', 'writer', query(shared))).status).toBe(201)
  })
})

describe('the catalog', () => {
  const names = async (response: Response) => ((await response.json()) as { repositories: string[] }).repositories

  test('is whole, forbidden, or what the caller may list', async () => {
    expect(await names(await ask('GET', '/v2/_catalog', 'admin'))).toEqual([...HELD].sort())
    expect(await names(await ask('GET', '/v2/_catalog', 'writer'))).toEqual(['team'])
    expect(await names(await ask('GET', '/v2/_catalog', ''))).toEqual(['open'])
    await expectError(await ask('GET', '/v2/_catalog', 'outsider'), 403, 'DENIED')
  })

  test('fills its pages when much of it is out of sight, and its links show nothing of that', async () => {
    const shown = Array.from({ length: 7 }, (_, index) => `many/shown-${index}`)
    const hidden = Array.from({ length: 2500 }, (_, index) => `many/hidden-${index}`)
    const may = Object.fromEntries(shown.map((name) => [name, ['list'] as const]))
    await using large = await RestartableRegistry.start({ storage: 'inmemory', access: tableAccess({ lister: { may } }) })
    const bytes = new TextEncoder().encode(
      '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}',
    )
    const reference = parseDigest(sha256(bytes))
    for (const name of [...hidden, ...shown]) {
      await large.registry.manifests.put(parseRepositoryName(name), {
        reference,
        tags: [],
        contentType: undefined,
        bytes,
        actor: ownWork('test'),
      })
    }

    const pages: string[][] = []
    for (let path: string | undefined = '/v2/_catalog?n=3'; path !== undefined; ) {
      const response = await large.request('GET', path, { headers: { authorization: 'lister' } })
      pages.push(await names(response))
      path = nextPage(response)
      expect(path ?? '').not.toContain('hidden')
    }

    expect(pages).toEqual([shown.slice(0, 3), shown.slice(3, 6), shown.slice(6)])
  }, 120_000)
})
