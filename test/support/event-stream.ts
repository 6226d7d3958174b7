/** A frame of a stream of server-sent events. */
export interface Frame {
  readonly id: string
  readonly event: string
  readonly data: Readonly<Record<string, unknown>>
}

const LONGEST_WAIT_MS = 60_000

/** A client that listens at /api/v1/events. It reads what the test asks for, and nothing ahead of that. */
export class EventStream implements AsyncDisposable {
  readonly response: Response
  /** Comments that came. */
  heartbeats = 0
  readonly #ending: AbortController
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  readonly #decoder = new TextDecoder()
  #text = ''
  #lastId: string | undefined

  private constructor(response: Response, ending: AbortController) {
    this.response = response
    this.#ending = ending
    this.#reader = response.body?.getReader() as ReadableStreamDefaultReader<Uint8Array> | undefined
  }

  /** `query`: with its question mark. */
  static async open(
    url: string,
    { query = '', headers = {} }: { readonly query?: string; readonly headers?: Readonly<Record<string, string>> } = {},
  ): Promise<EventStream> {
    const ending = new AbortController()
    return new EventStream(await fetch(`${url}/api/v1/events${query}`, { headers, signal: ending.signal }), ending)
  }

  /** The id that came last, for a stream that goes on. */
  get lastId(): string {
    if (this.#lastId === undefined) throw new Error('nothing with an id has come')
    return this.#lastId
  }

  /** Undefined: the stream has ended well. Throws when nothing comes in time. */
  async next(): Promise<Frame | undefined> {
    for (;;) {
      const end = this.#text.indexOf('\n\n')
      if (end >= 0) {
        const frame = this.#take(end)
        if (frame !== undefined) return frame
        continue
      }
      const { done, value } = await this.#read()
      if (done) return undefined
      this.#text += this.#decoder.decode(value, { stream: true })
    }
  }

  /** So many frames. Throws when the stream ends before. */
  async take(count: number): Promise<Frame[]> {
    const frames: Frame[] = []
    while (frames.length < count) {
      const frame = await this.next()
      if (frame === undefined) throw new Error(`the stream ended after ${frames.map(({ event }) => event).join()}`)
      frames.push(frame)
    }
    return frames
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort()
    await this.#reader?.cancel().catch(() => undefined)
  }

  #take(end: number): Frame | undefined {
    const lines = this.#text.slice(0, end).split('\n')
    this.#text = this.#text.slice(end + 2)
    if (lines.some((line) => line.startsWith(':'))) this.heartbeats += 1
    const fieldOf = (field: string) => lines.find((line) => line.startsWith(`${field}: `))?.slice(field.length + 2)
    const [id, event, data] = ['id', 'event', 'data'].map(fieldOf)
    if (id === undefined || event === undefined || data === undefined) return undefined
    this.#lastId = id
    return { id, event, data: JSON.parse(data) as Frame['data'] }
  }

  async #read() {
    if (this.#reader === undefined) throw new Error(`no stream: ${this.response.status}`)
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => late.reject(new Error('nothing came in time')), LONGEST_WAIT_MS)
    try {
      return await Promise.race([this.#reader.read(), late.promise])
    } finally {
      clearTimeout(timer)
    }
  }
}
