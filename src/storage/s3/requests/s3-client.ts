import { createHash } from 'node:crypto'
import type { CredentialSource, S3Settings } from '../settings.ts'
import { bucketEndpoint, type Endpoint, publicEndpoint } from './endpoint.ts'
import { lateMsOf, OpenAttempts } from './open-attempts.ts'
import { payloadHash, sizeOf } from './payload-hash.ts'
import { failureOf, NotAloneError, S3Error } from './s3-error.ts'
import { presign, signExpiring, signHeaders } from './signature.ts'
import { StoreClock } from './store-clock.ts'
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
  /**
   * It would harm if it came late: it is signed so that the store soon refuses it, and no end of it is told before an attempt without an answer
   * has expired. With a small body or none. `expired`: it is sent as if it came too late.
   */
  readonly expires?: true | 'expired'
  /** Sent only while no other machine can have taken over. */
  readonly isGuarded?: boolean
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
  /** Is told of an attempt that failed: the store may have done it all the same. */
  readonly onFailedAttempt?: () => void
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

/** The times that an attempt was signed with. */
interface SentAttempt {
  readonly aheadMs: number
  readonly signedMs: number
}

export interface S3ClientOptions {
  readonly settings: S3Settings
  readonly credentials: CredentialSource
  readonly watch?: (exchange: S3Exchange) => void
  /** Is told each time that the store hides what it was to delete, and keeps it as a version. */
  readonly onHidden?: () => void
}

const TIMEOUT_MS = 10_000
/** A body may take this much longer for each of its bytes: 10 MiB get 50 s more. */
const SLOWEST_BYTES_PER_MS = 200
/** Clients wait for an answer for about 30 s. */
const PATIENCE_MS = 20_000
const HURRIED_PATIENCE_MS = 1_000
const MOST_ATTEMPTS = 8
/** Whatever clock the store has, and ours before it has answered. */
const LONG_EXPIRED_MS = 24 * 60 * 60 * 1000
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 3_000

/** Signed requests to one bucket, tried again with growing pauses while what failed may pass. */
export class S3Client {
  readonly #options: S3ClientOptions
  readonly #endpoint: Endpoint
  readonly #publicEndpoint: Endpoint
  readonly #tls: StoreTls
  readonly #connections: StoreConnections | undefined
  readonly #clock = new StoreClock()
  #lateMs: number
  #mayChange = () => true
  #longestPatienceMs = Number.POSITIVE_INFINITY

  constructor(options: S3ClientOptions) {
    this.#options = options
    this.#endpoint = bucketEndpoint(options.settings)
    this.#publicEndpoint = publicEndpoint(options.settings)
    this.#tls = tlsOf(options.settings)
    this.#lateMs = lateMsOf({ ...options.settings, refusesLate: true })
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
    const signer = { credentials: await credentials(), region: settings.region, at: new Date(this.#clock.signingMs()) }
    return presign(method, this.#publicEndpoint(key), expiresInSeconds, signer)
  }

  /** From now on nothing is tried again for long, requests under way included. */
  hurry(): void {
    this.#longestPatienceMs = HURRIED_PATIENCE_MS
  }

  /** From now on guarded requests are sent only while this says so. */
  guard(mayChange: () => boolean): void {
    this.#mayChange = mayChange
  }

  /** For how long the store may still do a request that expires and had no answer. */
  get lateMs(): number {
    return this.#lateMs
  }

  /** The store does requests whose signatures have expired. */
  waitForLate(): void {
    this.#lateMs = lateMsOf({ ...this.#options.settings, refusesLate: false })
  }

  /** What time the store has, as far as its last answer tells. */
  storeTimeMs(): number | undefined {
    return this.#clock.nowMs()
  }

  async #withAttempts<Result>(request: S3Request, use: (response: Response) => Promise<Result>): Promise<Result> {
    const open = new OpenAttempts(this.#lateMs)
    try {
      return await this.#tryUntilDone(request, use, open)
    } finally {
      await open.over()
    }
  }

  async #tryUntilDone<Result>(
    request: S3Request,
    use: (response: Response) => Promise<Result>,
    open: OpenAttempts,
  ): Promise<Result> {
    const { patienceMs = PATIENCE_MS } = request
    const beganAt = performance.now()
    for (let attempt = 1; ; attempt += 1) {
      const startedAt = performance.now()
      const sent = { aheadMs: this.#clock.aheadMs, signedMs: this.#clock.expiringMs() }
      let status: number | undefined
      try {
        const result = await this.#attempt(request, async (response) => {
          status = response.status
          return await use(response)
        })
        this.#tell(request, { status, startedAt, attempt, retried: undefined })
        return result
      } catch (error) {
        if (error instanceof NotAloneError) throw error
        const failure = error instanceof S3Error ? error : noAnswer(request, error)
        if (request.expires === true) open.note(failure)
        request.onFailedAttempt?.()
        request.signal?.throwIfAborted()
        const pauseMs = this.#isSignedAnew(request, failure, sent) ? 0 : pauseAfter(attempt)
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
    const { url, headers } = await this.#signed(request, this.#endpoint(key, query))
    if (request.isGuarded === true && !this.#mayChange()) throw new NotAloneError()
    const abort = new AbortController()
    const cut = () => abort.abort(request.signal?.reason)
    request.signal?.addEventListener('abort', cut)
    const timer = setTimeout(cut, request.timeoutMs ?? TIMEOUT_MS + sizeOf(body) / SLOWEST_BYTES_PER_MS)
    try {
      // On a connection that it has kept the runtime sends a request again by itself when it breaks, and does not tell its caller.
      const keepalive = request.expires === undefined
      // Amazon's requests never redirect where the region is right; following one would send signed headers elsewhere.
      const init = {
        method,
        headers,
        signal: abort.signal,
        redirect: 'manual',
        decompress: false,
        tls: this.#tls,
        keepalive,
      } as const
      const streamed = request.isStreamed === true ? await this.#connections?.get(url, headers, abort.signal) : undefined
      const response =
        streamed ?? (await fetch(url, body === undefined ? init : { ...init, body: body as Uint8Array<ArrayBuffer> }))
      this.#clock.note(response.headers.get('date'))
      if (method === 'DELETE' && response.headers.get('x-amz-delete-marker') === 'true') this.#options.onHidden?.()
      if (!response.ok) throw new S3Error(failureOf(nameOf(request), method, response.status, await response.text()))
      return await use(response)
    } finally {
      clearTimeout(timer)
      request.signal?.removeEventListener('abort', cut)
    }
  }

  async #signed(request: S3Request, url: URL): Promise<{ readonly url: URL; readonly headers: Headers }> {
    const { method, headers: extra, body, expires } = request
    const { settings, credentials } = this.#options
    const { region, expiresSeconds } = settings
    const headers = new Headers(extra)
    headers.set('user-agent', settings.userAgent)
    // What a store packs would have another length than the object.
    headers.set('accept-encoding', 'identity')
    if (expires !== undefined) {
      // Such a signature does not cover the body: stores that check the MD5 refuse a part of it.
      if (body instanceof Uint8Array) headers.set('content-md5', createHash('md5').update(body).digest('base64'))
      const at = new Date(this.#clock.expiringMs() - (expires === 'expired' ? LONG_EXPIRED_MS : 0))
      const signer = { credentials: await credentials(), region, at }
      return { url: signExpiring({ method, url, headers }, expiresSeconds, signer), headers }
    }
    const signer = { credentials: await credentials(), region, at: new Date(this.#clock.signingMs()) }
    signHeaders({ method, url, headers, payloadHash: await payloadHash(request) }, signer)
    return { url, headers }
  }

  /** Whether the store refused it for its time, and the store's answer tells another one. */
  #isSignedAnew({ expires }: S3Request, { status, s3Code }: S3Error, sent: SentAttempt): boolean {
    if (s3Code === 'RequestTimeTooSkewed') return this.#clock.correct(sent.aheadMs)
    return expires === true && status === 403 && this.#clock.hasMovedSince(sent.signedMs)
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
  return new S3Error({ status: undefined, code: '', message: silenceOf(cause), request: nameOf(request), cause })
}

/** The code where the system or TLS gave one: the runtime's sentence beside it does not tell more. */
function silenceOf(cause: unknown): string {
  if (!(cause instanceof Error) || cause.name === 'AbortError' || cause.name === 'TimeoutError') return 'no answer in time'
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message
}

/** Grows with each attempt, and differs between requests that failed together. */
function pauseAfter(attempt: number): number {
  return 1 + Math.random() * Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt)
}
