import { afterAll, beforeAll, describe, expect, spyOn, test } from 'bun:test'
import { listen } from '../../src/http/server/server.ts'
import { listenForStreams } from '../../src/http/server/stream-server.ts'
import { header } from '../support/answers.ts'
import { blobsOf, type Content, contentOf, makeImage } from '../support/images.ts'
import { RestartableRegistry } from '../support/restartable-registry.ts'
import { tableAccess } from '../support/table-access.ts'

/** The storage fails in the middle of each change, so that the log tells whose change it was. */

const EVERYTHING = ['pull', 'push', 'delete'] as const
const access = tableAccess({
  '': { may: { app: EVERYTHING, other: EVERYTHING } },
  alice: { may: { app: EVERYTHING, other: EVERYTHING } },
})
const image = makeImage('alice', { layers: 1 })
const [config, layer] = blobsOf(image) as [Content, Content]
const fresh = contentOf('', new TextEncoder().encode('a blob that is pushed for the first time'))

describe.each([
  ['the server for directories', listen],
  ['the server for buckets', listenForStreams],
])('%s', (_, server) => {
  let berth: RestartableRegistry

  beforeAll(async () => {
    berth = await RestartableRegistry.start({ storage: 'filesystem', server, access }, { database: 'kept', maintenance: 'off' })
    for (const { digest, bytes } of [config, layer]) await ask('alice', ['POST', uploads(`?digest=${digest}`), bytes])
    await ask('alice', manifestPut)
    expect((await ask('alice', ['HEAD', '/v2/app/manifests/v1'])).status).toBe(200)
  })
  afterAll(async () => {
    await berth[Symbol.asyncDispose]()
  })

  type Asked = readonly [method: string, path: string, body?: Uint8Array]
  const uploads = (query: string, repository = 'app') => `/v2/${repository}/blobs/uploads/${query}`
  const manifestPut: Asked = ['PUT', '/v2/app/manifests/v1', image.manifest.bytes]

  async function ask(name: string, [method, path, body]: Asked): Promise<Response> {
    const headers = { 'content-type': image.manifest.mediaType, ...(name === '' ? {} : { authorization: name }) }
    return await berth.request(method, path, { headers, ...(body === undefined ? {} : { body: body.slice() }) })
  }

  /** The path of a new session. */
  async function session(): Promise<string> {
    const { pathname } = new URL(header(await ask('alice', ['POST', uploads('')]), 'location') ?? '', berth.url)
    return pathname
  }

  test.each([
    ['manifest push', 'PUT', async () => manifestPut],
    ['tag delete', 'DELETE', async (): Promise<Asked> => ['DELETE', '/v2/app/manifests/v1']],
    ['manifest delete', 'DELETE', async (): Promise<Asked> => ['DELETE', `/v2/app/manifests/${image.manifest.digest}`]],
    ['blob delete', 'DELETE', async (): Promise<Asked> => ['DELETE', `/v2/app/blobs/${layer.digest}?force=true`]],
    ['blob push', 'POST with the bytes', async (): Promise<Asked> => ['POST', uploads(`?digest=${fresh.digest}`), fresh.bytes]],
    [
      'blob push',
      'PUT of a session',
      async (): Promise<Asked> => ['PUT', `${await session()}?digest=${fresh.digest}`, fresh.bytes],
    ],
    ['mount', 'POST', async (): Promise<Asked> => ['POST', uploads(`?mount=${layer.digest}&from=app`, 'other')]],
  ])('hands a %s by a %s its caller, address and request', async (action, _method, asked) => {
    for (const name of ['alice', '']) {
      const request = await asked()
      const failing = (['place', 'remove', 'removeOnlyFiles'] as const).map((step) =>
        spyOn(berth.storage, step).mockRejectedValue(new Error('the storage fails')),
      )
      const answer = await ask(name, request).finally(() => {
        for (const step of failing) step.mockRestore()
      })

      expect(answer.status).toBe(500)
      const requestId = header(answer, 'x-request-id')
      const { fields } = await berth.log.line(
        ({ message, fields }) => message === 'an operation that did not end is settled' && fields.requestId === requestId,
      )
      expect(fields).toMatchObject({ action, client: '127.0.0.1' })
      expect(fields.user).toBe(name || undefined)
    }
  })
})
