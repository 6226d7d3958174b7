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

  #serve(client: Socket): void {
    this.#own(client)
    let head = ''
    const read = (bytes: Buffer) => {
      head += bytes.toString('latin1')
      if (!head.includes('\r\n\r\n')) return
      client.off('data', read)
      this.#ask(client, head)
    }
    client.on('data', read)
    client.on('data', (bytes: Buffer) => {
      this.#passed += bytes.toString('latin1')
    })
  }

  #ask(client: Socket, head: string): void {
    const [line = ''] = head.split(' HTTP/1.1', 1)
    this.asked.push({ line, head })
    if (this.refusal !== undefined) return void client.end(`HTTP/1.1 ${this.refusal}\r\ncontent-length: 0\r\n\r\n`)
    const isTunnel = line.startsWith('CONNECT ')
    const { hostname, port } = new URL(isTunnel ? `tcp://${line.slice('CONNECT '.length)}` : (line.split(' ')[1] ?? ''))
    const known = this.hosts.get(hostname)
    const server = known === undefined ? connect(Number(port), hostname) : connect(known, '127.0.0.1')
    this.#own(server)
    if (isTunnel) client.write('HTTP/1.1 200 OK\r\n\r\n')
    else server.write(asPath(head), 'latin1')
    client.on('data', (bytes: Buffer) => server.write(isTunnel ? bytes : Buffer.from(asPath(bytes.toString('latin1')), 'latin1')))
    client.on('end', () => server.end())
    server.pipe(client)
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
