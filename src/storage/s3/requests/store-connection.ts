import { readSync } from 'node:fs'
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { type AnswerHead, findHead } from './answer-head.ts'

export interface StoreTls {
  readonly rejectUnauthorized?: boolean
  readonly ca?: string
}

/**
 * Taken at once at most. The event loop hands over a copy of each read, in memory that is new; taken from the socket into memory that was
 * just given back, a pull costs 0.45 to 0.5 s of processor time a GB in place of 0.6 to 0.7.
 */
const TAKEN_AT_ONCE_BYTES = 512 * 1024

/** A connection to the store for one request after the other. What comes is read as it is asked for, and the store waits meanwhile. */
export class StoreConnection {
  readonly #socket: Socket
  readonly #arrived: Buffer[] = []
  #waiting: PromiseWithResolvers<void> | undefined
  #failure: Error | undefined
  #hasAnswered = false
  readonly #isEncrypted: boolean

  constructor(url: URL, tls: StoreTls) {
    this.#isEncrypted = url.protocol === 'https:'
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
      const bytes = this.#arrived.shift() ?? this.#take()
      if (bytes !== undefined) return bytes
      if (this.#failure !== undefined) throw this.#failure
      this.#waiting ??= Promise.withResolvers()
      this.#socket.resume()
      await this.#waiting.promise
    }
  }

  /** No request is under way and nothing may come; the process may end. */
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

  /** What the kernel has received meanwhile. The end of a connection and its errors are for the event loop to tell. */
  #take(): Buffer | undefined {
    const descriptor = this.#descriptor()
    if (descriptor === undefined || this.#socket.readableLength > 0) return undefined
    const room = Buffer.allocUnsafeSlow(TAKEN_AT_ONCE_BYTES)
    const size = readReceived(descriptor, room)
    if (size === room.length) return room
    // The memory of a chunk is given back as a whole.
    const bytes = size === 0 ? undefined : Buffer.copyBytesFrom(room, 0, size)
    room.buffer.transfer(0)
    return bytes
  }

  /** Of a body that is on its way, as its sender wrote it; undefined: what the socket holds must not be read by others. */
  #descriptor(): number | undefined {
    if (this.#isEncrypted || !this.#hasAnswered || this.#failure !== undefined) return undefined
    const { _handle: handle } = this.#socket as { readonly _handle?: { readonly fd?: number } | null }
    return handle?.fd !== undefined && handle.fd >= 0 ? handle.fd : undefined
  }

  #arrive(bytes: Buffer): void {
    this.#hasAnswered = true
    this.#arrived.push(bytes)
    this.#socket.pause()
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

/** 0 when nothing is there. */
function readReceived(descriptor: number, bytes: Buffer): number {
  try {
    return readSync(descriptor, bytes, 0, bytes.length, null)
  } catch {
    return 0
  }
}

function socketTo({ protocol, hostname, port }: URL, tls: StoreTls): Socket {
  const host = hostname.replace(/^\[|\]$/g, '')
  if (protocol !== 'https:') return connect({ host, port: Number(port || 80) })
  return connectTls({ host, port: Number(port || 443), ...tls, ...(isIP(host) === 0 ? { servername: host } : {}) })
}
