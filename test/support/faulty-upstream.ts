import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'

/** What the registry behind answers. */
export interface Honest {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** One request that arrived, and the connection on which it is answered. */
export interface FaultyExchange {
  readonly kind: 'manifest' | 'blob'
  readonly method: string
  readonly path: string
  readonly authorization: string | undefined
  readonly honest: Honest
  /** How many GETs of this kind came before. */
  readonly earlier: number
  readonly reply: Reply
}

export type Fault = (exchange: FaultyExchange) => Promise<void>

/** An HTTP answer, byte by byte as a fault wants it. */
export class Reply {
  readonly #socket: Socket

  constructor(socket: Socket) {
    this.#socket = socket
  }

  async head(status: number, headers: Readonly<Record<string, string | number>>): Promise<void> {
    const lines = Object.entries({ ...headers, connection: 'close' }).map(([name, value]) => `${name}: ${value}\r\n`)
    await this.write(`HTTP/1.1 ${status} Fault\r\n${lines.join('')}\r\n`)
  }

  /** Resolves when the bytes are out, also where the connection has ended meanwhile. */
  async write(bytes: Uint8Array | string): Promise<void> {
    if (bytes.length === 0 || this.#socket.destroyed) return
    await new Promise<void>((resolve) => this.#socket.write(bytes, () => resolve()))
  }

  end(): void {
    this.#socket.end()
  }
}

/** Sends what the registry behind answers, with other bytes, status or headers where they are given. */
export async function answer({ method, honest, reply }: FaultyExchange, other: Partial<Honest> = {}): Promise<void> {
  const { status, bytes } = { ...honest, ...other }
  const length = method === 'HEAD' ? {} : { 'content-length': String(bytes.length) }
  await reply.head(status, { ...honest.headers, ...length, ...other.headers })
  if (method !== 'HEAD') await reply.write(bytes)
  reply.end()
}

/** A proxy in front of a real registry that answers as a test says. */
export class FaultyUpstream implements AsyncDisposable {
  /** Method and path of each request, in their order. */
  readonly asked: string[] = []
  fault: Fault = answer
  readonly #behind: string
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(behind: string, server: Server) {
    this.#behind = behind
    this.#server = server
  }

  /** `behind`: the URL of the registry. */
  static async start(behind: string): Promise<FaultyUpstream> {
    const server = createServer()
    const upstream = new FaultyUpstream(behind, server)
    server.on('connection', (socket) => upstream.#serve(socket))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return upstream
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    let head = ''
    socket.on('data', (bytes: Buffer) => {
      head += bytes.toString('latin1')
      if (!head.endsWith('\r\n\r\n')) return
      const asked = head
      head = ''
      this.#answer(socket, asked).catch((error: unknown) => socket.destroy(error as Error))
    })
  }

  async #answer(socket: Socket, head: string): Promise<void> {
    const [first = '', ...lines] = head.trimEnd().split('\r\n')
    const [method = '', path = ''] = first.split(' ')
    const headers = new Headers(lines.map((line) => line.split(/: ?(.*)/s, 2) as [string, string]))
    const kind = path.includes('/manifests/') ? 'manifest' : 'blob'
    const earlier = this.asked.filter((asked) => asked.startsWith('GET ') && asked.includes(`/${kind}s/`)).length
    this.asked.push(`${method} ${path}`)
    const authorization = headers.get('authorization') ?? undefined
    const honest = await this.#honest(method, path, headers)
    await this.fault({ kind, method, path, authorization, honest, earlier, reply: new Reply(socket) })
  }

  async #honest(method: string, path: string, headers: Headers): Promise<Honest> {
    const passed = ['accept', 'range', 'if-none-match'].flatMap((name) => {
      const value = headers.get(name)
      return value === null ? [] : [[name, value] as const]
    })
    const response = await fetch(`${this.#behind}${path}`, { method, headers: Object.fromEntries(passed), decompress: false })
    const bytes = new Uint8Array(await response.arrayBuffer())
    const kept = [...response.headers].filter(([name]) => name !== 'connection' && name !== 'transfer-encoding')
    return { status: response.status, headers: Object.fromEntries(kept), bytes }
  }
}
