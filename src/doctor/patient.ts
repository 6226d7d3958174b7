import type { Answer } from './answer.ts'
import { authorize, type Credentials } from './authorization.ts'

export type RequestBody = string | Uint8Array | ReadableStream<Uint8Array>

export interface PatientOptions {
  /** Of the registry, without a slash at its end. */
  readonly url: string
  /** The authority to trust beside those of the system, as PEM. */
  readonly authority?: string | undefined
  /** What the client shows, as PEM. */
  readonly certificate?: { readonly cert: string; readonly key: string } | undefined
  readonly credentials?: Credentials | undefined
}

const TIMEOUT_MS = 20 * 60_000

/** A registry as clients see it, through whatever is in front of it. */
export class Patient {
  readonly url: string
  readonly #tls: { readonly ca?: string; readonly cert?: string; readonly key?: string }
  readonly #credentials: Credentials | undefined
  #authorization: string | undefined

  constructor({ url, authority, certificate, credentials }: PatientOptions) {
    this.url = url
    this.#tls = { ...(authority === undefined ? {} : { ca: authority }), ...certificate }
    this.#credentials = credentials
  }

  /** Any request, to a path or to where the registry has pointed. Follows nothing; throws what the connection did. */
  async ask(
    method: string,
    path: string,
    init: { readonly headers?: Record<string, string>; readonly body?: RequestBody } = {},
  ): Promise<Answer> {
    const startedAt = performance.now()
    const headers = this.#authorization === undefined ? init.headers : { ...init.headers, Authorization: this.#authorization }
    const response = await fetch(new URL(path, `${this.url}/`), {
      method,
      redirect: 'manual',
      // What the proxy compresses shows in the headers only if it is not undone here.
      decompress: false,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(headers === undefined ? {} : { headers }),
      ...(init.body === undefined ? {} : { body: init.body }),
      tls: this.#tls,
    })
    const server = response.headers.get('server') ?? undefined
    return {
      status: response.status,
      headers: response.headers,
      server,
      durationMs: performance.now() - startedAt,
      body: response,
    }
  }

  /** Gets what the challenge asks for; everything asked from now on carries it. Throws Stopped. */
  async authorize(challenge: string, scope: string): Promise<void> {
    this.#authorization = await authorize(challenge, {
      scope,
      url: this.url,
      credentials: this.#credentials,
      ask: async (url, headers) => await this.ask('GET', url, { headers }),
    })
  }
}
