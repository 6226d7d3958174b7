import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** What becomes of a question. Either way the client's connection ends without an answer. */
export type Fault =
  /** The server has done it. */
  | 'cut'
  /** It never reached the server. */
  | 'lost'

/** Stands before a server on a port of its own, and passes on what both say but for faults. */
export class TcpProxy implements AsyncDisposable {
  readonly port: number
  readonly #server: Server
  #targetPort: number
  readonly #pairs = new Set<{ readonly client: Socket; readonly upstream: Socket }>()
  readonly #answersAfterMs: number
  #exchanges = 0
  /** A fault for connections whose client has just said this. */
  #fault: { readonly when: RegExp; readonly kind: Fault } | undefined
  readonly #faults = new Set<() => void>()

  private constructor(server: Server, targetPort: number, answersAfterMs: number) {
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
    this.#server = server
    this.#targetPort = targetPort
    this.#answersAfterMs = answersAfterMs
    this.port = address.port
  }

  /**
   * `host`: the address of this machine on which it listens. `answersAfterMs`: answers are held back for so long, so that the client has sent all
   * that it sends without one.
   */
  static async start(targetPort: number, { host = '127.0.0.1', answersAfterMs = 0 } = {}): Promise<TcpProxy> {
    const server = createServer()
    server.listen(0, host)
    await once(server, 'listening')
    const proxy = new TcpProxy(server, targetPort, answersAfterMs)
    server.on('connection', (client) => proxy.#join(client, connect(proxy.#targetPort, '127.0.0.1')))
    return proxy
  }

  /** New connections go to another server. */
  moveTo(targetPort: number): void {
    this.#targetPort = targetPort
  }

  /** How often clients have waited for the server, of all connections together: whatever was sent meanwhile is one exchange. */
  get exchanges(): number {
    return this.#exchanges
  }

  /** The next time that a client says this, the answer meets a fault. Resolves when that has happened. */
  async failAfter(when: RegExp, kind: Fault): Promise<void> {
    this.#fault = { when, kind }
    await new Promise<void>((resolve) => this.#faults.add(resolve))
  }

  /** Every connection that there is now says nothing more, and not that it has ended; new ones work. */
  silence(): void {
    for (const { upstream } of this.#pairs) upstream.removeAllListeners('data').removeAllListeners('close').resume()
  }

  /** Ends every connection that there is now. */
  cut(): void {
    for (const { client, upstream } of this.#pairs) {
      client.destroy()
      upstream.destroy()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #join(client: Socket, upstream: Socket): void {
    const pair = { client, upstream }
    this.#pairs.add(pair)
    let isAnswered = true
    client.on('data', (bytes: Buffer) => {
      if (isAnswered) this.#exchanges += 1
      isAnswered = false
      if (this.#fault?.when.test(bytes.toString('latin1')) === true) this.#fail(bytes, pair)
      else upstream.write(bytes)
    })
    const answer = (bytes: Buffer) => {
      isAnswered = true
      client.write(bytes)
    }
    upstream.on('data', (bytes: Buffer) => {
      if (this.#answersAfterMs === 0) answer(bytes)
      else setTimeout(answer, this.#answersAfterMs, bytes)
    })
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        this.#pairs.delete(pair)
        other.destroy()
      })
    }
  }

  #fail(bytes: Buffer, { client, upstream }: { readonly client: Socket; readonly upstream: Socket }): void {
    const kind = this.#fault?.kind
    this.#fault = undefined
    const end = () => {
      client.destroy()
      for (const resolve of this.#faults) resolve()
      this.#faults.clear()
    }
    if (kind === 'lost') {
      end()
      return
    }
    upstream.removeAllListeners('data')
    upstream.once('data', end)
    upstream.write(bytes)
  }
}
