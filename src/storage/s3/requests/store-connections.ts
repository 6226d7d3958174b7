import { type AnswerHead, findChunked } from './answer-head.ts'
import { StoreConnection, type StoreTls } from './store-connection.ts'

/** So many connections wait for another request, for so long: stores close them after 5 s and more. */
const MOST_IDLE = 16
const IDLE_MS = 4_000
/** Errors are a page of XML. */
const LONGEST_CHUNKED_BYTES = 1024 * 1024
/** No body, in the words of fetch. */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304])

/**
 * Reads from one store. Bun's `fetch` takes 3 MiB of memory for each body that is read slowly, and twice the processor time for each
 * byte: it receives in a thread of its own, ahead of the reader.
 */
export class StoreConnections {
  readonly #tls: StoreTls
  readonly #idle: { readonly connection: StoreConnection; readonly timer: NodeJS.Timeout }[] = []

  constructor(tls: StoreTls) {
    this.#tls = tls
  }

  /**
   * The answer to a GET; undefined when it is none that is read here, because nothing tells where its content ends: `fetch` knows more.
   * Throws what the network says. The signal counts until the answer has begun.
   */
  async get(url: URL, headers: Headers, signal: AbortSignal): Promise<Response | undefined> {
    for (let idle = this.#takeIdle(); idle !== undefined; idle = this.#takeIdle()) {
      const answer = await this.#ask(idle, { url, headers, signal }).catch((error: unknown) => {
        // The store closed it just now; that is no answer.
        if (idle?.hasAnswered === true || signal.aborted) throw error
        return 'closed' as const
      })
      if (answer !== 'closed') return answer
    }
    return await this.#ask(new StoreConnection(url, this.#tls), { url, headers, signal })
  }

  async #ask(connection: StoreConnection, { url, headers, signal }: StoreRequest): Promise<Response | undefined> {
    const cut = () => connection.destroy(new DOMException('The request was given up.', 'AbortError'))
    if (signal.aborted) cut()
    signal.addEventListener('abort', cut)
    try {
      return await this.#answer(connection, await connection.get(url, headers))
    } catch (error) {
      connection.destroy()
      throw error
    } finally {
      signal.removeEventListener('abort', cut)
    }
  }

  async #answer(connection: StoreConnection, head: AnswerHead): Promise<Response | undefined> {
    const { status, headers, body } = head
    if (body.kind === 'sized' && !BODILESS.has(status)) {
      return new Response(this.#sizedBody(connection, head, body.length), { status, headers })
    }
    const text = body.kind === 'chunked' && status >= 400 ? await readChunked(connection) : undefined
    connection.destroy()
    return text && new Response(new Uint8Array(text), { status, headers })
  }

  #sizedBody(connection: StoreConnection, { keepsAlive }: AnswerHead, length: number): ReadableStream<Uint8Array> | null {
    const finish = () => {
      if (keepsAlive) this.#keep(connection)
      else connection.destroy()
    }
    if (length > 0) return bodyOf(connection, length, finish)
    finish()
    return null
  }

  #keep(connection: StoreConnection): void {
    if (this.#idle.length >= MOST_IDLE) {
      connection.destroy()
      return
    }
    connection.rest()
    const timer = setTimeout(() => {
      const at = this.#idle.findIndex((idle) => idle.connection === connection)
      this.#idle.splice(at, 1)
      connection.destroy()
    }, IDLE_MS).unref()
    this.#idle.push({ connection, timer })
  }

  #takeIdle(): StoreConnection | undefined {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      clearTimeout(idle.timer)
      if (idle.connection.wake()) return idle.connection
      idle.connection.destroy()
    }
    return undefined
  }
}

interface StoreRequest {
  readonly url: URL
  readonly headers: Headers
  readonly signal: AbortSignal
}

/** Cancelling it ends the connection: what has been asked for cannot be taken back in another way. */
function bodyOf(connection: StoreConnection, length: number, finish: () => void): ReadableStream<Uint8Array> {
  let left = length
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const bytes = await connection.read()
        controller.enqueue(bytes.subarray(0, left))
        left -= bytes.length
        if (left > 0) return
        controller.close()
        // What comes after the body was not asked for.
        if (left === 0) finish()
        else connection.destroy()
      },
      cancel: () => connection.destroy(),
    },
    { highWaterMark: 0 },
  )
}

async function readChunked(connection: StoreConnection): Promise<Buffer> {
  for (let bytes = Buffer.alloc(0); ; ) {
    bytes = Buffer.concat([bytes, await connection.read()])
    const content = findChunked(bytes)
    if (content !== undefined) return content
    if (bytes.length > LONGEST_CHUNKED_BYTES) throw new Error('the answer is an error that does not end')
  }
}
