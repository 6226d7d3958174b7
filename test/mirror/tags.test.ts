import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { AppInTest } from '../support/app-in-test.ts'
import { FakeUpstream, notFound } from '../support/fake-upstream.ts'
import { makeImage } from '../support/images.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { someServers } from '../support/wire.ts'

const IMAGE = makeImage('listed').manifest
const TAGS = ['1', '1.0', '2', 'latest', 'v1']

describe.each(someServers('tags of a mirror'))('tags of a mirror, over %s,', (_, server) => {
  let folder: TemporaryFolder
  let upstream: FakeUpstream
  let mirror: AppInTest
  beforeEach(async () => {
    folder = new TemporaryFolder()
    upstream = await FakeUpstream.start()
    const storage = { filesystem: { rootdirectory: folder.join('data') } }
    mirror = await AppInTest.start(folder, { storage, proxy: { remoteurl: upstream.url } }, { server })
  })
  afterEach(async () => {
    await mirror[Symbol.asyncDispose]()
    await upstream[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  const list = async (query = '') => {
    const answer = await mirror.request('GET', `/v2/app/tags/list${query}`)
    const { tags, errors } = (await answer.json()) as { tags?: string[]; errors?: { code: string; message: string }[] }
    return {
      status: answer.status,
      tags,
      error: errors?.[0],
      link: answer.headers.get('link'),
      warning: answer.headers.get('warning'),
    }
  }

  /** As registry:2 up to 2.8: the whole list, whatever is asked. */
  const sendAll: FakeUpstream['answer'] = (_, response) =>
    void response.end(JSON.stringify({ name: 'app', tags: TAGS.toReversed() }))
  /** As the specification says: a page, with a Link where something follows. */
  const sendPage: FakeUpstream['answer'] = ({ url = '' }, response) => {
    const { searchParams: query } = new URL(url, 'http://upstream')
    const after = TAGS.filter((tag) => tag > (query.get('last') ?? ''))
    const tags = after.slice(0, Math.min(Number(query.get('n')), 2))
    if (tags.length < after.length) response.setHeader('link', '</v2/app/tags/list>; rel="next"')
    response.end(JSON.stringify({ name: 'app', tags }))
  }

  test.each([
    ['gives all at once', sendAll],
    ['gives pages', sendPage],
  ] as const)('are those of the upstream, whole or page by page, where that %s', async (_, answer) => {
    upstream.answer = answer

    expect(await list()).toMatchObject({ status: 200, tags: TAGS, link: null, warning: null })
    expect(await list('?n=2')).toMatchObject({ tags: ['1', '1.0'], link: '</v2/app/tags/list?last=1.0&n=2>; rel="next"' })
    expect(await list('?n=2&last=1.0')).toMatchObject({ tags: ['2', 'latest'], link: expect.stringContaining('last=latest') })
    expect(await list('?n=2&last=latest')).toMatchObject({ tags: ['v1'], link: null })
  })

  test('end where the upstream sends its first page for ever', async () => {
    upstream.answer = (_, response) => {
      response.setHeader('link', '</v2/app/tags/list>; rel="next"')
      response.end(JSON.stringify({ name: 'app', tags: TAGS }))
    }

    expect(await list()).toMatchObject({ status: 200, tags: TAGS })
  })

  test('are none where the upstream has null, as registry:2 writes it', async () => {
    upstream.answer = (_, response) => void response.end('{"name": "app", "tags": null}')

    expect(await list()).toMatchObject({ status: 200, tags: [] })
  })

  test.each([
    [401, 401, 'UNAUTHORIZED'],
    [404, 404, 'NAME_UNKNOWN'],
    [429, 429, 'TOOMANYREQUESTS'],
    [500, 503, 'UNAVAILABLE'],
  ])('that are not here are refused with what the upstream answers: %d becomes %d %s', async (answered, status, code) => {
    upstream.answer = (_, response) => void response.writeHead(answered).end()

    expect(await list()).toMatchObject({ status, error: { code } })
  })

  test.each([
    ['fails', (_: unknown, response: Parameters<FakeUpstream['answer']>[1]) => void response.writeHead(503).end()],
    ['sends HTML', (_: unknown, response: Parameters<FakeUpstream['answer']>[1]) => void response.end('<html>')],
    ['sends other JSON', (_: unknown, response: Parameters<FakeUpstream['answer']>[1]) => void response.end('{"tags": [1]}')],
    ['has none any more', notFound],
  ])('that are here are listed with a warning where the upstream %s', async (_, answer) => {
    upstream.answer = ({ method }, response) => {
      response.writeHead(200, { 'content-type': IMAGE.mediaType, 'docker-content-digest': IMAGE.digest })
      response.end(method === 'HEAD' ? undefined : IMAGE.bytes)
    }
    await mirror.client.getManifest('app', 'latest')
    upstream.answer = answer

    expect(await list()).toEqual({
      ...{ status: 200, tags: ['latest'], error: undefined, link: null },
      warning: `111 - "${upstream.url} gave no list of tags"`,
    })
    await mirror.log.line(({ message }) => message === 'the upstream lists no tags, those that are here are listed')
  })
})
