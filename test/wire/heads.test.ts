import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { streamOf } from '../../src/http/answer/byte-stream.ts'
import { createPipeline } from '../../src/http/pipeline.ts'
import { always } from '../support/always.ts'
import { artifact, EMPTY_CONFIG } from '../support/artifacts.ts'
import { sha256 } from '../support/images.ts'
import { bytesOf } from '../support/model-requests.ts'
import { RecordedLog } from '../support/recorded-log.ts'
import { RestartableRegistry } from '../support/restartable-registry.ts'
import { SERVERS, say } from '../support/wire.ts'

const HELLO = bytesOf('hello')
const MANIFEST = artifact()
/** They differ from one answer to the next, whatever the method. */
const OF_EACH_ANSWER = ['date', 'x-request-id']

describe.each(SERVERS)('%s', (_, server) => {
  let registry: RestartableRegistry
  beforeAll(async () => {
    registry = await RestartableRegistry.start({ storage: 'inmemory', server })
    for (const [digest, body] of [
      [sha256(HELLO), HELLO],
      [EMPTY_CONFIG.digest, EMPTY_CONFIG.bytes.slice()],
    ] as const) {
      await registry.request('POST', `/v2/kept/blobs/uploads/?digest=${digest}`, { body })
    }
    for (const tag of ['v1', 'v2']) {
      const headers = { 'content-type': MANIFEST.mediaType }
      const { status } = await registry.request('PUT', `/v2/kept/manifests/${tag}`, { body: MANIFEST.bytes.slice(), headers })
      expect(status).toBe(201)
    }
  })
  afterAll(() => registry[Symbol.asyncDispose]())

  async function headersOf(method: string, path: string, url = registry.url ?? ''): Promise<readonly string[]> {
    const received = await say(url, `${method} ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
    const [head = '', body = ''] = received.split('\r\n\r\n')
    if (method === 'HEAD') expect(body).toBe('')
    const lines = head.split('\r\n').map((line) => line.replace(/^[^:]*/, (name) => name.toLowerCase()))
    return lines.filter((line) => !OF_EACH_ANSWER.some((name) => line.startsWith(`${name}:`))).sort()
  }

  test.each([
    '/',
    '/v2/',
    '/v2/_catalog',
    '/v2/_catalog?n=1',
    '/v2/kept/tags/list',
    '/v2/kept/tags/list?n=1',
    '/v2/kept/manifests/v1',
    '/v2/kept/manifests/none',
    `/v2/kept/manifests/${MANIFEST.digest}`,
    `/v2/kept/referrers/${sha256(HELLO)}`,
    `/v2/kept/referrers/${sha256(HELLO)}?artifactType=x`,
    `/v2/kept/blobs/${sha256(HELLO)}`,
    `/v2/none/blobs/${sha256(bytesOf('none'))}`,
    '/v2/kept/blobs/none',
    '/v2/none/tags/list',
    '/nothing',
    '/livez',
    '/readyz',
  ])('answers HEAD %s with the headers of its GET', async (path) => {
    expect(await headersOf('HEAD', path)).toEqual([...(await headersOf('GET', path))])
  })

  test('answers HEAD of a list whose length is not known with the headers of its GET', async () => {
    const log = new RecordedLog()
    async function* parts() {
      for (const part of ['{"tags":[', ']}']) {
        await Bun.sleep(1)
        yield Buffer.from(part)
      }
    }
    const headers = { 'Content-Type': 'application/json' }
    const handler = createPipeline(
      always(() => ({ status: 200, headers, body: streamOf(parts()) })),
      {
        log,
        observers: [],
        headers: {},
      },
    )
    const listening = await server({ address: { kind: 'tcp', hostname: '127.0.0.1', port: 0 }, reusePort: false, handler, log })

    const [head, get] = [await headersOf('HEAD', '/', listening.url), await headersOf('GET', '/', listening.url)]
    await listening.stop({ timeoutMs: 0 })

    expect(head).toEqual([...get])
    expect(head).toContain('transfer-encoding: chunked')
  })
})
