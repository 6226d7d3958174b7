import { afterEach, describe, expect, test } from 'bun:test'
import type { PlainResponse } from '../../src/http/answer/responses.ts'
import type { Handler } from '../../src/http/pipeline.ts'
import { createPipeline } from '../../src/http/pipeline.ts'
import type { Patience } from '../../src/http/server/patience.ts'
import type { HttpServer } from '../../src/http/server/server.ts'
import { always } from '../support/always.ts'
import { RecordedLog } from '../support/recorded-log.ts'
import { SERVERS, say, statusesIn, Wire } from '../support/wire.ts'

/** What is said of a request that ended before its handler was done: never a success, and never to the wrong account. */

const MIB = 1024 * 1024
const FOR_EVER: Patience = { readerMs: Number.POSITIVE_INFINITY, writerMs: Number.POSITIVE_INFINITY }
const HALF_A_BODY = 'PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf'
const GET = 'GET /x HTTP/1.1\r\nHost: a\r\n\r\n'

const running: HttpServer[] = []
let log = new RecordedLog()

afterEach(async () => {
  for (const server of running.splice(0)) await server.stop({ timeoutMs: 0 })
})

describe.each(SERVERS)('%s', (_, listen) => {
  async function start(handler: Handler, patience = FOR_EVER): Promise<HttpServer> {
    log = new RecordedLog()
    const address = { kind: 'tcp', hostname: '127.0.0.1', port: 0 } as const
    const server = await listen({ address, reusePort: false, handler, log, patience })
    running.push(server)
    return server
  }

  /** As the registry answers: errors become answers, and each request gets a line with its status. */
  function answering(answer: (request: Request) => Promise<PlainResponse>): Handler {
    const ended = ({ status }: { readonly status: number }) => log.info('request', { status })
    return createPipeline(
      always(({ request }) => answer(request)),
      { log, observers: [{ ended }], headers: {} },
    )
  }

  const readAll = async (request: Request): Promise<PlainResponse> => {
    await request.bytes()
    return { status: 201, headers: { 'Content-Length': '0' }, body: null }
  }

  describe('a client that falls silent', () => {
    test.each(['PUT', 'POST', 'PATCH'])('in the body of a %s is told 408 and cut', async (method) => {
      const { url } = await start(answering(readAll), { ...FOR_EVER, writerMs: 200 })

      const received = await say(url, HALF_A_BODY.replace('PUT', method))

      expect(statusesIn(received)).toEqual([408])
      expect(received).toContain('SIZE_INVALID')
      expect(received).toMatch(/^connection: close\r$/im)
      await log.line(({ fields }) => fields.status === 408)
    })

    test('in a chunk is told 408 and cut', async () => {
      const { url } = await start(answering(readAll), { ...FOR_EVER, writerMs: 200 })

      const received = await say(url, 'PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe')

      expect(statusesIn(received)).toEqual([408])
    })

    test('but sends again in time is waited for', async () => {
      const { url } = await start(answering(readAll), { ...FOR_EVER, writerMs: 20_000 })
      using wire = await Wire.open(url)

      wire.send(HALF_A_BODY)
      await Bun.sleep(100)
      wire.send('x'.repeat(96))

      expect(statusesIn(await wire.until(/\r\n\r\n/))).toEqual([201])
    })

    test('is not counted as silent while the handler is at work', async () => {
      const { url } = await start(
        answering(async (request) => {
          await request.bytes()
          await Bun.sleep(600)
          return { status: 201, headers: { 'Content-Length': '0' }, body: null }
        }),
        { ...FOR_EVER, writerMs: 200 },
      )
      using wire = await Wire.open(url)

      wire.send('PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nhalf')

      expect(statusesIn(await wire.until(/\r\n\r\n/))).toEqual([201])
    })
  })

  describe('a handler', () => {
    test('that throws after it has begun to read is a 500', async () => {
      const { url } = await start(async (request) => {
        await request.body?.getReader().read()
        throw new Error('too late')
      })
      using wire = await Wire.open(url)

      wire.send(HALF_A_BODY)

      expect(statusesIn(await wire.until(/UNKNOWN/))).toEqual([500])
    })

    test('that gives no answer is a 500', async () => {
      const { url } = await start((async () => undefined) as unknown as Handler)
      using wire = await Wire.open(url)

      wire.send(HALF_A_BODY)

      expect(statusesIn(await wire.until(/UNKNOWN/))).toEqual([500])
    })

    test('whose body breaks before its first byte sends no status that a client could take for success', async () => {
      const broken = () => new ReadableStream<Uint8Array>({ start: (controller) => controller.error(new Error('gone')) })
      const { url } = await start(async () => new Response(broken()))

      const received = await say(url, GET)

      expect(statusesIn(received).filter((status) => status < 400)).toEqual([])
    })

    test('whose body breaks after its first bytes leaves the answer without its end', async () => {
      let pulls = 0
      const broken = () =>
        new ReadableStream<Uint8Array>({
          pull: async (controller) => {
            pulls += 1
            if (pulls === 1) return controller.enqueue(new Uint8Array(MIB))
            await Bun.sleep(10)
            controller.error(new Error('gone'))
          },
        })
      const { url } = await start(async () => new Response(broken()))

      const received = await say(url, GET)

      expect(received).not.toEndWith('0\r\n\r\n')
      expect(received.toLowerCase()).not.toContain('content-length')
    })
  })

  describe('a stop', () => {
    test('cuts at its deadline, says nothing to the client, and does not blame it in the log', async () => {
      const begun = Promise.withResolvers<void>()
      const server = await start(
        answering(async (request) => {
          begun.resolve()
          return await readAll(request)
        }),
      )
      using wire = await Wire.open(server.url)
      wire.send(HALF_A_BODY)
      await begun.promise

      await server.stop({ timeoutMs: 1 })

      expect(await wire.ended()).toBe('')
      expect((await log.line(({ message }) => message === 'request')).fields.status).toBe(503)
      await log.line(({ message, fields }) => message === 'requests cut by the stop' && fields.requests === 1)
    })

    test('waits for the rest of a body and its answer', async () => {
      const begun = Promise.withResolvers<void>()
      const server = await start(
        answering(async (request) => {
          begun.resolve()
          return await readAll(request)
        }),
      )
      using wire = await Wire.open(server.url)
      wire.send(HALF_A_BODY)
      await begun.promise

      const stopped = server.stop({ timeoutMs: 20_000 })
      await Bun.sleep(300)
      wire.send('x'.repeat(96))

      expect(statusesIn(await wire.ended())).toEqual([201])
      await stopped
    })

    test('cuts an answer that is on its way at its deadline, and the client sees that it is not whole', async () => {
      let left = 1000
      const slow = () =>
        new ReadableStream<Uint8Array>({
          pull: async (controller) => {
            await Bun.sleep(5)
            left -= 1
            if (left === 0) controller.close()
            else controller.enqueue(new Uint8Array(1000))
          },
        })
      const server = await start(async () => new Response(slow()))
      using wire = await Wire.open(server.url)
      wire.send(GET)
      await wire.until(/\r\n\r\n./s)

      await server.stop({ timeoutMs: 1 })

      expect(await wire.ended()).not.toEndWith('0\r\n\r\n')
    })
  })

  test('a client that goes away in the middle of a body is what the log says it is', async () => {
    const { url } = await start(answering(readAll))
    const wire = await Wire.open(url)
    wire.send(HALF_A_BODY)
    await Bun.sleep(50)

    wire[Symbol.dispose]()

    expect((await log.line(({ message }) => message === 'request')).fields.status).toBe(499)
  })
})
