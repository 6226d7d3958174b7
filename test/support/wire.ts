import { connect, type Socket } from 'node:net'
import { type Listen, listen } from '../../src/http/server/server.ts'
import { listenForStreams } from '../../src/http/server/stream-server.ts'
import { someOf } from './effort.ts'

/** The servers that clients talk to: every test that speaks raw HTTP runs against both. */
export const SERVERS: readonly (readonly [string, Listen])[] = [
  ['the server of directories', listen],
  ['the server of buckets', listenForStreams],
]

/** One of them, which chance picks anew in each run, and both where every case is tried: for what stands behind both alike. */
export function someServers(what: string): typeof SERVERS {
  return someOf(`servers for ${what}`, SERVERS, 1)
}

const PATIENCE_MS = 30_000

/** One connection on which a test says exactly what it wants to, and sees exactly what comes back. */
export class Wire implements Disposable {
  readonly #socket: Socket
  readonly #watchers = new Set<() => void>()
  #received = ''
  #hasEnded = false
  #isClosed = false

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (bytes: Buffer) => this.#note(() => (this.#received += bytes.toString('latin1'))))
    socket.on('end', () => this.#note(() => (this.#hasEnded = true)))
    // A reset is one of the ways to end.
    socket.on('error', () => undefined)
    socket.on('close', () => this.#note(() => (this.#isClosed = true)))
  }

  /** The caller closes it. */
  static async open(url: string): Promise<Wire> {
    const { hostname, port } = new URL(url)
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
    const wire = new Wire(socket)
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return wire
  }

  /** All that has come, as Latin-1. */
  get received(): string {
    return this.#received
  }

  /** Text is sent as Latin-1. */
  send(bytes: string | Uint8Array): this {
    this.#socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    return this
  }

  /** Resolves when more may be sent, or the connection is gone. */
  async sendSlowly(bytes: Uint8Array): Promise<void> {
    if (this.#socket.write(bytes)) return
    let isDrained = false
    this.#socket.once('drain', () => this.#note(() => (isDrained = true)))
    await this.#wait('the server reads', () => isDrained || this.hasEnded)
  }

  /** The other side has closed. */
  get hasEnded(): boolean {
    return this.#hasEnded || this.#isClosed
  }

  /** Closes this side alone. */
  finish(): this {
    this.#socket.end()
    return this
  }

  /** From now on nothing is read. */
  stopReading(): this {
    this.#socket.pause()
    return this
  }

  readOn(): this {
    this.#socket.resume()
    return this
  }

  /** All that has come, once it matches. Fails when the connection ends before it does. */
  async until(pattern: RegExp): Promise<string> {
    await this.#wait(`${pattern}`, () => pattern.test(this.#received) || this.hasEnded)
    if (!pattern.test(this.#received)) throw new Error(`the connection ended before ${pattern}: ${this.#shown()}`)
    return this.#received
  }

  /** Until so many bytes have come. Fails when the connection ends before. */
  async length(bytes: number): Promise<void> {
    await this.#wait(`${bytes} bytes`, () => this.#received.length >= bytes || this.hasEnded)
    if (this.#received.length < bytes) throw new Error(`the connection ended after ${this.#received.length} bytes`)
  }

  /** All that has come when the other side has closed. */
  async ended(): Promise<string> {
    await this.#wait('the end of the connection', () => this.hasEnded)
    return this.#received
  }

  [Symbol.dispose](): void {
    this.#socket.destroy()
  }

  async #wait(what: string, isThere: () => boolean): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const look = () => (isThere() ? resolve() : undefined)
    const timer = setTimeout(() => reject(new Error(`${what} did not come in time: ${this.#shown()}`)), PATIENCE_MS)
    this.#watchers.add(look)
    look()
    try {
      await promise
    } finally {
      clearTimeout(timer)
      this.#watchers.delete(look)
    }
  }

  #note(change: () => unknown): void {
    change()
    for (const look of this.#watchers) look()
  }

  #shown(): string {
    return JSON.stringify(this.#received.slice(-500))
  }
}

/** Says all of it on one connection and gives what came back when the other side has closed. */
export async function say(url: string, ...parts: readonly (string | Uint8Array)[]): Promise<string> {
  using wire = await Wire.open(url)
  for (const part of parts) wire.send(part)
  return await wire.ended()
}

/** The status lines of all that came, interim answers too. */
export function statusesIn(received: string): readonly number[] {
  return [...received.matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map(([, status]) => Number(status))
}
