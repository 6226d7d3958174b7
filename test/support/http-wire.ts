import type { Socket } from 'node:net'

/** The first lines of a request or an answer, as they came. */
export interface Head {
  readonly firstLine: string
  /** Names in lower case; the last one of a name that comes more than once. */
  readonly headers: ReadonlyMap<string, string>
  readonly raw: Buffer
}

/** How the end of a body is found. */
export type Framing =
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'until-close' }

const END_OF_HEAD = Buffer.from('\r\n\r\n')
const END_OF_LINE = Buffer.from('\r\n')
const MOST_HEAD_BYTES = 64 * 1024

/** HTTP/1.1 messages of one connection, one after the other, with their bytes untouched. Reads no faster than it is asked. */
export class WireReader {
  readonly #chunks: AsyncIterator<Buffer>
  #rest: Buffer = Buffer.alloc(0)

  constructor(socket: Socket) {
    this.#chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  }

  /** Undefined when the connection ends before another message begins. Throws when it ends in one. */
  async readHead(): Promise<Head | undefined> {
    if (this.#rest.length === 0 && !(await this.#more())) return undefined
    const raw = await this.#readThrough(END_OF_HEAD)
    const [firstLine = '', ...lines] = raw.toString('latin1').trimEnd().split('\r\n')
    const headers = lines.map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const
    })
    return { firstLine, headers: new Map(headers), raw }
  }

  /** The bytes of a body with its framing. Throws when the connection ends in it. */
  async *readBody(framing: Framing): AsyncGenerator<Buffer> {
    switch (framing.kind) {
      case 'length':
        return yield* this.#readExactly(framing.length)
      case 'chunked':
        return yield* this.#readChunks()
      case 'until-close':
        do yield this.#take(this.#rest.length)
        while (await this.#more())
    }
  }

  async *#readChunks(): AsyncGenerator<Buffer> {
    for (;;) {
      const line = await this.#readThrough(END_OF_LINE)
      yield line
      const size = Number.parseInt(line.toString('latin1'), 16)
      if (size === 0) break
      yield* this.#readExactly(size + END_OF_LINE.length)
    }
    for (;;) {
      const trailer = await this.#readThrough(END_OF_LINE)
      yield trailer
      if (trailer.length === END_OF_LINE.length) return
    }
  }

  async *#readExactly(length: number): AsyncGenerator<Buffer> {
    for (let left = length; left > 0; ) {
      if (this.#rest.length === 0 && !(await this.#more())) throw new Error('the connection ended in a body')
      const bytes = this.#take(left)
      left -= bytes.length
      yield bytes
    }
  }

  async #readThrough(end: Buffer): Promise<Buffer> {
    for (;;) {
      const index = this.#rest.indexOf(end)
      if (index >= 0) return this.#take(index + end.length)
      if (this.#rest.length > MOST_HEAD_BYTES) throw new Error('a head without an end')
      if (!(await this.#more())) throw new Error('the connection ended in a head')
    }
  }

  #take(most: number): Buffer {
    const taken = this.#rest.subarray(0, most)
    this.#rest = this.#rest.subarray(taken.length)
    return taken
  }

  async #more(): Promise<boolean> {
    const { done, value } = await this.#chunks.next()
    if (done === true) return false
    this.#rest = this.#rest.length === 0 ? value : Buffer.concat([this.#rest, value])
    return true
  }
}

export function framingOfRequest({ headers }: Head): Framing {
  return framingOf(headers) ?? { kind: 'length', length: 0 }
}

export function framingOfAnswer(head: Head, method: string): Framing {
  const status = statusOf(head)
  if (method === 'HEAD' || status === 204 || status === 304) return { kind: 'length', length: 0 }
  return framingOf(head.headers) ?? { kind: 'until-close' }
}

export function statusOf({ firstLine }: Head): number {
  return Number(firstLine.split(' ')[1])
}

/** What a body says, without its framing. */
export function decodeBody(raw: Buffer, framing: Framing): Buffer {
  if (framing.kind !== 'chunked') return raw
  const parts: Buffer[] = []
  for (let position = 0; ; ) {
    const lineEnd = raw.indexOf(END_OF_LINE, position)
    const size = Number.parseInt(raw.subarray(position, lineEnd).toString('latin1'), 16)
    if (size === 0) return Buffer.concat(parts)
    position = lineEnd + END_OF_LINE.length
    parts.push(raw.subarray(position, position + size))
    position += size + END_OF_LINE.length
  }
}

/** Resolves when more may be written. Throws when the other side has gone. */
export async function send(socket: Socket, bytes: Uint8Array): Promise<void> {
  if (socket.destroyed || !socket.writable) throw new Error('the connection is closed')
  if (bytes.length === 0 || socket.write(bytes)) return
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onClose = () => reject(new Error('the connection is closed'))
  socket.once('drain', resolve)
  socket.once('close', onClose)
  try {
    await promise
  } finally {
    socket.off('drain', resolve)
    socket.off('close', onClose)
  }
}

function framingOf(headers: ReadonlyMap<string, string>): Framing | undefined {
  if (headers.get('transfer-encoding')?.toLowerCase() === 'chunked') return { kind: 'chunked' }
  const length = headers.get('content-length')
  return length === undefined ? undefined : { kind: 'length', length: Number(length) }
}
