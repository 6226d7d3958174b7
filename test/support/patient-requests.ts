const REQUEST_MS = 60_000
const LONGEST_ASKING_MS = 90_000
const PAUSE_MS = 100

export interface Answer {
  readonly status: number
  readonly bytes: Uint8Array
  readonly location: string | undefined
}

export interface PatientRequestsOptions {
  /** Of the client, for what it has to tell. */
  readonly name: string
  /** One of the processes that serve; undefined while there is none. */
  readonly anyUrl: () => string | undefined
  /** Whether a request that began then, by `performance.now()`, may have lost its process. */
  readonly mayBeLost: (beganMs: number) => boolean
}

interface Sent {
  readonly type?: string
  readonly accept?: string
  readonly body?: Uint8Array
}

/** Requests that are sent again where a process dies under them, or asks for patience. Any other failure of the registry is a problem. */
export class PatientRequests {
  readonly problems: string[] = []
  /** How often no answer came, or 503. */
  lost = 0
  readonly #options: PatientRequestsOptions

  constructor(options: PatientRequestsOptions) {
    this.#options = options
  }

  /** Undefined when there was no answer in the end. */
  async ask(method: string, path: string, sent: Sent = {}): Promise<Answer | undefined> {
    const deadline = performance.now() + LONGEST_ASKING_MS
    do {
      const answer = await this.#once(method, path, sent)
      if (answer !== undefined) return answer
      await Bun.sleep(PAUSE_MS)
    } while (performance.now() < deadline)
    this.problem(`${method} ${path} had no answer in ${LONGEST_ASKING_MS} ms`)
    return undefined
  }

  problem(what: string): void {
    this.problems.push(`${new Date().toISOString()} ${this.#options.name}: ${what}`)
  }

  async #once(method: string, path: string, { type, accept, body }: Sent): Promise<Answer | undefined> {
    const url = this.#options.anyUrl()
    if (url === undefined) return undefined
    const beganMs = performance.now()
    const headers = { ...(type === undefined ? {} : { 'content-type': type }), ...(accept === undefined ? {} : { accept }) }
    const init = { method, headers, redirect: 'manual', signal: AbortSignal.timeout(REQUEST_MS) } as const
    try {
      // The place of an upload names the process that gave it, which may be another one by now.
      const at = new URL(path, url)
      const target = new URL(`${at.pathname}${at.search}`, url)
      const response = await fetch(target, body === undefined ? init : { ...init, body: body.slice() })
      const bytes = await response.bytes()
      const { status } = response
      if (status < 500) return { status, bytes, location: response.headers.get('location') ?? undefined }
      if (status !== 503 || !response.headers.has('retry-after'))
        this.problem(`${method} ${path} answered ${status} ${new TextDecoder().decode(bytes)}`)
    } catch (error) {
      if (!this.#options.mayBeLost(beganMs)) this.problem(`${method} ${path} broke off: ${error}`)
    }
    this.lost += 1
    return undefined
  }
}
