import { MANIFEST_TYPE } from '../stores/layout-store.ts'
import { haveCome, headOf, Socket } from './socket.ts'

/**
 * Many clients that want the same, in one program: each has asked before any of them is answered, and says when its first byte came. What comes is
 * dropped in the kernel, a little of each connection in turn.
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
const LONGEST_HEAD = 64 * 1024
const LONGEST_CHUNK_LINE = 32
/** Of one connection, before the others have their turn. */
const BYTES_AT_ONCE = 1024 * 1024
const CRLF = '\r\n'

/** One client, which never waits: it takes what has come. */
class WaitingClient {
  readonly socket: Socket
  firstByteAtMs: number | undefined
  readonly #bytes: number
  readonly #paths: string[]
  #expects: 'head' | 'chunk' | 'bytes' = 'head'
  #isChunked = false
  /** Of the chunk with the end of its line, or of the body. */
  #left = 0
  #size = 0

  constructor({ port, paths, bytes }: WaitingLoad) {
    this.socket = new Socket(port)
    this.#paths = [...paths]
    this.#bytes = bytes
  }

  get hasEnded(): boolean {
    return this.#paths.length === 0
  }

  ask(): void {
    this.socket.send(Buffer.from(`GET ${this.#paths[0]} HTTP/1.1\r\nHost: localhost\r\nAccept: ${MANIFEST_TYPE}\r\n\r\n`))
  }

  /** Takes some of what has come. */
  take(): void {
    for (let budget = BYTES_AT_ONCE; budget > 0 && !this.hasEnded; ) {
      const taken = this.#takeSome()
      if (taken === 0) return
      budget -= taken
    }
  }

  #takeSome(): number {
    switch (this.#expects) {
      case 'head':
        return this.#takeHead()
      case 'chunk':
        return this.#takeChunkLine()
      case 'bytes':
        return this.#drop()
    }
  }

  #takeHead(): number {
    const waiting = this.socket.peek(LONGEST_HEAD)
    const end = waiting.indexOf(CRLF + CRLF)
    if (end < 0) return 0
    const { status, headers } = headOf(waiting.subarray(0, end).toString('latin1'))
    if (status !== 200) throw new Error(`answered ${status}, not 200`)
    this.#isChunked = headers.get('transfer-encoding') === 'chunked'
    this.#size = 0
    if (this.#isChunked) this.#expects = 'chunk'
    else this.#expectBytes(Number(headers.get('content-length')))
    return this.socket.drop(end + 4)
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

  #drop(): number {
    const dropped = this.socket.drop(this.#left)
    if (dropped > 0 && this.#paths.length === 1) this.firstByteAtMs ??= performance.timeOrigin + performance.now()
    this.#left -= dropped
    if (this.#left > 0) return dropped
    this.#expects = this.#isChunked ? 'chunk' : 'head'
    if (!this.#isChunked) this.#end()
    return dropped
  }

  #end(): void {
    const isLast = this.#paths.length === 1
    if (isLast && this.#size !== this.#bytes) throw new Error(`${this.#size} of ${this.#bytes} bytes came`)
    this.#paths.shift()
    if (!isLast) this.ask()
  }
}

if (import.meta.main) {
  const load = (await Bun.stdin.json()) as WaitingLoad
  const clients = Array.from({ length: load.connections }, () => new WaitingClient(load))
  for (const client of clients) client.ask()
  await Bun.write(Bun.stdout, `${ASKED}\n`)
  const before = process.cpuUsage()
  for (let open = clients; open.length > 0; open = open.filter(({ hasEnded }) => !hasEnded)) {
    const ready = new Set(haveCome(open.map(({ socket }) => socket)))
    for (const client of open) if (ready.has(client.socket)) client.take()
  }
  const { user, system } = process.cpuUsage(before)
  const firstBytesAtMs = clients.flatMap(({ firstByteAtMs = [] }) => firstByteAtMs)
  const report: WaitingReport = { firstBytesAtMs, cpuSeconds: (user + system) / 1e6 }
  await Bun.write(Bun.stdout, `${JSON.stringify(report)}\n`)
}
