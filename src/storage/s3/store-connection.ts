import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { type AnswerHead, findHead } from './answer-head.ts'

export interface StoreTls {
  readonly rejectUnauthorized?: boolean
  readonly ca?: string
}

/** A connection to the store for one request after the other. What comes is read as it is asked for, and the store waits meanwhile. */
export class StoreConnection {
  readonly #socket: Socket
  readonly #arrived: Buffer[] = []
  #waiting: PromiseWithResolvers<void> | undefined
  #failure: Error | undefined
  #hasAnswered = false

  constructor(url: URL, tls: StoreTls) {
    this.#socket = socketTo(url, tls)
    this.#socket.setNoDelay(true)
    this.#socket.on('data', (bytes: Buffer) => this.#arrive(bytes))
    this.#socket.on('error', (error) => this.#end(error))
    this.#socket.on('close', () => this.#end(new Error('the connection was closed')))
  }

  /** Whether anything has come since the last request. */
  get hasAnswered(): boolean {
    return this.#hasAnswered
  }

  /** Asks for a URL, and gives how the answer begins. */
  async get(url: URL, headers: Headers): Promise<AnswerHead> {
    this.#hasAnswered = false
    const lines = [...headers].map(([name, value]) => `${name}: ${value}\r\n`)
    this.#socket.write(`GET ${url.pathname}${url.search} HTTP/1.1\r\nhost: ${url.host}\r\n${lines.join('')}\r\n`)
    for (let begun = Buffer.alloc(0); ; ) {
      begun = Buffer.concat([begun, await this.read()])
      for (let found = findHead(begun); found !== undefined; found = findHead(begun)) {
        begun = begun.subarray(found.end)
        if (found.head.status < 200) continue
        if (begun.length > 0) this.#arrived.unshift(begun)
        return found.head
      }
    }
  }

  /** Some bytes. Throws when the connection ends first. */
  async read(): Promise<Buffer> {
    for (;;) {
      const bytes = this.#arrived.shift()
      if (bytes !== undefined) return bytes
      if (this.#failure !== undefined) throw this.#failure
      this.#waiting ??= Promise.withResolvers()
      this.#socket.resume()
      await this.#waiting.promise
    }
  }

  /** Nobody asks for anything now, and nothing may come; the process may end. */
  rest(): void {
    this.#socket.resume()
    this.#socket.unref()
  }

  /** False when the connection has ended meanwhile, or the store said what it was not asked. */
  wake(): boolean {
    this.#socket.ref()
    return this.#failure === undefined && this.#arrived.length === 0
  }

  destroy(error = new Error('the connection was given up')): void {
    this.#end(error)
    this.#socket.destroy()
  }

  #arrive(bytes: Buffer): void {
    this.#hasAnswered = true
    this.#arrived.push(bytes)
    if (this.#waiting === undefined) this.#socket.pause()
    this.#tell()
  }

  #end(error: Error): void {
    this.#failure ??= error
    this.#tell()
  }

  #tell(): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.resolve()
  }
}

function socketTo({ protocol, hostname, port }: URL, tls: StoreTls): Socket {
  const host = hostname.replace(/^\[|\]$/g, '')
  if (protocol !== 'https:') return connect({ host, port: Number(port || 80) })
  return connectTls({ host, port: Number(port || 443), ...tls, ...(isIP(host) === 0 ? { servername: host } : {}) })
}
