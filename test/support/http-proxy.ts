import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** What a client asked a proxy. */
export interface AskedProxy {
  /** As in `CONNECT host:port` or `GET http://host:port/path`. */
  readonly line: string
  readonly head: string
}

/** An HTTP proxy that tells what it was asked and what it could read: CONNECT opens a tunnel, and a whole URL is sent on to its host. */
export class HttpProxy implements AsyncDisposable {
  readonly asked: AskedProxy[] = []
  /** Ports of this machine for the names of hosts that only this proxy knows. */
  readonly hosts = new Map<string, number>()
  /** In place of a tunnel: status and header lines. */
  refusal: string | undefined
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #passed = ''

  private constructor(server: Server) {
    this.#server = server
  }

  static async start(): Promise<HttpProxy> {
    const server = createServer()
    const proxy = new HttpProxy(server)
    server.on('connection', (client) => proxy.#serve(client))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Every byte that clients sent, as letters. */
  get passed(): string {
    return this.#passed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  /** Each request that names a whole URL goes to its own host, and a tunnel takes what follows as it is. */
  #serve(client: Socket): void {
    this.#own(client)
    let head = ''
    let tunnel: Socket | undefined
    client.on('data', (bytes: Buffer) => {
      const text = bytes.toString('latin1')
      this.#passed += text
      if (tunnel !== undefined) return void tunnel.write(bytes)
      head += text
      if (!head.includes('\r\n\r\n')) return
      tunnel = this.#ask(client, head)
      head = ''
    })
    client.on('end', () => tunnel?.end())
  }

  /** Gives the other end of a tunnel. */
  #ask(client: Socket, head: string): Socket | undefined {
    const [line = ''] = head.split(' HTTP/1.1', 1)
    this.asked.push({ line, head })
    if (this.refusal !== undefined) {
      client.end(`HTTP/1.1 ${this.refusal}\r\ncontent-length: 0\r\n\r\n`)
      return undefined
    }
    const isTunnel = line.startsWith('CONNECT ')
    const { hostname, port } = new URL(isTunnel ? `tcp://${line.slice('CONNECT '.length)}` : (line.split(' ')[1] ?? ''))
    const known = this.hosts.get(hostname)
    const server = known === undefined ? connect(Number(port), hostname) : connect(known, '127.0.0.1')
    this.#own(server)
    server.on('error', () => client.end('HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n'))
    server.on('data', (bytes: Buffer) => client.write(bytes))
    if (isTunnel) server.on('end', () => client.end())
    if (isTunnel) client.write('HTTP/1.1 200 OK\r\n\r\n')
    else server.write(asPath(head), 'latin1')
    return isTunnel ? server : undefined
  }

  /** What breaks on one side ends the other one by itself. */
  #own(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#sockets.delete(socket))
  }
}

/** A request as the host itself is asked. It has no body, and arrives as a whole. */
function asPath(request: string): string {
  return request.replace(/^(\w+) http:\/\/[^/]+/, '$1 ')
}
