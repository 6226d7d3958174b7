import { setImmediate } from 'node:timers/promises'
import type { CredentialSource, S3Settings } from '../settings.ts'
import { bucketEndpoint, type Endpoint, publicEndpoint } from './endpoint.ts'
import { failureOf, S3Error } from './s3-error.ts'
import { presign, sha256Of, signHeaders, UNSIGNED_PAYLOAD } from './signature.ts'
import type { StoreTls } from './store-connection.ts'
import { StoreConnections } from './store-connections.ts'

export interface S3Request {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'
  readonly key: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  /** A file is sent from the disk. */
  readonly body?: Uint8Array | Blob
  /** The signature covers every byte of the body: a part of it, left by a connection that broke, is refused by every store. */
  readonly isWhole?: boolean
  /** How long one attempt may take until its answer begins. */
  readonly timeoutMs?: number
  /** After this long no further attempt begins; what clients wait for an answer when left out. */
  readonly patienceMs?: number
  readonly signal?: AbortSignal
  /**
   * What a whole answer to this has in it. A store may begin an answer with 200 and white space, and decide later; and not every way there
   * tells when an answer is cut off.
   */
  readonly confirmedBy?: string
  /** The answer may be large, and is read no faster than its reader takes it. */
  readonly isStreamed?: boolean
}

/** One attempt, as observers are told of it. */
export interface S3Exchange {
  readonly method: string
  readonly key: string
  readonly query: Readonly<Record<string, string>>
  /** Undefined when there was no answer. */
  readonly status: number | undefined
  readonly durationMs: number
  /** From 1. */
  readonly attempt: number
  /** Whether it is tried again, and what went wrong. */
  readonly retried: S3Error | undefined
}

export interface S3ClientOptions {
  readonly settings: S3Settings
  readonly credentials: CredentialSource
  readonly watch?: (exchange: S3Exchange) => void
}

const TIMEOUT_MS = 10_000
/** A body may take this much longer for each of its bytes: 10 MiB get 50 s more. */
const SLOWEST_BYTES_PER_MS = 200
/** Clients wait for an answer for about 30 s. */
const PATIENCE_MS = 20_000
const HURRIED_PATIENCE_MS = 1_000
const MOST_ATTEMPTS = 8
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 3_000
/** Bodies up to this size are signed with their hash; larger ones are hashed as blobs, and TLS keeps them whole on the way. */
const HASHED_BODY_BYTES = 64 * 1024
/** Stores refuse what is a quarter of an hour off; of clocks that differ less, the difference is the way of an answer. */
const SKEW_MS = 60_000
const HASHED_AT_ONCE_BYTES = 1024 * 1024

/** Signed requests to one bucket, tried again with growing pauses while what failed may pass. */
export class S3Client {
  readonly #options: S3ClientOptions
  readonly #endpoint: Endpoint
  readonly #publicEndpoint: Endpoint
  readonly #tls: StoreTls
  readonly #connections: StoreConnections | undefined
  #longestPatienceMs = Number.POSITIVE_INFINITY
  /** How far the store's clock is ahead of ours, once it has refused a request for that. */
  #clockAheadMs = 0
  /** The store's clock and ours at its last answer. */
  #storeTime: { readonly storeMs: number; readonly oursMs: number } | undefined

  constructor(options: S3ClientOptions) {
    this.#options = options
    this.#endpoint = bucketEndpoint(options.settings)
    this.#publicEndpoint = publicEndpoint(options.settings)
    this.#tls = tlsOf(options.settings)
    this.#connections = options.settings.isProxied ? undefined : new StoreConnections(this.#tls)
  }

  /** The answer, whose status is a success; its body is the caller's to read or cancel. Throws S3Error, or what the signal says. */
  async send(request: S3Request): Promise<Response> {
    return await this.#withAttempts(request, async (response) => response)
  }

  /** The whole text of an answer. Some answers are errors although their status says success; those are thrown, too. */
  async sendForText(request: S3Request): Promise<string> {
    return await this.#withAttempts(request, async (response) => {
      const text = await response.text()
      if (/^\s*(<\?xml[^>]*\?>)?\s*<Error[\s>]/.test(text)) {
        const failure = failureOf(nameOf(request), request.method, response.status, text)
        throw new S3Error({ ...failure, status: failure.code === 'InternalError' ? 500 : failure.status })
      }
      if (text.includes(request.confirmedBy ?? '')) return text
      throw noAnswer(request, new Error('the answer is cut off, or not one of S3'))
    })
  }

  /** A URL with which a client of the registry may do this one thing. */
  async presign(method: 'GET' | 'HEAD', key: string, expiresInSeconds: number): Promise<URL> {
    const { settings, credentials } = this.#options
    const signer = { credentials: await credentials(), region: settings.region, at: this.#now() }
    return presign(method, this.#publicEndpoint(key), expiresInSeconds, signer)
  }

  /** From now on nothing is tried again for long, requests under way included. */
  hurry(): void {
    this.#longestPatienceMs = HURRIED_PATIENCE_MS
  }

  /** What time the store has, as far as its last answer tells. */
  storeTimeMs(): number | undefined {
    return this.#storeTime && this.#storeTime.storeMs + (Date.now() - this.#storeTime.oursMs)
  }

  async #withAttempts<Result>(request: S3Request, use: (response: Response) => Promise<Result>): Promise<Result> {
    const { patienceMs = PATIENCE_MS } = request
    const beganAt = performance.now()
    for (let attempt = 1; ; attempt += 1) {
      const [startedAt, clockAheadMs] = [performance.now(), this.#clockAheadMs]
      let status: number | undefined
      try {
        const result = await this.#attempt(request, async (response) => {
          status = response.status
          return await use(response)
        })
        this.#tell(request, { status, startedAt, attempt, retried: undefined })
        return result
      } catch (error) {
        request.signal?.throwIfAborted()
        const failure = error instanceof S3Error ? error : noAnswer(request, error)
        const pauseMs = this.#correctsClock(failure, clockAheadMs) ? 0 : pauseAfter(attempt)
        const isLast =
          attempt >= MOST_ATTEMPTS || performance.now() + pauseMs > beganAt + Math.min(patienceMs, this.#longestPatienceMs)
        const isTriedAgain = !isLast && (failure.isPassing || pauseMs === 0)
        this.#tell(request, { status: failure.status, startedAt, attempt, retried: isTriedAgain ? failure : undefined })
        if (!isTriedAgain) throw failure
        await Bun.sleep(pauseMs)
      }
    }
  }

  /** One attempt, cut off when its answer, or the end of what `use` reads, does not come in time. */
  async #attempt<Result>(request: S3Request, use: (response: Response) => Promise<Result>): Promise<Result> {
    const { method, key, query, body } = request
    const url = this.#endpoint(key, query)
    const headers = await this.#signedHeaders(request, url)
    const abort = new AbortController()
    const cut = () => abort.abort(request.signal?.reason)
    request.signal?.addEventListener('abort', cut)
    const timer = setTimeout(cut, request.timeoutMs ?? TIMEOUT_MS + sizeOf(body) / SLOWEST_BYTES_PER_MS)
    try {
      // Amazon's requests never redirect where the region is right; following one would send signed headers elsewhere.
      const init = { method, headers, signal: abort.signal, redirect: 'manual', decompress: false, tls: this.#tls } as const
      const streamed = request.isStreamed === true ? await this.#connections?.get(url, headers, abort.signal) : undefined
      const response =
        streamed ?? (await fetch(url, body === undefined ? init : { ...init, body: body as Uint8Array<ArrayBuffer> }))
      this.#noteTime(response)
      if (!response.ok) throw new S3Error(failureOf(nameOf(request), method, response.status, await response.text()))
      return await use(response)
    } finally {
      clearTimeout(timer)
      request.signal?.removeEventListener('abort', cut)
    }
  }

  async #signedHeaders(request: S3Request, url: URL): Promise<Headers> {
    const { method, headers: extra } = request
    const { settings, credentials } = this.#options
    const headers = new Headers(extra)
    headers.set('user-agent', settings.userAgent)
    // What a store packs would have another length than the object.
    headers.set('accept-encoding', 'identity')
    signHeaders(
      { method, url, headers, payloadHash: await payloadHash(request) },
      { credentials: await credentials(), region: settings.region, at: this.#now() },
    )
    return headers
  }

  #now(): Date {
    return new Date(Date.now() + this.#clockAheadMs)
  }

  #noteTime(response: Response): void {
    const storeMs = Date.parse(response.headers.get('date') ?? '')
    if (!Number.isNaN(storeMs)) this.#storeTime = { storeMs, oursMs: Date.now() }
  }

  /**
   * True when the store refused an attempt for its time, and has another one: from then on requests carry that. Our own clock may be set
   * right later, and other attempts may have been under way with the old time.
   */
  #correctsClock(failure: S3Error, clockAheadMs: number): boolean {
    if (failure.s3Code !== 'RequestTimeTooSkewed' || this.#storeTime === undefined) return false
    this.#clockAheadMs = this.#storeTime.storeMs - this.#storeTime.oursMs
    return Math.abs(this.#clockAheadMs - clockAheadMs) > SKEW_MS
  }

  #tell(request: S3Request, facts: Pick<S3Exchange, 'status' | 'attempt' | 'retried'> & { readonly startedAt: number }): void {
    const { startedAt, ...told } = facts
    const { method, key, query = {} } = request
    this.#options.watch?.({ method, key, query, durationMs: performance.now() - startedAt, ...told })
  }
}

function tlsOf({ skipVerify, certificateAuthorities: ca }: S3Settings): StoreTls {
  if (skipVerify) return { rejectUnauthorized: false }
  return ca === undefined ? {} : { ca }
}

/** For the log: no signature, no secret. */
function nameOf({ method, key, query = {} }: S3Request): string {
  return `${method} ${key}${Object.keys(query).length === 0 ? '' : `?${new URLSearchParams(query)}`}`
}

function noAnswer(request: S3Request, cause: unknown): S3Error {
  const message = cause instanceof Error && cause.name !== 'AbortError' ? cause.message : 'no answer in time'
  return new S3Error({ status: undefined, code: '', message, request: nameOf(request), cause })
}

/** Grows with each attempt, and differs between requests that failed together. */
function pauseAfter(attempt: number): number {
  return 1 + Math.random() * Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt)
}

async function payloadHash({ body, isWhole = false }: S3Request): Promise<string> {
  if (body === undefined) return sha256Of('')
  if (body instanceof Uint8Array && body.length <= HASHED_BODY_BYTES) return sha256Of(body)
  return isWhole ? await hashInTurns(body) : UNSIGNED_PAYLOAD
}

/** Other requests go on between the pieces. */
async function hashInTurns(body: Uint8Array | Blob): Promise<string> {
  const hasher = new Bun.CryptoHasher('sha256')
  const size = sizeOf(body)
  for (let start = 0; start < size; start += HASHED_AT_ONCE_BYTES) {
    const end = start + HASHED_AT_ONCE_BYTES
    hasher.update(body instanceof Uint8Array ? body.subarray(start, end) : await body.slice(start, end).bytes())
    await setImmediate()
  }
  return hasher.digest('hex')
}

function sizeOf(body: Uint8Array | Blob | undefined): number {
  return body instanceof Uint8Array ? body.length : (body?.size ?? 0)
}
