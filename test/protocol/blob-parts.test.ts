import { expect, test } from 'bun:test'
import { contentHeaders, expectError, header } from '../support/answers.ts'
import { type Content, contentOf, sha256 } from '../support/images.ts'
import { parseRaw, requestHead, sendRaw } from '../support/raw-http.ts'
import { onEachDriver, type TestRegistry } from '../support/registry.ts'

/** Bytes that differ from their neighbours, so that a part from the wrong place shows. */
function bytesOf(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, position) => (position * 7 + (position >> 8)) % 256)
}

const BLOB = contentOf('application/octet-stream', bytesOf(4000))
const EMPTY = contentOf('application/octet-stream', new Uint8Array())
const EMPTY_JSON = contentOf('application/vnd.oci.empty.v1+json', Buffer.from('{}'))

async function pushed(registry: TestRegistry, blob: Content = BLOB): Promise<string> {
  const repository = registry.newRepository()
  await registry.pushBlob(repository, blob)
  return `/v2/${repository}/blobs/${blob.digest}`
}

onEachDriver('parts of blobs', (registry) => {
  test.each([
    ['bytes=0-', 0, 4000],
    ['bytes=500-1499', 500, 1500],
    ['bytes=500-', 500, 4000],
    ['bytes=-500', 3500, 4000],
    ['bytes=-9999', 0, 4000],
    ['bytes=2000-5000', 2000, 4000],
    ['bytes=0-0', 0, 1],
    ['bytes=3999-', 3999, 4000],
    ['BYTES=0-9', 0, 10],
    ['bytes=10-19,9000-9999', 10, 20],
  ])('Range: %s is 206 with exactly these bytes (end-2)', async (range, start, end) => {
    const response = await registry.request('GET', await pushed(registry), { headers: { Range: range } })

    expect(response.status).toBe(206)
    expect(contentHeaders(response)).toEqual({
      'accept-ranges': 'bytes',
      'cache-control': 'max-age=31536000',
      'content-disposition': 'attachment',
      'content-length': String(end - start),
      'content-range': `bytes ${start}-${end - 1}/4000`,
      'content-type': 'application/octet-stream',
      'docker-content-digest': BLOB.digest,
      'docker-distribution-api-version': 'registry/2.0',
      etag: `"${BLOB.digest}"`,
    })
    expect(await response.bytes()).toEqual(BLOB.bytes.slice(start, end))
  })

  test.each(['bytes=4000-', 'bytes=5000-10000', 'bytes=500-0', 'bytes=-0', 'bytes=9999999999999999999-'])(
    'Range: %s is 416 and names the size (end-2)',
    async (range) => {
      const response = await registry.request('GET', await pushed(registry), { headers: { Range: range } })

      await expectError(response, 416, 'RANGE_INVALID')
      expect(header(response, 'content-range')).toBe('bytes */4000')
    },
  )

  test.each(['bytes=abc', 'bytes=', 'bytes=-', 'bytes=1-2-3', 'lines=1-2', 'bytes=0-9,x', 'bytes=0-3999,0-0'])(
    'Range: %s is ignored (end-2)',
    async (range) => {
      const response = await registry.request('GET', await pushed(registry), { headers: { Range: range } })

      expect(response.status).toBe(200)
      expect(header(response, 'content-length')).toBe('4000')
      expect(header(response, 'accept-ranges')).toBe('bytes')
      expect(await response.bytes()).toEqual(BLOB.bytes)
    },
  )

  test('several ranges come as one part each, in the order asked (end-2)', async () => {
    const response = await registry.request('GET', await pushed(registry), {
      headers: { Range: 'bytes=1000-1009,0-4,5-9,-3' },
    })

    expect(response.status).toBe(206)
    expect(header(response, 'docker-content-digest')).toBe(BLOB.digest)
    expect(await partsOf(response)).toEqual([
      { range: 'bytes 1000-1009/4000', bytes: BLOB.bytes.slice(1000, 1010) },
      { range: 'bytes 0-4/4000', bytes: BLOB.bytes.slice(0, 5) },
      { range: 'bytes 5-9/4000', bytes: BLOB.bytes.slice(5, 10) },
      { range: 'bytes 3997-3999/4000', bytes: BLOB.bytes.slice(3997) },
    ])
  })

  test('a thousand ranges come as a thousand parts, as partial pulls of images need them (end-2)', async () => {
    const ranges = Array.from({ length: 1000 }, (_, at) => `${at * 4}-${at * 4 + 1}`)

    const response = await registry.request('GET', await pushed(registry), { headers: { Range: `bytes=${ranges.join(',')}` } })

    const parts = await partsOf(response)
    expect(parts).toHaveLength(1000)
    expect(parts[999]).toEqual({ range: 'bytes 3996-3997/4000', bytes: BLOB.bytes.slice(3996, 3998) })
  })

  test('of two Range headers the first counts (end-2)', async () => {
    const request = requestHead('GET', await pushed(registry, EMPTY_JSON), ['Range: bytes=0-0', 'Range: bytes=1-1'])

    const answer = parseRaw(await sendRaw(registry.url, request))

    expect(answer).toMatchObject({ status: 206, body: '{' })
    expect(answer.headers.get('content-range')).toBe('bytes 0-0/2')
    expect(answer.headers.get('accept-ranges')).toBe('bytes')
  })

  test('the empty blob has no parts: whatever the Range, it is 200 (end-2)', async () => {
    const path = await pushed(registry, EMPTY)

    for (const range of ['bytes=0-', 'bytes=0-9', 'bytes=-5']) {
      const response = await registry.request('GET', path, { headers: { Range: range } })
      expect(response.status).toBe(200)
      expect(header(response, 'content-length')).toBe('0')
    }
  })

  test('HEAD takes no notice of a Range (end-2)', async () => {
    const response = await registry.request('HEAD', await pushed(registry), { headers: { Range: 'bytes=0-9' } })

    expect(response.status).toBe(200)
    expect(header(response, 'content-length')).toBe('4000')
  })

  test('If-Range makes the Range count only for the same blob (end-2)', async () => {
    const path = await pushed(registry)
    const ask = (ifRange: string) => registry.request('GET', path, { headers: { Range: 'bytes=0-9', 'If-Range': ifRange } })

    expect((await ask(`"${BLOB.digest}"`)).status).toBe(206)
    for (const other of ['"other"', `W/"${BLOB.digest}"`, 'Wed, 21 Oct 2015 07:28:00 GMT', BLOB.digest]) {
      const response = await ask(other)
      expect(response.status).toBe(200)
      expect((await response.bytes()).length).toBe(4000)
    }
  })

  test('parts fetched side by side, some given up early, are right and disturb nobody (end-2)', async () => {
    const blob = contentOf('application/octet-stream', bytesOf(3_000_000))
    const path = await pushed(registry, blob)
    const starts = Array.from({ length: 8 }, (_, at) => at * 375_000)

    const parts = await Promise.all(
      starts.map(async (start) => {
        const response = await registry.request('GET', path, { headers: { Range: `bytes=${start}-` } })
        const reader = response.body?.getReader()
        const first = await reader?.read()
        await reader?.cancel()
        return { start, bytes: first?.value ?? new Uint8Array() }
      }),
    )

    for (const { start, bytes } of parts) expect(bytes).toEqual(blob.bytes.slice(start, start + bytes.length))
    expect(sha256(await (await registry.request('GET', path)).bytes())).toBe(blob.digest)
  })
})

interface Part {
  readonly range: string
  readonly bytes: Uint8Array
}

/** Reads a multipart/byteranges body strictly as RFC 9110 and RFC 2046 write it. */
async function partsOf(response: Response): Promise<Part[]> {
  const boundary = /^multipart\/byteranges; boundary=([0-9a-f]+)$/.exec(header(response, 'content-type') ?? '')?.[1]
  const text = Buffer.from(await response.bytes()).toString('latin1')
  const sections = text.split(`--${boundary}`)
  expect(sections.shift()).toBe('')
  expect(sections.pop()).toBe('--\r\n')
  return sections.map((section) => {
    const match = /^\r\nContent-Type: application\/octet-stream\r\nContent-Range: ([^\r]+)\r\n\r\n([\s\S]*)\r\n$/.exec(section)
    if (match === null) throw new Error(`not a part: ${section.slice(0, 100)}`)
    return { range: match[1] ?? '', bytes: new Uint8Array(Buffer.from(match[2] ?? '', 'latin1')) }
  })
}
