import { noAnswer, wrongAnswer } from './upstream-failure.ts'

/** One request to another server. */
export interface Question {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT'
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  /** Goes to the origin of `url` alone, never along with a redirect to another one. */
  readonly authorization?: string | undefined
  /** What is sent. It may hold secrets: only GET and HEAD, which send nothing, follow redirects. */
  readonly body?: URLSearchParams | Uint8Array<ArrayBuffer> | undefined
  /** As errors name the server. */
  readonly asked: string
  /** Ends the exchange, body and all. */
  readonly signal: AbortSignal
}

export interface Patience {
  /** For the head of an answer. */
  readonly headMs: number
  /** For the next bytes of a body. */
  readonly stallMs: number
}

export const PATIENCE: Patience = { headMs: 30_000, stallMs: 30_000 }

/** How the servers are reached that answer for one upstream: itself, its token server, and those that it redirects to. */
export interface Way extends Patience {
  /** The certificates in PEM form of all authorities that are trusted. Undefined: those of the system. */
  readonly authorities?: string | undefined
  /** The URL of the HTTP proxy on the way, with its user name and password; false: none. Undefined: the one that the environment names. */
  readonly proxy?: string | false | undefined
}

/** Registries send to object stores, which send on once or twice at most. */
const MOST_REDIRECTS = 5
const FOLLOWING: ReadonlySet<string> = new Set(['GET', 'HEAD'])
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/**
 * Asks, and follows redirects by hand: the runtime would keep headers of our own on the way. Throws UpstreamFailure when no answer begins in
 * time. The caller reads the body of the answer or discards it.
 */
export async function ask(question: Question, way: Way): Promise<Answer> {
  const { asked, url: first } = question
  let url = first
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects += 1) {
    const answer = await askOnce({ ...question, url }, { way, isFirstOrigin: url.origin === first.origin })
    const location = REDIRECTS.has(answer.status) ? answer.headers.get('location') : null
    if (location === null || !FOLLOWING.has(question.method)) return answer
    answer.discard()
    url = redirected(location, url, asked)
  }
  throw wrongAnswer(asked, `sends from one address to the next, more than ${MOST_REDIRECTS} times`)
}

async function askOnce(
  { method, url, headers, authorization, body, asked, signal }: Question,
  { way, isFirstOrigin }: { readonly way: Way; readonly isFirstOrigin: boolean },
): Promise<Answer> {
  const ending = new AbortController()
  const end = () => ending.abort(signal.reason)
  signal.addEventListener('abort', end, { once: true })
  const timer = setTimeout(() => ending.abort(new Error(`no answer within ${way.headMs / 1000} s`)), way.headMs)
  const letGo = () => signal.removeEventListener('abort', end)
  try {
    signal.throwIfAborted()
    const response = await fetch(url, {
      method,
      // The bytes are wanted as they are stored: a digest is over those.
      headers: { ...headers, 'accept-encoding': 'identity', ...(authorization && isFirstOrigin ? { authorization } : {}) },
      ...(body === undefined ? {} : { body }),
      redirect: 'manual',
      decompress: false,
      ...connectionOf(way),
      signal: ending.signal,
    })
    return new Answer(response, { url, asked, stallMs: way.stallMs, ending, letGo })
  } catch (cause) {
    letGo()
    if (signal.aborted) throw signal.reason
    throw noAnswer(asked, ending.signal.aborted ? ending.signal.reason : cause)
  } finally {
    clearTimeout(timer)
  }
}

function connectionOf({ authorities, proxy }: Way): Pick<BunFetchRequestInit, 'tls' | 'proxy'> {
  return {
    ...(authorities === undefined ? {} : { tls: { ca: authorities } }),
    ...(proxy === undefined ? {} : { proxy }),
  }
}

/** Never from HTTPS to plain HTTP: what is asked for, and some of what is answered, is proven by the connection alone. */
function redirected(location: string, from: URL, asked: string): URL {
  const url = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) throw wrongAnswer(asked, 'sends to an address that is none')
  if (from.protocol === 'https:' && url.protocol === 'http:')
    throw wrongAnswer(asked, `sends from HTTPS to plain HTTP at ${url.host}`)
  return url
}

interface AnswerParts {
  readonly url: URL
  readonly asked: string
  readonly stallMs: number
  readonly ending: AbortController
  /** The exchange has ended: nothing listens for the end of the question any more. */
  readonly letGo: () => void
}

/** An answer of another server, whose body is still on its way. */
export class Answer {
  readonly status: number
  readonly headers: Headers
  /** Where it came from at last. */
  readonly url: URL
  readonly #body: ReadableStream<Uint8Array> | null
  readonly #parts: AnswerParts

  constructor({ status, headers, body }: Response, parts: AnswerParts) {
    this.status = status
    this.headers = headers
    this.url = parts.url
    this.#body = body
    this.#parts = parts
    if (body === null) parts.letGo()
  }

  /** The length of the body as the server declares it. */
  get length(): number | undefined {
    const text = this.headers.get('content-length') ?? ''
    const length = /^\d+$/.test(text) ? Number(text) : Number.NaN
    return Number.isSafeInteger(length) ? length : undefined
  }

  /** The body as it comes. Throws UpstreamFailure when it breaks off or stalls; the connection is closed when the reader stops early. */
  async *chunks(): AsyncGenerator<Uint8Array> {
    const { asked, stallMs, ending } = this.#parts
    const stalled = () => ending.abort(new Error(`nothing has come for ${stallMs / 1000} s`))
    const reader = this.#body?.getReader()
    try {
      for (;;) {
        const timer = setTimeout(stalled, stallMs)
        const part = await reader?.read().finally(() => clearTimeout(timer))
        clearTimeout(timer)
        if (part === undefined || part.done) return
        yield part.value
      }
    } catch (cause) {
      throw noAnswer(asked, ending.signal.aborted ? ending.signal.reason : cause)
    } finally {
      this.discard()
    }
  }

  /** The whole of a small body. Throws UpstreamFailure above so many bytes. */
  async bytes(maxBytes: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    let size = 0
    for await (const part of this.chunks()) {
      size += part.length
      if (size > maxBytes)
        throw wrongAnswer(this.#parts.asked, `answers with more than ${maxBytes} bytes where so many are the most`)
      parts.push(part)
    }
    return Buffer.concat(parts)
  }

  /** Closes the connection where the body has not ended. */
  discard(): void {
    this.#parts.letGo()
    this.#parts.ending.abort(new Error('the answer is not needed'))
  }
}
