import { afterEach, describe, expect, test } from 'bun:test'
import { lstat, mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { poll } from '../../../test/support/processes.ts'
import type { Log } from '../../observe/log.ts'
import { SharedPiece, streamOfPieces } from '../../registry/uploads/shared-piece.ts'
import { responseOf } from '../answer/responses.ts'
import type { Handler } from '../pipeline.ts'
import { type HttpServer, listen as listenWithBun, type ServerAddress } from './server.ts'
import { listenForStreams } from './stream-server.ts'

const LOOPBACK: ServerAddress = { kind: 'tcp', hostname: '127.0.0.1', port: 0 }
const running: HttpServer[] = []
const folders: string[] = []

afterEach(async () => {
  for (const server of running.splice(0)) await server.stop({ timeoutMs: 0 })
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true })
})

async function startWith(listen: typeof listenWithBun, handler: Handler, address = LOOPBACK, reusePort = false) {
  const errors: string[] = []
  const log: Log = { debug() {}, info() {}, warn() {}, error: (message) => errors.push(message), child: () => log }
  const server = await listen({ address, reusePort, handler, log })
  running.push(server)
  return { server, errors }
}

const PIECE_BYTES = 60 * 1024
/** More than the kernel and the server take ahead. */
const PIECES = 400

/** For one of two answers: the second has each piece as the last. */
async function* taken(pieces: readonly SharedPiece[], takenOnce: Set<SharedPiece>): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) {
    const bytes = await piece.take()
    if (takenOnce.has(piece)) await piece.leave()
    takenOnce.add(piece)
    yield bytes
  }
}

const answerOk: Handler = async () => new Response('ok')

describe.each([
  ['the server', listenWithBun],
  ['the server for streams', listenForStreams],
])('%s', (_, listen) => {
  const start = (handler: Handler, address: ServerAddress = LOOPBACK, reusePort = false) =>
    startWith(listen, handler, address, reusePort)

  describe('at work', () => {
    test('says where it listens and hands on who asks', async () => {
      const { server } = await start(async (_, { client }) => new Response(client))

      expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
      expect(await (await fetch(server.url)).text()).toBe('127.0.0.1')
    })

    test('without a host name takes every interface and names IPv4 peers plainly', async () => {
      const { server } = await start(async (_, { client }) => new Response(client), { kind: 'tcp', hostname: undefined, port: 0 })

      const { port } = new URL(server.url)
      expect(await (await fetch(`http://127.0.0.1:${port}`)).text()).toBe('127.0.0.1')
    })

    test('turns a handler that ends without an answer into a 500, never into a success', async () => {
      const { server, errors } = await start((async () => undefined) as unknown as Handler)

      const response = await fetch(server.url, { method: 'PUT', body: 'x' })

      expect(response.status).toBe(500)
      expect(await response.json()).toMatchObject({ errors: [{ code: 'UNKNOWN' }] })
      expect(errors).toHaveLength(1)
    })

    test('does not show what a handler threw', async () => {
      const { server } = await start(() => Promise.reject(new Error('/var/lib/secret')))

      const response = await fetch(server.url)

      expect(response.status).toBe(500)
      expect(await response.text()).not.toContain('secret')
    })

    test('lets a body of any size through to the handler', async () => {
      const { server } = await start(async (request) => {
        let size = 0
        for await (const chunk of request.body ?? []) size += chunk.length
        return new Response(String(size))
      })
      const size = 130 * 1024 * 1024

      const response = await fetch(server.url, { method: 'PATCH', body: new Uint8Array(size) })

      expect(await response.text()).toBe(String(size))
    })

    test('pieces that two answers share arrive whole with both, however slow one client is, and their memory goes back', async () => {
      const memories = Array.from({ length: PIECES }, () => crypto.getRandomValues(new Uint8Array(PIECE_BYTES)))
      const whole = Buffer.concat(memories)
      const pieces = memories.map((memory) => new SharedPiece(Promise.resolve(memory)))
      const takenOnce = new Set<SharedPiece>()
      const { server } = await start(async () => {
        return responseOf({ status: 200, headers: {}, body: streamOfPieces(taken(pieces, takenOnce)) })
      })

      const [slow, quick] = await Promise.all([fetch(server.url), fetch(server.url)])
      expect(Buffer.from(await quick.arrayBuffer()).equals(whole)).toBe(true)
      expect(Buffer.from(await slow.arrayBuffer()).equals(whole)).toBe(true)

      await poll('memory goes back', 5_000, async () =>
        memories.filter(({ length }) => length > 0).length < 2 ? true : undefined,
      )
    })

    test('says that an address is taken', async () => {
      const { server } = await start(answerOk)
      const port = Number(new URL(server.url).port)

      const second = listen({
        address: { kind: 'tcp', hostname: '127.0.0.1', port },
        reusePort: false,
        handler: answerOk,
        log: SILENT,
      })

      expect(await failureOf(second)).toMatch(/in use/)
    })

    test('shares a port when all who listen on it say so', async () => {
      const { server } = await start(answerOk, LOOPBACK, true)
      const port = Number(new URL(server.url).port)

      const { server: second } = await start(answerOk, { kind: 'tcp', hostname: '127.0.0.1', port }, true)

      expect(second.url).toBe(server.url)
    })
  })

  describe('stopping', () => {
    test('lets a running request finish', async () => {
      const begun = Promise.withResolvers<void>()
      const finish = Promise.withResolvers<void>()
      const { server } = await start(async () => {
        begun.resolve()
        await finish.promise
        return new Response('finished')
      })
      const response = fetch(server.url)
      await begun.promise

      const stopped = server.stop({ timeoutMs: 10_000 })
      finish.resolve()

      expect(await (await response).text()).toBe('finished')
      await stopped
      expect(await failureOf(fetch(server.url))).toBeDefined()
    })

    test('cuts what is still running at the deadline', async () => {
      const begun = Promise.withResolvers<void>()
      const { server } = await start(() => {
        begun.resolve()
        return Promise.withResolvers<Response>().promise
      })
      const response = fetch(server.url)
      await begun.promise

      await server.stop({ timeoutMs: 1 })

      expect(await failureOf(response)).toBeDefined()
    })
  })

  describe('a unix socket', () => {
    async function socketPath(): Promise<string> {
      const folder = await mkdtemp(join(tmpdir(), 'berth-'))
      folders.push(folder)
      return join(folder, 'http.sock')
    }

    test('answers, and is gone after the stop', async () => {
      const path = await socketPath()
      const { server } = await start(async (_, { client }) => new Response(String(client)), { kind: 'unix', path })

      expect(await (await fetch('http://localhost/', { unix: path })).text()).toBe('undefined')

      await server.stop({ timeoutMs: 1000 })
      expect(await failureOf(stat(path))).toContain('ENOENT')
    })

    test('that a killed process left behind is taken over', async () => {
      const path = await socketPath()
      const dead = Bun.spawn(
        [process.execPath, '-e', `Bun.listen({ unix: ${JSON.stringify(path)}, socket: { data() {} } }); console.log(1)`],
        {
          stdout: 'pipe',
        },
      )
      await dead.stdout.getReader().read()
      dead.kill('SIGKILL')
      await dead.exited

      await start(answerOk, { kind: 'unix', path })

      expect(await (await fetch('http://localhost/', { unix: path })).text()).toBe('ok')
    })

    test.each<readonly [string, (path: string) => Promise<unknown>]>([
      ['a file', (path) => writeFile(path, 'kept')],
      ['a folder', (path) => mkdir(path)],
      ['a link', (path) => symlink('/kept', path)],
    ])('does not take the place of %s', async (_, make) => {
      const path = await socketPath()
      await make(path)
      const before = await lstat(path)

      const attempt = listen({ address: { kind: 'unix', path }, reusePort: false, handler: answerOk, log: SILENT })

      expect(await failureOf(attempt)).toContain(`There is something at ${path} that is no socket; remove it`)
      expect((await lstat(path)).ino).toBe(before.ino)
    })

    test('that a living process answers on is left to it', async () => {
      const path = await socketPath()
      const living = createServer().listen(path)
      await new Promise((resolve) => living.once('listening', resolve))

      const attempt = listen({ address: { kind: 'unix', path }, reusePort: false, handler: answerOk, log: SILENT })

      expect(await failureOf(attempt)).toMatch(/in use/i)
      await new Promise((resolve) => living.close(resolve))
    })
  })
})

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => SILENT }

/** The message with which a promise failed, or undefined when it did not. */
function failureOf(promise: Promise<unknown>): Promise<string | undefined> {
  return promise.then(
    () => undefined,
    (error) => String(error),
  )
}
