import { MANIFEST_TYPE } from '../stores/layout-store.ts'
import { haveCome, headOf, Socket } from './socket.ts'

/**
 * Many clients that want the same, in one program: each has asked before any of them is answered, and says when its first byte came. What comes is
 * dropped in the kernel, a little of each connection in turn: those that have nothing yet are looked at first.
 */

export interface WaitingLoad {
  readonly port: number
  readonly connections: number
  /** Each client asks for them one after the other; the first byte counted is one of the last. */
  readonly paths: readonly string[]
  /** Of the last. */
  readonly bytes: number
}

export interface WaitingReport {
  /** Of each client: milliseconds since 1970. */
  readonly firstBytesAtMs: readonly number[]
  readonly cpuSeconds: number
}

/** The line that says that every client has asked. */
export const ASKED = 'asked'
const LONGEST_HEAD = 4 * 1024
const LONGEST_CHUNK_LINE = 32
/** Of one connection, before the others have their turn: less while some wait for their first byte. */
const BYTES_AT_ONCE = 1024 * 1024
const FIRST_BYTES_AT_ONCE = 64 * 1024
/** On each connection, before what is counted: the first requests of a program cost it more. */
const REHEARSALS: readonly string[] = Array.from({ length: 20 }, () => '/v2/')
const CRLF = '\r\n'
const HEAD_END = CRLF + CRLF

/** One client, which never waits: it takes what has come. */
class WaitingClient {
  readonly socket: Socket
  /** Of the answer that comes now. */
  firstByteAtMs: number | undefined
  readonly #load: WaitingLoad
  readonly #paths: string[]
  #expects: 'head' | 'chunk' | 'bytes' = 'head'
  #isChunked = false
  /** Of the chunk with the end of its line, or of the body. */
  #left = 0
  #size = 0

  constructor(load: WaitingLoad) {
    this.socket = new Socket(load.port)
    this.#load = load
    this.#paths = [...REHEARSALS, ...load.paths]
  }

  get hasEnded(): boolean {
    return this.#paths.length === 0
  }

  /** Asks for what is counted, once everything before it was answered. */
  start(): void {
    this.#ask()
    while (this.#paths.length > this.#load.paths.length) {
      haveCome([this.socket])
      this.look()
      this.take(BYTES_AT_ONCE)
    }
  }

  /** Notes when the first byte behind the head of the answer has come; everything stays. */
  look(): void {
    if (this.firstByteAtMs !== undefined) return
    const waiting = this.socket.peek(LONGEST_HEAD)
    const head = this.#expects === 'head' ? waiting.indexOf(HEAD_END) : -HEAD_END.length
    const hasBody = head !== -1 && waiting.length > head + HEAD_END.length
    if (hasBody) this.firstByteAtMs = performance.timeOrigin + performance.now()
  }

  /** Takes about so much of what has come. */
  take(most: number): void {
    for (let taken = 0; taken < most && !this.hasEnded; ) {
      const some = this.#takeSome(most)
      if (some === 0) return
      taken += some
    }
  }

  #ask(): void {
    this.socket.send(Buffer.from(`GET ${this.#paths[0]} HTTP/1.1\r\nHost: localhost\r\nAccept: ${MANIFEST_TYPE}\r\n\r\n`))
  }

  #takeSome(most: number): number {
    switch (this.#expects) {
      case 'head':
        return this.#takeHead()
      case 'chunk':
        return this.#takeChunkLine()
      case 'bytes':
        return this.#drop(most)
    }
  }

  #takeHead(): number {
    const waiting = this.socket.peek(LONGEST_HEAD)
    const end = waiting.indexOf(HEAD_END)
    if (end < 0) return 0
    const { status, headers } = headOf(waiting.subarray(0, end).toString('latin1'))
    if (status !== 200) throw new Error(`answered ${status}, not 200`)
    this.#isChunked = headers.get('transfer-encoding') === 'chunked'
    this.#size = 0
    if (this.#isChunked) this.#expects = 'chunk'
    else this.#expectBytes(Number(headers.get('content-length')))
    return this.socket.drop(end + HEAD_END.length)
  }

  #takeChunkLine(): number {
    const waiting = this.socket.peek(LONGEST_CHUNK_LINE)
    const end = waiting.indexOf(CRLF)
    if (end < 0) return 0
    const length = Number.parseInt(waiting.subarray(0, end).toString('latin1'), 16)
    this.#isChunked = length > 0
    this.#expectBytes(length)
    this.#left += CRLF.length
    return this.socket.drop(end + CRLF.length)
  }

  #expectBytes(length: number): void {
    this.#expects = 'bytes'
    this.#left = length
    this.#size += length
  }

  #drop(most: number): number {
    const dropped = this.#left === 0 ? 0 : this.socket.drop(Math.min(this.#left, most))
    this.#left -= dropped
    if (this.#left > 0) return dropped
    this.#expects = this.#isChunked ? 'chunk' : 'head'
    if (!this.#isChunked) this.#end()
    return dropped
  }

  #end(): void {
    this.#paths.shift()
    if (this.hasEnded && this.#size !== this.#load.bytes) throw new Error(`${this.#size} of ${this.#load.bytes} bytes came`)
    if (this.hasEnded) return
    this.firstByteAtMs = undefined
    this.#ask()
  }
}

if (import.meta.main) {
  const load = (await Bun.stdin.json()) as WaitingLoad
  const clients = Array.from({ length: load.connections }, () => new WaitingClient(load))
  for (const client of clients) client.start()
  await Bun.write(Bun.stdout, `${ASKED}\n`)
  const before = process.cpuUsage()
  for (let open = clients; open.length > 0; open = open.filter(({ hasEnded }) => !hasEnded)) {
    const come = new Set(haveCome(open.map(({ socket }) => socket)))
    const ready = open.filter(({ socket }) => come.has(socket))
    for (const client of ready) client.look()
    const someWait = open.some(({ firstByteAtMs }) => firstByteAtMs === undefined)
    for (const client of ready) client.take(someWait ? FIRST_BYTES_AT_ONCE : BYTES_AT_ONCE)
  }
  const { user, system } = process.cpuUsage(before)
  const firstBytesAtMs = clients.flatMap(({ firstByteAtMs = [] }) => firstByteAtMs)
  const report: WaitingReport = { firstBytesAtMs, cpuSeconds: (user + system) / 1e6 }
  await Bun.write(Bun.stdout, `${JSON.stringify(report)}\n`)
}
