import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { fixedBytes } from './images.ts'
import { describeOnStores } from './object-store.ts'
import { elementsOf, S3Client } from './s3-client.ts'
import { SeededRandom } from './seeded-random.ts'
import { always, lacking, next, refusingChecksums, SLOW_DOWN, weather } from './store-faults.ts'
import { StoreProxy } from './store-proxy.ts'

const MIB = 1024 * 1024

describeOnStores('a proxy before a store', (store) => {
  let proxy: StoreProxy
  let direct: S3Client
  let client: S3Client
  beforeEach(async () => {
    proxy = await StoreProxy.start(store().endpoint)
    direct = new S3Client(await store().newBucket())
    client = new S3Client({ ...direct.place, endpoint: proxy.endpoint })
  })
  afterEach(async () => await proxy[Symbol.asyncDispose]())

  test('without faults passes everything on as it is, and counts it by kind', async () => {
    const bytes = fixedBytes(3 * MIB)

    await client.put('large', bytes)
    const whole = await client.send({ method: 'GET', key: 'large' })
    const received = await whole.bytes()
    const part = await client.send({ method: 'GET', key: 'large', headers: { range: 'bytes=5-9' } })
    const head = await client.send({ method: 'HEAD', key: 'large' })
    const missing = await client.send({ method: 'HEAD', key: 'none' })

    expect(received).toEqual(bytes)
    expect([part.status, await part.bytes()]).toEqual([206, bytes.slice(5, 10)])
    expect([head.headers.get('content-length'), missing.status]).toEqual([`${bytes.length}`, 404])
    expect(await client.list('')).toEqual(['large'])
    expect(proxy.takeCounts()).toEqual({ PutObject: 1, GetObject: 2, HeadObject: 2, ListObjectsV2: 1 })
    expect(proxy.takeCounts()).toEqual({})
  })

  test('refuses what it is told, as often as it is told, and the store does nothing', async () => {
    proxy.use(next(2, ['PutObject'], SLOW_DOWN))

    const answers = [await put(client), await put(client), await put(client)]

    expect(answers.map(({ status, code }) => [status, code])).toEqual([
      [503, 'SlowDown'],
      [503, 'SlowDown'],
      [200, undefined],
    ])
    expect(proxy.seen.map(({ fault, status }) => [fault, status])).toEqual([
      ['refuse', undefined],
      ['refuse', undefined],
      [undefined, 200],
    ])
  })

  test('plays a store without UploadPartCopy and DeleteObjects, or with no sense of checksums', async () => {
    proxy.use(lacking('UploadPartCopy', 'DeleteObjects'), refusingChecksums())

    const copy = await client.send({
      method: 'PUT',
      key: 'to',
      query: { partNumber: '1', uploadId: 'x' },
      headers: { 'x-amz-copy-source': '/from' },
    })
    const deletion = await client.send({ method: 'POST', query: { delete: '' }, body: '<Delete/>' })
    const checksum = await put(client, { 'x-amz-checksum-crc32': 'AAAAAA==' })

    expect([copy.status, deletion.status, checksum.status, (await put(client)).status]).toEqual([501, 501, 400, 200])
    await Promise.all([copy.bytes(), deletion.bytes()])
  })

  test('cuts a request in its body: the store keeps nothing', async () => {
    proxy.use(next(1, ['PutObject'], { kind: 'cut-request', afterBytes: MIB }))
    const body = fixedBytes(4 * MIB)
    // Without it versitygw keeps what came before the cut.
    const headers = { 'content-md5': createHash('md5').update(body).digest('base64') }

    const cut = client.send({ method: 'PUT', key: 'a', body, headers })

    expect(await failureOf(cut)).toBe('ECONNRESET')
    expect((await direct.send({ method: 'HEAD', key: 'a' })).status).toBe(404)
  })

  test('cuts an answer in its body: the client has what came before', async () => {
    const bytes = fixedBytes(4 * MIB)
    await direct.put('a', bytes)
    proxy.use(next(1, ['GetObject'], { kind: 'cut-answer', afterBytes: MIB }))

    const response = await client.send({ method: 'GET', key: 'a' })
    const received = await readUntilBroken(response)

    expect(response.headers.get('content-length')).toBe(`${bytes.length}`)
    expect(received.length).toBeLessThanOrEqual(MIB)
    expect(received).toEqual(bytes.slice(0, received.length))
  })

  test('loses answers: the store has done what it was asked', async () => {
    proxy.use(always(['PutObject', 'DeleteObject'], { kind: 'lose-answer' }))

    const written = await failureOf(client.send({ method: 'PUT', key: 'a', body: 'bytes' }))
    const after = await direct.list('')
    const deleted = await failureOf(client.send({ method: 'DELETE', key: 'a' }))

    expect([written, after]).toEqual(['ECONNRESET', ['a']])
    expect([deleted, await direct.list('')]).toEqual(['ECONNRESET', []])
  })

  test('delivers late: the client gives up, and then it happens', async () => {
    proxy.use(next(1, ['PutObject'], { kind: 'deliver-late', afterMs: 3_000 }))

    const written = await failureOf(client.send({ method: 'PUT', key: 'a', body: 'bytes' }))
    const before = await direct.list('')
    await proxy.allDelivered()

    expect([written, before, await direct.list('')]).toEqual(['ECONNRESET', [], ['a']])
  })

  test('stalls: a client that gives up meanwhile has asked for nothing', async () => {
    proxy.use(next(1, ['PutObject'], { kind: 'stall', where: 'request', ms: 2_000 }))

    const written = client.send({ method: 'PUT', key: 'a', body: 'bytes', signal: AbortSignal.timeout(100) })

    expect(await failureOf(written)).toBe('TimeoutError')
    await Bun.sleep(2_500)
    expect(await direct.list('')).toEqual([])
  })

  test('stalls in the middle of an answer, and then goes on', async () => {
    const bytes = fixedBytes(2 * MIB)
    await direct.put('a', bytes)
    proxy.use(next(1, ['GetObject'], { kind: 'stall', where: 'answer', ms: 300 }))
    const start = Date.now()

    const response = await client.send({ method: 'GET', key: 'a' })

    expect(await response.bytes()).toEqual(bytes)
    expect(Date.now() - start).toBeGreaterThanOrEqual(300)
  })

  test('shows lists that lack the newest keys', async () => {
    await client.put('old/a', 'x')
    await Bun.sleep(2)
    proxy.use(always(['ListObjectsV2'], { kind: 'stale', afterMs: Date.now() - 1 }))

    await client.put('old/b', 'x')
    await client.put('new/c', 'x')

    expect(await client.list('')).toEqual(['old/a'])
    const folders = await client.sendToSuccess({ method: 'GET', query: { 'list-type': '2', delimiter: '/' } })
    expect(elementsOf(folders, 'Prefix').filter((prefix) => prefix !== '')).toEqual(['old/'])
    proxy.use()
    expect(await client.list('')).toEqual(['new/c', 'old/a', 'old/b'])
  })
})

describe('faults by chance', () => {
  test('are the same again for the same seed', () => {
    const request = { action: 'PutObject', method: 'PUT', key: 'a', query: new URLSearchParams(), headers: new Map() } as const
    const played = [1, 1, 2].map((seed) => {
      const rule = weather(new SeededRandom(seed), { rate: 0.3, faults: [() => SLOW_DOWN, () => ({ kind: 'lose-answer' })] })
      return Array.from({ length: 50 }, () => rule(request)?.kind)
    })

    expect(played[0]).toEqual(played[1] ?? [])
    expect(played[0]).not.toEqual(played[2] ?? [])
    expect(new Set(played[0])).toEqual(new Set([undefined, 'refuse', 'lose-answer']))
  })
})

async function put(client: S3Client, headers: Readonly<Record<string, string>> = {}) {
  const response = await client.send({ method: 'PUT', key: 'a', body: 'bytes', headers })
  return { status: response.status, code: elementsOf(await response.text(), 'Code')[0] }
}

/** What a fetch fails with. */
async function failureOf(request: Promise<Response>): Promise<string> {
  try {
    const response = await request
    return `answered ${response.status}`
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return 'code' in error && typeof error.code === 'string' ? error.code : error.name
  }
}

async function readUntilBroken(response: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  try {
    for await (const chunk of response.body ?? []) chunks.push(chunk)
    throw new Error('the answer is whole')
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error
    return new Uint8Array(Buffer.concat(chunks))
  }
}
