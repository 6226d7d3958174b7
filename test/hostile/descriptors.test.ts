import { expect, test } from 'bun:test'
import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { sha256 } from '../support/images.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { linesOf } from './hostile-registry.ts'

const DESCRIPTORS = 256
/** Of a flood at any moment. */
const CONNECTIONS = 600
const ROUNDS = 40

/**
 * A flood takes every descriptor that the process can have. Requests on a connection that was there before go on: their files are opened,
 * also between two looks at the connections. The log says once that descriptors run out. That no core burns
 * meanwhile was seen by hand.
 */
test.each(['files', 'streams'])(
  'with 256 descriptors the server for %s answers every request on an open connection while others flood it',
  async (kind) => {
    using folder = new TemporaryFolder()
    await using limited = await LimitedRegistry.start(kind, folder)
    using client = new OneConnection(limited.url)
    const first = await pushAndPull(client, 'first')
    const answers: string[] = []
    {
      using flood = new Flood(limited.url)
      for (let round = 1; round <= ROUNDS || flood.cut === 0; round += 1)
        answers.push(await pushAndPull(client, `round ${round}`))
    }

    expect(first).toBe('202 201 200')
    expect(new Set(answers)).toEqual(new Set([first]))
    expect(client.connections).toBe(1)
    expect(await limited.end()).toEqual({ failures: [], descriptors: ['descriptors run out, new connections wait'] })
  },
  60_000,
)

/** The statuses of a push of a blob and of its pull, which must give the bytes again. */
async function pushAndPull(client: OneConnection, content: string): Promise<string> {
  const bytes = new TextEncoder().encode(content.repeat(500))
  const digest = sha256(bytes)
  const begun = await client.request('POST', '/v2/flooded/blobs/uploads/')
  const pushed = await client.request('PUT', `${begun.location}?digest=${digest}`, bytes)
  const pulled = await client.request('GET', `/v2/flooded/blobs/${digest}`)
  if (pulled.status === 200 && !pulled.body.equals(bytes)) throw new Error('the blob is not what was pushed')
  return [begun, pushed, pulled].map(({ status }) => status).join(' ')
}

interface Answered {
  readonly status: number | undefined
  readonly location: string | undefined
  readonly body: Buffer
}

/** A client that makes a new connection only where the one that it has was closed. */
class OneConnection implements Disposable {
  readonly #url: string
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  readonly #ports = new Set<number | undefined>()

  constructor(url: string) {
    this.#url = url
  }

  /** How many it has had. */
  get connections(): number {
    return this.#ports.size
  }

  async request(method: string, path: string, body?: Uint8Array): Promise<Answered> {
    const { promise, resolve, reject } = Promise.withResolvers<Answered>()
    const options = { method, agent: this.#agent, headers: { 'Content-Length': body?.length ?? 0 } }
    const asked = request(`${this.#url}${path}`, options, async (answer) => {
      this.#ports.add(answer.socket.localPort)
      const chunks: Buffer[] = []
      for await (const chunk of answer) chunks.push(chunk)
      resolve({ status: answer.statusCode, location: answer.headers.location, body: Buffer.concat(chunks) })
    })
    asked.on('error', reject).end(body)
    return await promise
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }
}

/** Connections that begin a request and never end it. Each that is cut is made again. */
class Flood implements Disposable {
  cut = 0
  readonly #port: number
  readonly #sockets = new Set<Socket>()
  #isStopped = false

  constructor(url: string) {
    this.#port = Number(new URL(url).port)
    for (let made = 0; made < CONNECTIONS; made += 1) this.#connect()
  }

  [Symbol.dispose](): void {
    this.#isStopped = true
    for (const socket of this.#sockets) socket.destroy()
  }

  #connect(): void {
    const socket = connect(this.#port, '127.0.0.1', () => socket.write('GET /v2/ HT'))
    this.#sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.#sockets.delete(socket)
      if (this.#isStopped) return
      this.cut += 1
      this.#connect()
    })
  }
}

class LimitedRegistry implements AsyncDisposable {
  readonly url: string
  readonly #process: Bun.Subprocess<'pipe', 'pipe', 'inherit'>
  readonly #lines: AsyncIterator<string>

  private constructor(url: string, process: Bun.Subprocess<'pipe', 'pipe', 'inherit'>, lines: AsyncIterator<string>) {
    this.url = url
    this.#process = process
    this.#lines = lines
  }

  static async start(kind: string, folder: TemporaryFolder): Promise<LimitedRegistry> {
    const storage = { filesystem: { rootdirectory: folder.join('data') } }
    const config = { version: '0.1', storage, http: { addr: '127.0.0.1:0', processes: 1 } }
    const path = await folder.file('limited.yml', stringify(config))
    const command = `ulimit -n ${DESCRIPTORS}; exec "$0" "$@"`
    const program = [process.execPath, join(import.meta.dir, 'limited.ts'), kind, path]
    const child = Bun.spawn(['sh', '-c', command, ...program], { stdin: 'pipe', stdout: 'pipe', stderr: 'inherit' })
    const lines = linesOf(child.stdout)
    const { url } = JSON.parse((await lines.next()).value ?? '{}') as { url: string }
    return new LimitedRegistry(url, child, lines)
  }

  /** Gives what it has logged: errors, and what it has said of descriptors. */
  async end(): Promise<unknown> {
    await this.#process.stdin.end()
    return JSON.parse((await this.#lines.next()).value ?? '{}')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stdin.end()
    const late = setTimeout(() => this.#process.kill('SIGKILL'), 20_000)
    await this.#process.exited
    clearTimeout(late)
  }
}
