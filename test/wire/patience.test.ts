import { describe, expect, test } from 'bun:test'
import { AppInTest } from '../support/app-in-test.ts'
import { sha256 } from '../support/images.ts'
import { bytesOf } from '../support/model-requests.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { SERVERS, say, statusesIn } from '../support/wire.ts'

const HELLO = bytesOf('hello')
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'

/** What clients push, as far as it came before the client fell silent. */
const PUSHES: readonly (readonly [what: string, path: string, method: string])[] = [
  ['a manifest', '/v2/silent/manifests/v1', 'PUT'],
  ['a blob in the POST', `/v2/silent/blobs/uploads/?digest=${sha256(HELLO)}`, 'POST'],
  ['a chunk of a blob', 'upload', 'PATCH'],
  ['the last chunk of a blob', 'upload', 'PUT'],
]

describe.each(SERVERS)('the registry behind %s', (_, server) => {
  test.each(PUSHES)(
    'tells a client that falls silent in %s 408 after http.idle.writer, and stores nothing',
    async (_, path, method) => {
      using folder = new TemporaryFolder()
      await using app = await AppInTest.start(folder, { http: { idle: { writer: '200ms' } } }, { server })
      const session = async () => (await app.request('POST', '/v2/silent/blobs/uploads/')).headers.get('location') ?? ''
      const target = path === 'upload' ? `${await session()}?digest=${sha256(HELLO)}` : path

      const head = `${method} ${target} HTTP/1.1\r\nHost: a\r\nContent-Type: ${MANIFEST}\r\nContent-Length: 5\r\n\r\n`
      const received = await say(app.url, `${head}hel`)

      expect(statusesIn(received)).toEqual([408])
      expect((await app.request('HEAD', `/v2/silent/blobs/${sha256(HELLO)}`)).status).toBe(404)
      expect((await app.request('HEAD', '/v2/silent/manifests/v1')).status).toBe(404)
      expect((await app.log.line(({ fields }) => fields.status === 408)).fields).toMatchObject({ method })
    },
  )
})
