import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'

/** Of a 502, as a balancer says it: the registry has ended meanwhile. */
export const NO_ANSWER = 'the registry gave no answer'

/**
 * Sends each request to the next of several registries, whatever connection it came on. One that cannot be connected to is passed over, as a balancer
 * does; a request that has begun is sent once, and ends with its registry.
 */
export class Balancer implements AsyncDisposable {
  readonly url: string
  readonly #server: Server
  readonly #ports: () => readonly number[]
  #next = 0

  private constructor(server: Server, ports: () => readonly number[]) {
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('the balancer has no port')
    this.#server = server
    this.#ports = ports
    this.url = `http://127.0.0.1:${address.port}`
  }

  /** `ports`: of the registries that there are at the moment. */
  static async start(ports: () => readonly number[]): Promise<Balancer> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const balancer = new Balancer(server, ports)
    server.on('request', (incoming, outgoing) => balancer.#pass(incoming, outgoing, ports().length))
    return balancer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #pass(incoming: IncomingMessage, outgoing: ServerResponse, triesLeft: number): void {
    const ports = this.#ports()
    this.#next = (this.#next + 1) % Math.max(1, ports.length)
    const { method, url, headers } = incoming
    const sent = request({ host: '127.0.0.1', port: ports[this.#next], method, path: url, headers, agent: false })
    sent.on('socket', (socket) => socket.on('connect', () => incoming.pipe(sent)))
    sent.on('response', (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.on('error', () => outgoing.destroy())
      answer.pipe(outgoing)
    })
    sent.on('error', (error) => {
      if ('code' in error && error.code === 'ECONNREFUSED' && triesLeft > 1) this.#pass(incoming, outgoing, triesLeft - 1)
      else if (outgoing.headersSent) outgoing.destroy()
      else outgoing.writeHead(502).end(NO_ANSWER)
    })
    outgoing.on('close', () => sent.destroy())
  }
}
