import { afterEach, describe, expect, test } from 'bun:test'
import { type AddressInfo, createServer } from 'node:net'
import { bucketOf, s3Settings } from '../../../test/support/s3-storage.ts'
import { Bucket } from './bucket.ts'
import { copyWithin } from './uploads/object-copy.ts'

/** What is made of answers that the stores of the other tests do not give. */

interface Asked {
  readonly method: string
  readonly query: URLSearchParams
  readonly headers: Headers
}

const servers: Bun.Server<undefined>[] = []
const MULTIPART = { key: 'key', uploadId: 'upload' }
const XML = '<?xml version="1.0" encoding="UTF-8"?>'

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true)
})

/** A bucket of a store that answers so, and what it was asked. */
function bucketAnswering(answer: (asked: Asked, number: number) => Response) {
  const asked: Asked[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch({ method, url, headers }) {
      const request = { method, query: new URL(url).searchParams, headers: new Headers(headers) }
      asked.push(request)
      return answer(request, asked.length)
    },
  })
  servers.push(server)
  return { bucket: bucketAt(server.port ?? 0), asked }
}

function settingsAt(port: number) {
  const place = { endpoint: `http://127.0.0.1:${port}`, region: 'us-east-1', bucket: 'bucket' }
  return s3Settings({ ...place, accessKey: 'key', secretKey: 'secret' })
}

function bucketAt(port: number): Bucket {
  return bucketOf(settingsAt(port))
}

describe('an object is put together only if the store says so:', () => {
  test.each([
    [
      'an error after the white space with which a store keeps the connection',
      `  \n${XML}\n  <Error><Code>InvalidPart</Code></Error>`,
    ],
    ['an error of a namespace', `${XML}<Error xmlns="urn:x"><Code>InvalidPart</Code></Error>`],
    ['an answer that was cut off before it said anything', '   \n   '],
  ])('%s is no success', async (_, text) => {
    const { bucket } = bucketAnswering(({ method }) =>
      method === 'HEAD' ? new Response(null, { status: 404 }) : new Response(text),
    )
    bucket.hurry()

    await expect(bucket.complete(MULTIPART, [{ number: 1, etag: '"x"' }], 7)).rejects.toThrow()
    await expect(bucket.copy('from', 'to')).rejects.toThrow()
  })

  test('where it says nothing, the object itself tells', async () => {
    const { bucket } = bucketAnswering(({ method }) =>
      method === 'HEAD' ? new Response(null, { headers: { 'content-length': '7' } }) : new Response(),
    )
    bucket.hurry()

    await bucket.complete(MULTIPART, [{ number: 1, etag: '"x"' }], 7)
  })
})

test('a list that was cut off is not a short one', async () => {
  const whole = `${XML}<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a</Key><Size>1</Size></Contents></ListBucketResult>`
  const { bucket } = bucketAnswering(
    (_, number) => new Response(number === 1 ? whole.slice(0, whole.indexOf('<Contents>')) : whole),
  )

  expect((await bucket.list('')).objects.map(({ key }) => key)).toEqual(['a'])
})

test('a list with an object that has no size is no list', async () => {
  const list = `${XML}<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>`
  const { bucket } = bucketAnswering(() => new Response(list))

  await expect(bucket.list('')).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    cause: { message: 'the object store listed an object without its key or size' },
  })
})

test('a HEAD that does not say how long the object is, is no object of no bytes: clients hear UNAVAILABLE', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\nETag: "x"\r\n\r\n'))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const bucket = bucketAt((server.address() as AddressInfo).port)

  const looking = bucket.head('key')

  await expect(looking).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    cause: { message: 'the object store does not say how long the object is' },
  })
  server.close()
})

describe('clocks that differ by hours:', () => {
  const HOUR_MS = 60 * 60 * 1000
  let storeAheadMs: number

  function skewedStore() {
    return bucketAnswering(({ headers }) => {
      const text = headers.get('x-amz-date') ?? ''
      const sentMs = Date.parse(text.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5'))
      const storeMs = Date.now() + storeAheadMs
      const date = new Date(storeMs).toUTCString()
      if (Math.abs(sentMs - storeMs) < HOUR_MS / 4)
        return new Response('<ListBucketResult></ListBucketResult>', { headers: { date } })
      return new Response('<Error><Code>RequestTimeTooSkewed</Code></Error>', { status: 403, headers: { date } })
    })
  }

  test('requests that were under way together carry the time of the store from then on', async () => {
    storeAheadMs = 2 * HOUR_MS
    const { bucket, asked } = skewedStore()

    await Promise.all([1, 2, 3].map(() => bucket.list('')))
    expect(asked.length).toBe(6)

    await bucket.list('')
    expect(asked.length).toBe(7)
  })

  test('when the clock here is set right, they carry that one', async () => {
    storeAheadMs = 2 * HOUR_MS
    const { bucket } = skewedStore()
    await bucket.list('')

    storeAheadMs = 0

    await bucket.list('')
  })
})

test('unfinished uploads are listed to the last page', async () => {
  const upload = (id: string) => `<Upload><Key>blob&amp;1</Key><UploadId>${id}</UploadId></Upload>`
  const more = (key: string, id: string) =>
    `<IsTruncated>true</IsTruncated><NextKeyMarker>${key}</NextKeyMarker><NextUploadIdMarker>${id}</NextUploadIdMarker>`
  const { bucket, asked } = bucketAnswering(({ query }) => {
    const isFirst = query.get('key-marker') === null
    const page = isFirst ? `${more('blob&amp;1', 'a')}${upload('a')}` : `<IsTruncated>false</IsTruncated>${upload('b')}`
    return new Response(`<ListMultipartUploadsResult>${page}</ListMultipartUploadsResult>`)
  })

  const listed = await bucket.listMultiparts('blobs/')

  expect(listed.map(({ key, uploadId }) => [key, uploadId])).toEqual([
    ['blob&1', 'a'],
    ['blob&1', 'b'],
  ])
  expect(asked.map(({ query }) => [query.get('key-marker'), query.get('upload-id-marker')])).toEqual([
    [null, null],
    ['blob&1', 'a'],
  ])
})

test('a copy has no more parts than S3 takes, however small its parts are to be', async () => {
  const ranges: { readonly start: number; readonly end: number }[] = []
  class CountingBucket extends Bucket {
    override createMultipart = async () => MULTIPART
    override copyPart = async (_: unknown, number: number, __: string, range: { start: number; end: number }) => {
      ranges[number - 1] = range
      return { number, etag: '"x"' }
    }
    override complete = async () => undefined
  }
  const size = 60 * 1024 ** 3 + 1
  const settings = { chunkSize: 5 * 1024 ** 2, maxConcurrency: 100, threshold: 0 }

  await copyWithin(
    new CountingBucket({ settings: settingsAt(1), credentials: async () => ({ accessKeyId: '', secretAccessKey: '' }) }),
    settings,
    { from: 'from', length: size, to: 'to', size },
  )

  expect(ranges.length).toBeLessThanOrEqual(10_000)
  expect(ranges[0]?.start).toBe(0)
  expect(ranges.at(-1)?.end).toBe(size)
  expect(ranges.every(({ start }, index) => index === 0 || ranges[index - 1]?.end === start)).toBe(true)
})

test('what clients see is not changed while another machine may have taken over', async () => {
  const asked: string[] = []
  const { bucket } = bucketAnswering(({ method }) => {
    asked.push(method)
    return new Response(null, { status: 204 })
  })
  bucket.guard(() => false)

  await expect(bucket.deleteInTime('a', { isGuarded: true })).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await expect(bucket.putInTime('a', new Uint8Array(1), { isGuarded: true })).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(asked).toEqual([])

  await bucket.deleteInTime('a', { isGuarded: false })
  expect(asked).toEqual(['DELETE'])
})

test('each change has a connection of its own: on one that it has kept the runtime would send it again untold', async () => {
  const asked: (readonly [string, number])[] = []
  let connections = 0
  const server = createServer((socket) => {
    connections += 1
    const connection = connections
    socket.on('data', (bytes) => {
      asked.push([bytes.toString().split(' ', 1)[0] ?? '', connection])
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const bucket = bucketAt((server.address() as AddressInfo).port)

  for (const key of ['a', 'b']) await bucket.put(key, new Uint8Array())
  for (const key of ['a', 'b']) await bucket.deleteInTime(key, { isGuarded: false })
  await bucket.putInTime('c', new Uint8Array(), { isGuarded: false })

  server.close()
  expect(asked).toEqual([
    ['PUT', 1],
    ['PUT', 1],
    ['DELETE', 2],
    ['DELETE', 3],
    ['PUT', 4],
  ])
})

test('a change that came too late, as the store says, is signed anew with the time that it tells', async () => {
  const ages: number[] = []
  const storeMs = Date.now() - 60 * 60_000
  const { bucket } = bucketAnswering(({ query }) => {
    const [, year, month, day, hour, minute, second] = /(....)(..)(..)T(..)(..)(..)Z/.exec(query.get('X-Amz-Date') ?? '') ?? []
    ages.push(storeMs - Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`))
    const status = Math.abs(ages.at(-1) ?? 0) < 15_000 ? 204 : 403
    return new Response(null, { status, headers: { date: new Date(storeMs).toUTCString() } })
  })

  await bucket.deleteInTime('a', { isGuarded: false })

  expect(ages.map((age) => Math.abs(age) < 15_000)).toEqual([false, true])
})

test('a change is asked for again when versitygw says that the directory of its key is in the way', async () => {
  const busy = `${XML}<Error><Code>ExistingObjectIsDirectory</Code></Error>`
  const { bucket, asked } = bucketAnswering(
    (_, number) => new Response(number === 1 ? busy : '', { status: number === 1 ? 409 : 200 }),
  )

  await bucket.putInTime('tags/new/current/link', new Uint8Array(1), { isGuarded: false })

  expect(asked.map(({ method }) => method)).toEqual(['PUT', 'PUT'])
})

describe('a store is asked whether it does what comes late:', () => {
  test('one that refuses it is waited for until a signature has expired', async () => {
    const { bucket, asked } = bucketAnswering(() => new Response(null, { status: 403 }))

    expect(await bucket.refusesLate('a')).toBe(true)

    expect(asked.map(({ query }) => query.get('X-Amz-Expires'))).toEqual(['15'])
    expect(bucket.lateMs).toBe(17_000)
  })

  test('one that does it is believed to do so for a quarter of an hour', async () => {
    const { bucket } = bucketAnswering(() => new Response(null, { status: 204 }))

    expect(await bucket.refusesLate('a')).toBe(false)

    expect(bucket.lateMs).toBe(15 * 60_000)
  })

  test('one that does not say is not believed to refuse it', async () => {
    const { bucket } = bucketAnswering(() => new Response(null, { status: 500 }))
    bucket.hurry()

    await expect(bucket.refusesLate('a')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })
})
