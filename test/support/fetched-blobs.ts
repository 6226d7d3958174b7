import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { existsSync, readdirSync, readlinkSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { StartOptions } from '../../src/composition/app.ts'
import { AppInTest } from './app-in-test.ts'
import { type FakeAnswer, FakeUpstream, sendBlob, sendCut, startOf } from './fake-upstream.ts'
import { fixedBytes, sha256 } from './images.ts'
import { poll } from './processes.ts'
import { Reader } from './reader.ts'
import { TemporaryFolder } from './temporary-folder.ts'

const BYTES = fixedBytes(3_000_000)
const DIGEST = sha256(BYTES)
const PATH = `/v2/app/blobs/${DIGEST}`

export interface FetchingRegistry {
  readonly server?: StartOptions['server']
  /** Where its content is. */
  readonly sections: (folder: TemporaryFolder) => Promise<Readonly<Record<string, object>>>
  /** Where the bytes lie that are on their way. */
  readonly uploads: (folder: TemporaryFolder) => string
}

/** How a mirror fetches a blob, whatever its storage is. */
export function describeFetches(where: string, { server, sections, uploads }: FetchingRegistry): void {
  describe(`a blob that a mirror fetches, ${where},`, () => {
    let folder: TemporaryFolder
    let upstream: FakeUpstream
    let mirror: AppInTest
    beforeEach(async () => {
      folder = new TemporaryFolder()
      upstream = await FakeUpstream.start()
      const whole = { ...(await sections(folder)), proxy: { remoteurl: upstream.url } }
      mirror = await AppInTest.start(folder, whole, server === undefined ? {} : { server })
    })
    afterEach(async () => {
      await mirror[Symbol.asyncDispose]()
      await upstream[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    })

    const get = (headers: Record<string, string> = {}) => mirror.client.getBlob('app', DIGEST, headers)
    const fetched = () => mirror.log.line(({ message }) => message === 'a blob was fetched')
    const notFetched = () => mirror.log.line(({ message }) => message === 'a blob was not fetched')

    test('comes by one request for 64 clients, and each reads what is there while the rest is still on its way', async () => {
      const rest = Promise.withResolvers<void>()
      upstream.answer = async (_, response) => {
        response.writeHead(200, { 'content-length': BYTES.length }).write(BYTES.subarray(0, 1_000_000))
        await rest.promise
        response.end(BYTES.subarray(1_000_000))
      }

      const clients = await Promise.all(Array.from({ length: 64 }, () => Reader.of(get())))
      await Promise.all(clients.map((client) => client.until(500_000)))
      const part = await get({ range: 'bytes=200000-299999' })
      const tail = Reader.of(get({ range: 'bytes=-10' }))
      expect(sha256(await part.bytes())).toBe(sha256(BYTES.subarray(200_000, 300_000)))
      rest.resolve()

      for (const client of clients) expect(sha256(await client.whole())).toBe(DIGEST)
      expect((await (await tail).whole()).equals(BYTES.subarray(-10))).toBe(true)
      await fetched()
      expect(sha256(await (await get()).bytes())).toBe(DIGEST)
      expect(upstream.asked).toEqual([`GET ${PATH}`])
    })

    test('goes on where it broke off, at any tenth', async () => {
      const starts: number[] = []
      upstream.answer = async (request, response) => {
        const start = startOf(request.headers.range)
        starts.push(start)
        const end = start + 300_000
        if (end >= BYTES.length) return sendBlob(request, response, BYTES)
        const range = `bytes ${start}-${BYTES.length - 1}/${BYTES.length}`
        response.writeHead(start === 0 ? 200 : 206, { 'content-length': BYTES.length - start, 'content-range': range })
        await sendCut(response, { bytes: BYTES.subarray(start, end), length: 0 })
      }

      expect(sha256(await (await get()).bytes())).toBe(DIGEST)

      // The runtime drops what it has not handed over yet when a connection breaks.
      expect(starts.length).toBeGreaterThanOrEqual(10)
      expect(starts.slice(1).every((start, cut) => start >= (starts[cut] ?? 0) && start <= (starts[cut] ?? 0) + 300_000)).toBe(
        true,
      )
      await fetched()
    })

    test('begins again at an upstream that does not know Range, and no reader sees that', async () => {
      upstream.answer = async (_, response) => {
        if (upstream.asked.length === 2) response.writeHead(200, { 'content-length': BYTES.length }).end(BYTES)
        else await sendCut(response, { bytes: BYTES.subarray(0, 700_000), length: BYTES.length })
      }

      expect(sha256(await (await get()).bytes())).toBe(DIGEST)
      expect(upstream.asked.length).toBe(2)
    })

    const wrongs: readonly (readonly [what: string, answer: FakeAnswer])[] = [
      ['other bytes', (_, response) => void sendWith(response, fixedBytes(3_000_001).subarray(1))],
      ['one wrong byte at the end', (_, response) => void sendWith(response, wrongAtEnd())],
      ['HTML', (_, response) => void sendWith(response, Buffer.from('<html>log in first</html>'))],
      ['compressed bytes', (_, response) => void sendWith(response, Bun.gzipSync(BYTES), { 'content-encoding': 'gzip' })],
      ['bytes without a length that are others', (_, response) => void response.end(wrongAtEnd())],
      ['nothing', (_, response) => void sendWith(response, new Uint8Array())],
      ['a byte too many', (_, response) => void sendWith(response, Buffer.concat([BYTES, Buffer.from('x')]))],
      ['a byte too few', (_, response) => void sendWith(response, BYTES.subarray(0, -1))],
      ['more in the second part', changedLength],
    ]

    test.each(wrongs)('is never taken for whole when the upstream sends %s', async (_, answer) => {
      upstream.answer = answer

      const answers = await Promise.all([outcomeOf(get()), outcomeOf(get({ range: 'bytes=-1' })), outcomeOf(get())])

      for (const { status, bytes } of answers) expect(status >= 500 || bytes === undefined).toBe(true)
      const { fields } = await notFetched()
      expect(String(fields.error)).toContain(`The upstream ${upstream.url}`)
      upstream.answer = (_, response) => void response.writeHead(403).end()
      // While the end of the fetch is written down, a request still gets its failure.
      await poll('it is asked for anew', 60_000, async () => ((await get()).status === 403 ? true : undefined))
      expect(filesIn(uploads(folder))).toEqual([])
      upstream.answer = (request, response) => sendBlob(request, response, BYTES)
      expect(sha256(await (await get()).bytes())).toBe(DIGEST)
    })

    test('comes to its end when every client has gone', async () => {
      const rest = Promise.withResolvers<void>()
      upstream.answer = async (_, response) => {
        response.writeHead(200, { 'content-length': BYTES.length }).write(BYTES.subarray(0, 1_000_000))
        await rest.promise
        response.end(BYTES.subarray(1_000_000))
      }
      const client = await Reader.of(get())
      await client.until(10_000)

      await client.leave()
      rest.resolve()

      await fetched()
      expect(sha256(await (await get()).bytes())).toBe(DIGEST)
      expect(upstream.asked.length).toBe(1)
    })

    test('is not held up by a client that does not read, which gets it later', async () => {
      upstream.answer = (request, response) => sendBlob(request, response, BYTES)

      const slow = await Reader.of(get())
      expect(sha256(await (await get()).bytes())).toBe(DIGEST)
      await fetched()

      expect(sha256(await slow.whole())).toBe(DIGEST)
    })

    test('is told of by one HEAD, and nothing is fetched for it', async () => {
      upstream.answer = (_, response) => {
        response.writeHead(200, { 'content-length': BYTES.length }).end()
      }

      const { status, headers } = await mirror.client.headBlob('app', DIGEST)

      expect([status, headers.get('content-length'), headers.get('docker-content-digest')]).toEqual([200, '3000000', DIGEST])
      expect(upstream.asked).toEqual([`HEAD ${PATH}`])
    })

    test('is given when it is whole where the upstream does not say how long it is', async () => {
      upstream.answer = (_, response) => {
        response.write(BYTES.subarray(0, 1_000_000))
        response.end(BYTES.subarray(1_000_000))
      }

      expect(sha256(await (await get()).bytes())).toBe(DIGEST)
    })

    test.each([
      [401, 401, 'UNAUTHORIZED'],
      [403, 403, 'DENIED'],
      [404, 404, 'BLOB_UNKNOWN'],
      [429, 429, 'TOOMANYREQUESTS'],
      [500, 503, 'UNAVAILABLE'],
      [502, 503, 'UNAVAILABLE'],
    ])('is refused with what the upstream answers: %d becomes %d %s', async (answered, status, code) => {
      upstream.answer = (_, response) => {
        response.writeHead(answered, { 'retry-after': '33' }).end()
      }

      for (const answer of [await get(), await mirror.client.headBlob('app', DIGEST)]) {
        expect(answer.status).toBe(status)
        expect(answer.headers.get('retry-after')).toBe([429, 503].includes(status) ? '33' : null)
      }
      const { errors } = (await (await get()).json()) as { errors: { code: string; message: string }[] }
      expect(errors[0]).toMatchObject({ code })
      expect(errors[0]?.message).toContain(`The upstream ${upstream.url}`)
    })

    test('that the upstream does not have is asked for once in a moment, by GET or HEAD', async () => {
      expect((await get()).status).toBe(404)
      expect((await mirror.client.headBlob('app', DIGEST)).status).toBe(404)
      expect((await get()).status).toBe(404)

      expect(upstream.asked).toEqual([`GET ${PATH}`])
    })

    test('of an upstream that fails again and again is refused without another question, and the log says so', async () => {
      upstream.answer = (_, response) => void response.writeHead(502).end()

      for (let pull = 0; pull < 8; pull += 1) expect((await get()).status).toBe(503)

      expect(upstream.asked.length).toBe(5)
      expect(await (await get()).text()).toContain('answered 502; it has failed several times and is asked again in 5 s.')
      await mirror.log.line(({ message }) => message === 'an upstream fails, it is left alone and tried again later')
    })

    test('is broken off when the registry stops, and leaves nothing', async () => {
      upstream.answer = (_, response) => {
        response.writeHead(200, { 'content-length': BYTES.length }).write(BYTES.subarray(0, 1_000_000))
      }
      const client = await Reader.of(get())
      await client.until(100_000)

      await mirror[Symbol.asyncDispose]()

      await expect(client.whole()).rejects.toThrow()
      expect(filesIn(uploads(folder))).toEqual([])
    })

    test('leaves no file open, whether it comes or not', async () => {
      upstream.answer = (_, response) => void sendWith(response, wrongAtEnd())
      await outcomeOf(get())
      await notFetched()
      upstream.answer = (request, response) => sendBlob(request, response, BYTES)
      expect((await (await get()).bytes()).length).toBe(BYTES.length)
      await fetched()

      await poll('every file is closed', 60_000, async () => (openFilesIn(uploads(folder)).length === 0 ? true : undefined))
      expect(openFilesIn(folder.path).filter((path) => /\/blobs\/|\(deleted\)/.test(path))).toEqual([])
    })
  })
}

function wrongAtEnd(): Uint8Array {
  return BYTES.map((byte, at) => (at === BYTES.length - 1 ? byte ^ 1 : byte))
}

function sendWith(response: ServerResponse, bytes: Uint8Array, headers: Record<string, string> = {}): void {
  response.writeHead(200, { 'content-length': bytes.length, ...headers }).end(bytes)
}

async function changedLength(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const longer = Buffer.concat([BYTES, BYTES])
  if (request.headers.range !== undefined) sendBlob(request, response, longer)
  else await sendCut(response, { bytes: BYTES.subarray(0, 1000), length: BYTES.length })
}

/** `bytes` is undefined where the connection was cut. */
async function outcomeOf(
  asking: Promise<Response>,
): Promise<{ readonly status: number; readonly bytes: Uint8Array | undefined }> {
  try {
    const response = await asking
    return { status: response.status, bytes: await response.bytes().catch(() => undefined) }
  } catch {
    return { status: 0, bytes: undefined }
  }
}

/** In a directory and below; none where it is not there. */
function filesIn(directory: string): readonly string[] {
  if (!existsSync(directory)) return []
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))
}

/** What this process has open below a directory. */
function openFilesIn(directory: string): readonly string[] {
  return readdirSync('/proc/self/fd').flatMap((descriptor) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${descriptor}`)
      return path.startsWith(directory) ? [path] : []
    } catch {
      // It was closed meanwhile: the one that lists them, for instance.
      return []
    }
  })
}
